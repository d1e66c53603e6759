internal import CPOSIX
internal import ConstrainedCore

/// The clock of the calendar, which may be set and may be wrong.
public enum WallClock {
  /// Now, in seconds since 1970-01-01 UTC (CLOCK_REALTIME).
  ///
  /// 0 while the clock stands before 2024-01-01: nobody has set it yet.
  @inline(never)
  public static func now() -> UInt64 {
    var time = timespec()
    // SAFETY: writes exactly one timespec.
    _ = unsafe clock_gettime(CLOCK_REALTIME, &time)
    if time.tv_sec < 1_704_067_200 { return 0 }
    // Until 2106.
    return UInt64(widening: UInt32(truncatingIfNeeded: time.tv_sec))
  }
}
