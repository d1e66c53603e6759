internal import COpenSSL

/// A secret in memory of its own, wiped when the value ends.
@safe
public struct SecretBytes: ~Copyable {
  private let start: UnsafeMutablePointer<UInt8>

  /// How many bytes the secret has.
  public let count: Int

  /// The longest secret that is taken, in bytes; the platform's have 32.
  public static let maxCount = 128

  /// Copies `bytes`; the caller wipes its own copy.
  ///
  /// `nil` when there are none or more than 128, or when there is no memory.
  public init?(copying bytes: Span<UInt8>) {
    guard bytes.count > 0, bytes.count <= Self.maxCount,
      let memory = unsafe nbiot_secret_alloc(bytes.count)
    else { return nil }
    // SAFETY: the memory has `bytes.count` bytes and belongs to this value alone.
    unsafe start = memory.bindMemory(to: UInt8.self, capacity: bytes.count)
    count = bytes.count
    for index in bytes.indices { unsafe start[index] = bytes[index] }
  }

  deinit {
    // SAFETY: allocated in `init` with this length, and freed nowhere else.
    unsafe nbiot_secret_free(start, count)
  }

  /// The secret itself; do not copy it anywhere that is not wiped.
  public var bytes: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get {
      // SAFETY: the memory lives as long as this value, which the span borrows.
      let span = unsafe Span(_unsafeStart: start, count: count)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }
}

/// Overwrites bytes that held a secret, in a way that the optimiser keeps.
public func wipe(_ bytes: inout MutableSpan<UInt8>) {
  // SAFETY: the pointer covers exactly the span and does not outlive the call.
  unsafe bytes.withUnsafeMutableBufferPointer { unsafe OPENSSL_cleanse($0.baseAddress, $0.count) }
}

/// Whether both hold the same bytes, in a time that depends only on their length.
public func constantTimeEqual(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
  guard left.count == right.count else { return false }
  // SAFETY: both pointers cover the same number of bytes and do not outlive the call.
  return unsafe left.withUnsafeBufferPointer { first in
    unsafe right.withUnsafeBufferPointer { second in
      unsafe CRYPTO_memcmp(first.baseAddress, second.baseAddress, first.count) == 0
    }
  }
}
