internal import COpenSSL

/// A session's secrets and parameters as bytes (DER), wiped when the value ends.
@safe
public struct DTLSSession: ~Copyable {
  private let start: UnsafeMutablePointer<UInt8>

  /// How many bytes it has: some 150, and those of the server's certificate and of a ticket.
  public let count: Int

  /// `nil` when there is no memory.
  init?(_ session: OpaquePointer) {
    var count = 0
    guard let bytes = unsafe nbiot_encode_session(session, &count) else { return nil }
    unsafe start = bytes
    self.count = count
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
    guard let memory = unsafe nbiot_secret_alloc(bytes.count)
    else { return nil }
    // SAFETY: the memory has `bytes.count` bytes and belongs to this value alone.
    unsafe start = memory.bindMemory(to: UInt8.self, capacity: bytes.count)
    count = bytes.count
    for index in bytes.indices { unsafe start[index] = bytes[index] }
  }

  deinit {
    // SAFETY: allocated by OpenSSL with this length, and freed nowhere else.
    unsafe nbiot_secret_free(start, count)
  }

  /// The bytes themselves; do not copy them anywhere that is not wiped.
  public var bytes: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get {
      // SAFETY: the memory lives as long as this value, which the span borrows.
      let span = unsafe Span(_unsafeStart: start, count: count)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }
}
