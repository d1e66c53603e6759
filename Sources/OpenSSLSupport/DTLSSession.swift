internal import COpenSSL

/// A session's secrets and parameters as bytes (DER), wiped when the value ends.
public struct DTLSSession: ~Copyable {
  private let memory: WipedMemory

  /// How many bytes it has: some 150, and those of the server's certificate and of a ticket.
  public var count: Int { memory.count }

  /// `nil` when there is no memory.
  init?(_ session: OpaquePointer) {
    var count = 0
    guard let bytes = unsafe nbiot_encode_session(session, &count) else { return nil }
    memory = unsafe WipedMemory(taking: bytes, count: count)
  }

  /// A copy of bytes that a session gave earlier; the caller wipes its own.
  ///
  /// `nil` when they are no session, or when there is no memory.
  public init?(copying bytes: Span<UInt8>) {
    // SAFETY: the pointer covers exactly the span and does not outlive the call.
    let decoded = unsafe bytes.withUnsafeBufferPointer {
      unsafe nbiot_decode_session($0.baseAddress, $0.count)
    }
    guard let decoded = unsafe decoded else {
      ERR_clear_error()
      return nil
    }
    unsafe SSL_SESSION_free(decoded)
    guard let memory = WipedMemory(copying: bytes) else { return nil }
    self.memory = memory
  }

  /// The bytes themselves; do not copy them anywhere that is not wiped.
  public var bytes: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get { memory.bytes }
  }
}
