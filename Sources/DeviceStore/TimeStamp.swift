// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore

/// The current time for measuring elapsed time: by the clock since boot, which cannot be set, and
/// across a reboot by the calendar if it is synchronised.
///
/// Setting the calendar in either direction therefore never ages anything within one boot. Across a
/// reboot without a reliable calendar, the age is at least the time since that boot.
public struct TimeStamp: Sendable {
  /// Identifies the boot of the machine (`WallClock.boot`).
  public var boot: UInt64
  /// The time since boot, including sleep (`MonotonicClock`).
  public var instant: Instant
  /// Seconds since 1970; 0 unless the clock is synchronised (`WallClock.now`).
  public var date: UInt64

  /// The time `instant` after that boot.
  public init(boot: UInt64, instant: Instant, date: UInt64) {
    self.boot = boot
    self.instant = instant
    self.date = date
  }

  /// Whole seconds since boot.
  var seconds: UInt32 { Milliseconds(instant.milliseconds).seconds }

  /// The time in its stored form.
  public var kept: KeptTime {
    @inline(never)
    get { KeptTime(boot: boot, seconds: seconds, date: UInt32(truncatingIfNeeded: date)) }
  }

  /// A lower bound of the seconds elapsed since `kept`, at most one too many.
  @inline(never)
  public func age(of kept: KeptTime) -> UInt32 {
    if kept.boot == boot { return seconds < kept.seconds ? 0 : seconds &- kept.seconds }
    let date = UInt32(truncatingIfNeeded: date)
    guard date > 0, kept.date > 0, date > kept.date else { return seconds }
    return max(seconds, date &- kept.date)
  }
}

/// A stored time, 16 bytes.
public struct KeptTime: BitwiseCopyable, Equatable, Sendable {
  /// Identifies the boot; 0, with all other fields 0, for an unknown time.
  public var boot: UInt64 = 0
  /// Whole seconds since boot.
  public var seconds: UInt32 = 0
  /// Seconds since 1970; 0 if the clock was not synchronised.
  public var date: UInt32 = 0

  /// Creates an unknown time.
  public init() {}

  /// Creates a time.
  public init(boot: UInt64, seconds: UInt32, date: UInt32) {
    self.boot = boot
    self.seconds = seconds
    self.date = date
  }

  /// Whether it is known.
  public var isKnown: Bool { boot != 0 }
}
