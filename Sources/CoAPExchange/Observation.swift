// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// The last known state of an observed resource (RFC 7641).
struct Observation {
  private var sequence: UInt32 = 0
  private var arrival = Instant(milliseconds: 0)
  private(set) var isRegistered = false

  /// The purpose of comparing a sequence number.
  enum Comparison {
    /// A notification, which may have been overtaken.
    case reordering
    /// A separate response before the acknowledgement of a renewal: either its answer, or a
    /// notification that crosses it. The known number decides.
    case renewal
    /// The answer to a renewal, whose number starts a new count.
    case none
  }

  /// Records the sequence number of a state; returns `false` if the known state is newer.
  mutating func isNewer(_ sequence: UInt32, _ comparison: Comparison, at now: Instant) -> Bool {
    if isRegistered, comparison != .none {
      // RFC 7641 Section 3.4: serial-number arithmetic in 24 bits; after 128 seconds any number is
      // newer.
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
