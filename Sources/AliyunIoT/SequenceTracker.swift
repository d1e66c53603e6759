/// Gives each report its sequence number: the first is one above the offset that `/auth` gave, each
/// further one is one higher (device guide 3.6: greater than the offset, never twice in a session).
public struct SequenceTracker: Equatable, Sendable {
  private var last: UInt64

  /// Starts above `offset`.
  public init(offset: UInt64) {
    last = offset
  }

  /// The next number; `nil`, for ever, when 2^64 - 1 has been given: it never wraps.
  public mutating func next() -> UInt64? {
    guard last < UInt64.max else { return nil }
    last += 1
    return last
  }
}
