internal import COpenSSL

/// A secret in memory of its own, wiped when the value ends.
public struct SecretBytes: ~Copyable {
  private let memory: WipedMemory

  /// How many bytes the secret has.
  public var count: Int { memory.count }

  /// The longest secret that is taken, in bytes; the platform's have 32.
  public static let maxCount = 128

  /// Copies `bytes`; the caller wipes its own copy.
  ///
  /// `nil` when there are none or more than 128, or when there is no memory.
  public init?(copying bytes: Span<UInt8>) {
    guard bytes.count <= Self.maxCount, let memory = WipedMemory(copying: bytes) else { return nil }
    self.memory = memory
  }

  /// The secret itself; do not copy it anywhere that is not wiped.
  public var bytes: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get { memory.bytes }
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
