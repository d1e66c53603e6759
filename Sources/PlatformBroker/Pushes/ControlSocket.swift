// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import NIOCore
internal import NIOPosix
internal import PayloadValues
internal import PlatformCore
internal import PlatformFaults

extension BrokerRuntime {
  /// Listens on 127.0.0.1 for whoever pushes messages; the port, `nil` where none is wanted.
  func openControl() -> EventLoopFuture<Int?> {
    guard let port = settings.controlPort else { return loop.makeSucceededFuture(nil) }
    let bound = NIOLoopBound(self, eventLoop: loop)
    return ServerBootstrap(group: loop)
      .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(ControlHandler(bound.value))
        }
      }
      .bind(host: "127.0.0.1", port: port)
      .map { channel in
        bound.value.control = channel
        return channel.localAddress?.port
      }
      .flatMapErrorThrowing { error in
        guard (error as? IOError)?.errnoCode == EADDRINUSE else { throw error }
        throw BrokerError(
          "127.0.0.1 port \(port) (control) is in use by another program: choose another one, or 0 for any free one",
          isPortTaken: true
        )
      }
  }

  /// Does what a line asks for, and answers with one object; `false` where nothing more is to be read.
  func handle(_ line: [UInt8], _ answer: @escaping (PayloadValue) -> Void) -> Bool {
    let request: ControlRequest
    do throws(ControlRequest.Failure) {
      request = try ControlRequest(line)
    } catch {
      answer(["outcome": "refused", "reason": .text(error.reason)])
      return !error.isForeign
    }
    switch request {
    case .push(let request): push(request) { answer($0.value) }
    case .list: answer(["outcome": "done", "devices": .array(front.online.map(\.value))])
    case .kick(let path): close(path, notice: true, answer)
    case .disconnect(let path): close(path, notice: false, answer)
    case .stopBroker: finish(endBrokers(restarts: false), answer)
    case .restartBroker: finish(endBrokers(restarts: true), answer)
    case .addFaults(let rules): add(rules, answer)
    case .listFaults:
      let now = Self.now()
      front.core.faults.removeEnded(at: now)
      answer([
        "outcome": "done", "faults": .array(front.core.faults.entries.map { $0.value(at: now) }),
      ])
    case .removeFault(nil):
      front.core.faults.removeAll()
      answer(["outcome": "done"])
    case .removeFault(let id?):
      let isDone = front.core.faults.remove(id)
      answer(
        isDone
          ? ["outcome": "done"]
          : ["outcome": "offline", "reason": .text("there is no fault \(id)")]
      )
    }
    return true
  }

  private func add(_ rules: [FaultRule], _ answer: (PayloadValue) -> Void) {
    let now = Self.now()
    let faults = front.core.faults
    faults.removeEnded(at: now)
    guard faults.entries.count + rules.count <= FaultTable.limit else {
      return answer([
        "outcome": "refused",
        "reason": .text("there are \(FaultTable.limit) faults already: remove some"),
      ])
    }
    let numbers = rules.compactMap { faults.add($0, at: now) }.filter { $0 > 0 }
    answer(["outcome": "done", "ids": .array(numbers.map { .integer(Int64($0)) })])
  }

  private func close(_ path: String, notice: Bool, _ answer: (PayloadValue) -> Void) {
    let (wasOnline, output) = front.close(path, notice: notice, at: Self.now())
    apply(output)
    answer(
      wasOnline
        ? ["outcome": "done"]
        : ["outcome": "offline", "reason": .text("\(path) is not connected over MQTT")]
    )
  }

  private func finish(
    _ future: EventLoopFuture<Void>,
    _ answer: @escaping (PayloadValue) -> Void
  ) {
    future.assumeIsolated().whenComplete { result in
      switch result {
      case .success: answer(["outcome": "done"])
      case .failure(let error):
        let reason = (error as? BrokerError)?.reason ?? "\(error)"
        answer(["outcome": "refused", "reason": .text(reason)])
      }
    }
  }
}

/// Takes the control socket's bytes apart into lines.
private final class ControlHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// The longest line: a payload of 256 KB in hexadecimal digits, with room.
  private static let limit = 1 << 20

  private let runtime: BrokerRuntime
  private var input = ByteBuffer()

  init(_ runtime: BrokerRuntime) { self.runtime = runtime }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var bytes = unwrapInboundIn(data)
    input.writeBuffer(&bytes)
    let channel = context.channel
    while let end = input.readableBytesView.firstIndex(of: 0x0A) {
      let count = end - input.readerIndex
      guard let line = input.readBytes(length: count) else { break }
      input.moveReaderIndex(forwardBy: 1)
      guard !line.isEmpty else { continue }
      guard runtime.handle(line, { Self.write($0, to: channel) }) else {
        // Before a page's request to this machine can have a second line.
        input.clear()
        return channel.close(promise: nil)
      }
    }
    input.discardReadBytes()
    guard input.readableBytes > Self.limit else { return }
    input.clear()
    Self.write(["outcome": "refused", "reason": "the line has over 1 MiB"], to: channel)
    channel.close(promise: nil)
  }

  private static func write(_ value: PayloadValue, to channel: any Channel) {
    channel.writeAndFlush(ByteBuffer(bytes: value.encoded(.json) + [0x0A]), promise: nil)
  }
}
