internal import CPOSIX
internal import ConstrainedCore

/// The clock of the calendar, which may be set and may be wrong, and which start of the machine this is.
public enum WallClock {
  /// Now, in seconds since 1970-01-01 UTC (CLOCK_REALTIME).
  ///
  /// 0 unless the clock is synchronised (adjtimex without STA_UNSYNC), and while it stands before
  /// 2024-01-01: a date that somebody may yet correct says nothing about the time that has passed.
  @inline(never)
  public static func now() -> UInt64 {
    guard nbiot_is_synchronised() != 0 else { return 0 }
    let time = read()
    if time.tv_sec < 1_704_067_200 { return 0 }
    // Until 2106.
    return UInt64(widening: UInt32(truncatingIfNeeded: time.tv_sec))
  }

  /// What the clock shows, right or wrong, in milliseconds since 1970-01-01 UTC: for dates that are said, and for
  /// chance, never to measure a time.
  public static func milliseconds() -> UInt64 {
    let time = read()
    return UInt64(clamping: time.tv_sec) &* 1_000 &+ UInt64(clamping: time.tv_nsec) / 1_000_000
  }

  /// A number for this start of the machine, other than 0 (/proc/sys/kernel/random/boot_id).
  ///
  /// Where the system has none it is of this process alone, and a restart of the process counts as one of
  /// the machine.
  @inline(never)
  public static func boot() -> UInt64 { nbiot_boot() }

  private static func read() -> timespec {
    var time = timespec()
    // SAFETY: writes exactly one timespec.
    _ = unsafe clock_gettime(CLOCK_REALTIME, &time)
    return time
  }
}
