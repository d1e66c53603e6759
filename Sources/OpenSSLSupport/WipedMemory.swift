// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL

/// Heap memory for secrets and sessions, wiped with the value.
///
/// Public only because the Embedded build must see the deinitialisers of a public value's parts.
@safe
public struct WipedMemory: ~Copyable {
  private let start: UnsafeMutablePointer<UInt8>

  /// The number of bytes.
  public let count: Int

  /// Takes ownership of memory that OpenSSL has allocated with this length.
  init(taking start: UnsafeMutablePointer<UInt8>, count: Int) {
    unsafe self.start = start
    self.count = count
  }

  /// Copies `bytes`; `nil` if they are empty, or if memory is short.
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

  /// The bytes in the memory.
  public var bytes: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get {
      // SAFETY: the memory lives as long as this value, which the span borrows.
      let span = unsafe Span(_unsafeStart: start, count: count)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }
}
