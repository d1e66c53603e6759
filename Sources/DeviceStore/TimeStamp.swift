public import ConstrainedCore

/// Now, as far as time that passes can be told: within one start of the machine by its clock that cannot
/// be set, over a restart of the machine by the calendar where that is synchronised.
///
/// Setting the calendar, forwards or back, so never makes anything older within one start. Over a restart
/// of the machine without a calendar that can be relied on, something is at least as old as this start.
public struct TimeStamp: Sendable {
  /// Which start of the machine this is (`WallClock.boot`).
  public var boot: UInt64
  /// The time since it started, sleep included (`MonotonicClock`).
  public var instant: Instant
  /// Seconds since 1970; 0 unless the clock is synchronised (`WallClock.now`).
  public var date: UInt64

  /// The time `instant` after that start of the machine.
  public init(boot: UInt64, instant: Instant, date: UInt64) {
    self.boot = boot
    self.instant = instant
    self.date = date
  }

  /// Whole seconds since the machine started.
  var seconds: UInt32 { UInt32(truncatingIfNeeded: instant.milliseconds / 1_000) }

  /// The same in the form in which it is kept.
  public var kept: KeptTime {
    @inline(never)
    get { KeptTime(boot: boot, seconds: seconds, date: UInt32(truncatingIfNeeded: date)) }
  }

  /// How many seconds have passed since `kept` at least, up to one too many.
  @inline(never)
  public func age(of kept: KeptTime) -> UInt32 {
    if kept.boot == boot { return seconds < kept.seconds ? 0 : seconds &- kept.seconds }
    let date = UInt32(truncatingIfNeeded: date)
    guard date > 0, kept.date > 0, date > kept.date else { return seconds }
    return max(seconds, date &- kept.date)
  }
}

/// When something was written down, 16 bytes.
public struct KeptTime: BitwiseCopyable, Equatable, Sendable {
  /// Which start of the machine it was; 0 with all else 0 for a time that is not known.
  public var boot: UInt64 = 0
  /// Whole seconds since the machine had started.
  public var seconds: UInt32 = 0
  /// Seconds since 1970; 0 where the clock was not synchronised.
  public var date: UInt32 = 0

  /// A time that is not known.
  public init() {}

  /// That time.
  public init(boot: UInt64, seconds: UInt32, date: UInt32) {
    self.boot = boot
    self.seconds = seconds
    self.date = date
  }

  /// Whether it is known.
  public var isKnown: Bool { boot != 0 }
}
