/// Gives each report its sequence number: the first is one above the offset that `/auth` gave, each
/// further one is one higher (device guide 3.6: greater than the offset, never twice in a session).
///
/// Where numbers are to stay unique over a restart it gives none above `limit`: who keeps the limit on
/// disk before it raises it here may start again from there, whenever the power went.
public struct SequenceTracker: Equatable, Sendable {
  /// The last number that was given, or the offset.
  public private(set) var last: UInt64

  /// The highest number that may be given; `UInt64.max` where nobody keeps numbers.
  public private(set) var limit: UInt64

  /// Starts above `offset`.
  public init(offset: UInt64, limit: UInt64 = .max) {
    last = offset
    self.limit = limit
  }

  /// Whether 2^64 - 1 has been given: there is never a next number, for it never wraps.
  public var isExhausted: Bool { last == UInt64.max }

  /// The next number; `nil` at the limit.
  public mutating func next() -> UInt64? {
    guard last < limit else { return nil }
    last += 1
    return last
  }

  /// Lets numbers up to `limit` be given; a lower limit than the one in force changes nothing.
  public mutating func raiseLimit(to limit: UInt64) {
    self.limit = max(self.limit, limit)
  }
}
