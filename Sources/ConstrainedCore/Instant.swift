// SPDX-License-Identifier: Apache-2.0
/// A point on the caller's monotonic clock, in milliseconds from an origin of the caller's choice.
@frozen
public struct Instant: Comparable, Hashable, Sendable {
  /// Milliseconds since the clock's origin.
  public var milliseconds: Int64

  /// The instant that many milliseconds after the clock's origin.
  @inlinable
  public init(milliseconds: Int64) {
    self.milliseconds = milliseconds
  }

  /// Whether `left` comes first.
  @inlinable
  public static func < (left: Instant, right: Instant) -> Bool {
    left.milliseconds < right.milliseconds
  }

  /// The instant `right` after `left`.
  @inlinable
  public static func + (left: Instant, right: Milliseconds) -> Instant {
    Instant(milliseconds: left.milliseconds &+ right.count)
  }

  /// The time from `right` to `left`.
  @inlinable
  public static func - (left: Instant, right: Instant) -> Milliseconds {
    Milliseconds(left.milliseconds &- right.milliseconds)
  }
}

/// The earlier of two instants, either of which may be missing; `nil` where both are.
@inline(never)
package func earlier(_ first: Instant?, _ second: Instant?) -> Instant? {
  guard let first else { return second }
  guard let second else { return first }
  return min(first, second)
}

/// A duration in milliseconds.
@frozen
public struct Milliseconds: Comparable, Hashable, Sendable {
  /// The number of milliseconds; negative for a duration into the past.
  public var count: Int64

  /// That many milliseconds.
  @inlinable
  public init(_ count: Int64) {
    self.count = count
  }

  /// Whether `left` is the shorter one.
  @inlinable
  public static func < (left: Milliseconds, right: Milliseconds) -> Bool {
    left.count < right.count
  }

  /// The sum of both durations.
  @inlinable
  public static func + (left: Milliseconds, right: Milliseconds) -> Milliseconds {
    Milliseconds(left.count &+ right.count)
  }

  /// The difference of both durations.
  @inlinable
  public static func - (left: Milliseconds, right: Milliseconds) -> Milliseconds {
    Milliseconds(left.count &- right.count)
  }

  /// The duration times `factor`, divided by `divisor` and rounded down; neither it nor `factor` is negative.
  ///
  /// The division is one of unsigned numbers: of signed ones it takes 160 bytes more on a 32-bit machine.
  @inline(never)
  package func scaled(by factor: Int64, over divisor: UInt32) -> Milliseconds {
    let product = UInt64(bitPattern: count &* factor)
    return Milliseconds(Int64(bitPattern: product / UInt64(widening: divisor)))
  }

  /// Whole seconds, rounded down, of a duration that is not negative; those above 2^32 begin again at 0.
  @inline(never)
  package var seconds: UInt32 {
    UInt32(truncatingIfNeeded: UInt64(bitPattern: count) / 1_000)
  }

  /// `left` multiplied by `right`.
  @inlinable
  public static func * (left: Milliseconds, right: Int64) -> Milliseconds {
    Milliseconds(left.count &* right)
  }
}
