// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
internal import COpenSSL

/// A server's end of a TLS connection, without a socket: bytes go in and come out.
///
/// Hand it what the client has sent with `handle`, then call `read` until it has no more bytes, then send what
/// `takeOutput` returns; the handshake happens on the way. `write` and `close` are followed by `takeOutput` as well.
@safe
public struct TLSServerConnection: ~Copyable {
  /// What the client has sent.
  public enum Input: Equatable, Sendable {
    /// Bytes of the application, 1 to 16,384.
    case bytes([UInt8])
    /// Nothing more until the client sends again.
    case waiting
    /// The client has closed its side.
    case closed
    /// The connection cannot go on; OpenSSL's words.
    case failed(String)
  }

  private let handle: OpaquePointer
  private let received: OpaquePointer
  private let toSend: OpaquePointer

  /// Begins a connection, of which nothing has been received yet.
  public init(_ context: borrowing TLSServerContext) throws(OpenSSLError) {
    OpenSSLError.emptyQueue()
    let ssl = unsafe SSL_new(context.handle)
    let input = unsafe BIO_new(BIO_s_mem())
    let output = unsafe BIO_new(BIO_s_mem())
    guard let ssl = unsafe ssl, let input = unsafe input, let output = unsafe output else {
      unsafe SSL_free(ssl)
      unsafe BIO_free_all(input)
      unsafe BIO_free_all(output)
      throw .fromQueue()
    }
    // SAFETY: the connection owns both from here on, and frees them.
    unsafe SSL_set_bio(ssl, input, output)
    unsafe SSL_set_accept_state(ssl)
    unsafe handle = ssl
    unsafe received = input
    unsafe toSend = output
  }

  deinit {
    unsafe SSL_free(handle)
  }

  /// The negotiated version, as `TLSv1.3`.
  public var version: String { unsafe String(cString: SSL_get_version(handle)) }

  /// Takes in bytes of the network; `false` where there is no memory for them.
  public mutating func handle(_ bytes: Span<UInt8>) -> Bool {
    guard !bytes.isEmpty else { return true }
    let count = Int32(clamping: bytes.count)
    // SAFETY: reads exactly the bytes; a BIO of memory takes all of them.
    return unsafe bytes.withUnsafeBufferPointer {
      unsafe BIO_write(received, $0.baseAddress, count) == count
    } && bytes.count == Int(count)
  }

  /// The next bytes of the application.
  public mutating func read() -> Input {
    OpenSSLError.emptyQueue()
    var bytes = [UInt8](repeating: 0, count: 16_384)
    // SAFETY: writes at most the room.
    let count = unsafe bytes.withUnsafeMutableBufferPointer {
      unsafe SSL_read(handle, $0.baseAddress, Int32(clamping: $0.count))
    }
    guard count <= 0 else { return .bytes(Array(bytes.prefix(Int(count)))) }
    switch unsafe SSL_get_error(handle, count) {
    case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .waiting
    case SSL_ERROR_ZERO_RETURN: return .closed
    default: return .failed(Self.reason())
    }
  }

  /// Encrypts bytes of the application; `false` where the connection cannot go on.
  public mutating func write(_ bytes: Span<UInt8>) -> Bool {
    guard !bytes.isEmpty else { return true }
    OpenSSLError.emptyQueue()
    let count = Int32(clamping: bytes.count)
    // SAFETY: reads exactly the bytes.
    return unsafe bytes.withUnsafeBufferPointer {
      unsafe SSL_write(handle, $0.baseAddress, count) == count
    } && bytes.count == Int(count)
  }

  /// Tells the client that nothing more comes.
  public mutating func close() {
    OpenSSLError.emptyQueue()
    _ = unsafe SSL_shutdown(handle)
    OpenSSLError.emptyQueue()
  }

  /// What is to be sent to the client; empty for nothing.
  public mutating func takeOutput() -> [UInt8] {
    let count = unsafe BIO_ctrl_pending(toSend)
    guard count > 0 else { return [] }
    var bytes = [UInt8](repeating: 0, count: count)
    // SAFETY: writes at most the room.
    let taken = unsafe bytes.withUnsafeMutableBufferPointer {
      unsafe BIO_read(toSend, $0.baseAddress, Int32(clamping: $0.count))
    }
    if taken < count { bytes.removeLast(count - max(0, Int(taken))) }
    return bytes
  }

  private static func reason() -> String {
    let code = ERR_peek_error()
    OpenSSLError.emptyQueue()
    guard code != 0 else { return "what came is no TLS, or it ended too early" }
    return unsafe ERR_reason_error_string(code).map { unsafe String(cString: $0) }
      ?? "error \(code)"
  }
}
#endif
