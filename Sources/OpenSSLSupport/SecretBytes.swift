// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL

/// A secret in memory of its own, wiped with the value.
public struct SecretBytes: ~Copyable {
  private let memory: WipedMemory

  /// The length of the secret in bytes.
  public var count: Int { memory.count }

  /// The longest secret accepted, in bytes; the platform's have 32.
  public static let maxCount = 128

  /// Copies `bytes`; the caller wipes its own copy.
  ///
  /// `nil` if they are empty or more than 128, or if memory is short.
  public init?(copying bytes: Span<UInt8>) {
    guard bytes.count <= Self.maxCount, let memory = WipedMemory(copying: bytes) else { return nil }
    self.memory = memory
  }

  /// The bytes of the secret; any copy must be wiped.
  public var bytes: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get { memory.bytes }
  }
}

/// Overwrites a secret in a way that the optimiser does not remove.
public func wipe(_ bytes: inout MutableSpan<UInt8>) {
  // SAFETY: the pointer covers exactly the span and does not outlive the call.
  unsafe bytes.withUnsafeMutableBufferPointer { unsafe nbiot_wipe($0.baseAddress, $0.count) }
}

/// Whether both hold the same bytes; takes a time that depends only on their length.
public func constantTimeEqual(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
  guard left.count == right.count else { return false }
  // SAFETY: both pointers cover the same number of bytes and do not outlive the call.
  return unsafe left.withUnsafeBufferPointer { first in
    unsafe right.withUnsafeBufferPointer { second in
      unsafe CRYPTO_memcmp(first.baseAddress, second.baseAddress, first.count) == 0
    }
  }
}
