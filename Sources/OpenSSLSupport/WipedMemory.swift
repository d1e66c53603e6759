internal import COpenSSL

/// Bytes in memory of their own, wiped when the value ends: what secrets and sessions are kept in.
///
/// Public only because the Embedded build must see how a part of a public value ends.
@safe
public struct WipedMemory: ~Copyable {
  private let start: UnsafeMutablePointer<UInt8>

  /// How many bytes there are.
  public let count: Int

  /// Takes memory over that OpenSSL has allocated with this length.
  init(taking start: UnsafeMutablePointer<UInt8>, count: Int) {
    unsafe self.start = start
    self.count = count
  }

  /// Copies `bytes`; `nil` when there are none, or when there is no memory.
  init?(copying bytes: Span<UInt8>) {
    guard bytes.count > 0, let memory = unsafe nbiot_secret_alloc(bytes.count) else { return nil }
    // SAFETY: the memory has `bytes.count` bytes and belongs to this value alone.
    unsafe start = memory.bindMemory(to: UInt8.self, capacity: bytes.count)
    count = bytes.count
    for index in bytes.indices { unsafe start[index] = bytes[index] }
  }

  deinit {
    // SAFETY: allocated by OpenSSL with this length, and freed nowhere else.
    unsafe nbiot_secret_free(start, count)
  }

  /// The bytes themselves.
  public var bytes: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get {
      // SAFETY: the memory lives as long as this value, which the span borrows.
      let span = unsafe Span(_unsafeStart: start, count: count)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }
}
