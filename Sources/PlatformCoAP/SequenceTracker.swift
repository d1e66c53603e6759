// SPDX-License-Identifier: Apache-2.0
/// Assigns each report its sequence number: the first is one above the offset from `/auth`, each
/// next one is one higher (device guide 3.6: greater than the offset, never twice in a session).
///
/// To keep numbers unique across a restart, it assigns none above `limit`. A caller that stores the
/// limit on disk before raising it here can start again from the stored limit, even after a power
/// failure.
public struct SequenceTracker: Equatable, Sendable {
  /// The last number assigned; initially the offset.
  public private(set) var last: UInt64

  /// The highest number that may be assigned; `UInt64.max` if the caller does not store limits.
  public private(set) var limit: UInt64

  /// Starts above `offset`.
  public init(offset: UInt64, limit: UInt64 = .max) {
    last = offset
    self.limit = limit
  }

  /// Whether 2^64 - 1 has been assigned: numbers never wrap, so there is no next one.
  public var isExhausted: Bool { last == UInt64.max }

  /// The next number; `nil` at the limit.
  public mutating func next() -> UInt64? {
    guard last < limit else { return nil }
    last += 1
    return last
  }

  /// Raises the limit; a limit below the current one has no effect.
  public mutating func raiseLimit(to limit: UInt64) {
    self.limit = max(self.limit, limit)
  }
}
