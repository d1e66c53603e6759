// SPDX-License-Identifier: Apache-2.0
internal import NIOCore
internal import OpenSSLSupport

/// Decrypts what comes in, and encrypts what goes out.
final class TLSHandler: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private var connection: TLSServerConnection
  private let onFailure: (String) -> Void
  private var isClosing = false

  /// `onFailure` is told in OpenSSL's words why a connection could not go on.
  init(
    _ context: borrowing TLSServerContext,
    onFailure: @escaping (String) -> Void
  ) throws(OpenSSLError) {
    connection = try TLSServerConnection(context)
    self.onFailure = onFailure
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isClosing else { return }
    let bytes = Array(unwrapInboundIn(data).readableBytesView)
    var isOpen = connection.handle(bytes.span)
    while isOpen {
      let input = connection.read()
      switch input {
      case .bytes(let bytes):
        flush(to: context)
        context.fireChannelRead(wrapInboundOut(ByteBuffer(bytes: bytes)))
      case .waiting:
        return flush(to: context)
      case .closed: isOpen = false
      case .failed(let reason):
        onFailure(reason)
        isOpen = false
      }
    }
    // The alert that says why, where there is one.
    flush(to: context)
    context.close(promise: nil)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    let bytes = Array(unwrapOutboundIn(data).readableBytesView)
    guard !isClosing, connection.write(bytes.span) else {
      promise?.fail(ChannelError.ioOnClosedChannel)
      return
    }
    context.write(wrapOutboundOut(ByteBuffer(bytes: connection.takeOutput())), promise: promise)
  }

  func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    if !isClosing {
      isClosing = true
      connection.close()
      flush(to: context)
    }
    context.close(mode: mode, promise: promise)
  }

  private func flush(to context: ChannelHandlerContext) {
    let bytes = connection.takeOutput()
    guard !bytes.isEmpty else { return }
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
  }
}
