internal import ConstrainedCore

/// What is known of an observed resource's last state (RFC 7641).
struct Observation {
  private var sequence: UInt32 = 0
  private var arrival = Instant(milliseconds: 0)
  private(set) var isRegistered = false

  /// What a sequence number is compared for.
  enum Comparison {
    /// A notification that may have been overtaken.
    case reordering
    /// A separate response before the acknowledgement of a renewal, which answers it or is a
    /// notification that crosses it: the number that is known counts.
    case renewal
    /// The answer to a renewal, whose number starts a new count.
    case none
  }

  /// Takes in a state's sequence number; `false` when the state that is known is newer.
  mutating func isNewer(_ sequence: UInt32, _ comparison: Comparison, at now: Instant) -> Bool {
    if isRegistered, comparison != .none {
      // RFC 7641 Section 3.4: serial-number arithmetic in 24 bits, and after 128 seconds anything
      // counts as newer.
      let ahead = (sequence &- self.sequence) & 0xFF_FFFF
      // conformance: 7641-3.4-a
      let isAhead = ahead < 0x80_0000 && (ahead != 0 || comparison == .renewal)
      guard isAhead || (now - arrival).count > 128_000 else { return false }
    }
    isRegistered = true
    self.sequence = sequence
    arrival = now
    return true
  }
}
