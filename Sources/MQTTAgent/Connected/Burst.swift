// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// What may come in thousands, and gets one line a second.
struct Burst {
  /// How many no line has told of yet.
  private var held: UInt32 = 0
  /// Why the last one of them was.
  private(set) var reason: StaticString = ""
  /// When the next line may come.
  private var next = Instant(milliseconds: .min)

  /// When the next line is due.
  var deadline: Instant? { held > 0 ? next : nil }

  /// Whether one more is only counted; else it gets a line of its own.
  @inline(never)
  mutating func holds(_ reason: StaticString, at now: Instant) -> Bool {
    guard held > 0 || now < next else {
      next = now + Milliseconds(1_000)
      return false
    }
    held &+= 1
    self.reason = reason
    return true
  }

  /// How many a line is to tell of now; they are forgotten then.
  @inline(never)
  mutating func take(at now: Instant) -> UInt64? {
    guard held > 0, now >= next else { return nil }
    next = now + Milliseconds(1_000)
    defer { held = 0 }
    return UInt64(widening: held)
  }
}
