internal import CPOSIX
public import ConstrainedCore

/// The clock that never goes back and goes on while the machine sleeps.
public enum MonotonicClock {
  /// Now, in milliseconds since the machine started (CLOCK_BOOTTIME).
  public static func now() -> Instant {
    var time = timespec()
    // SAFETY: writes exactly one timespec.
    _ = unsafe clock_gettime(CLOCK_BOOTTIME, &time)
    return Instant(milliseconds: Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000)
  }

  /// The time left until `deadline` as `poll` takes it: milliseconds, -1 for no end.
  package static func timeout(until deadline: Instant?) -> Int32 {
    guard let deadline else { return -1 }
    let now = now()
    // An instant of long ago is further away than a span can tell.
    return deadline <= now ? 0 : Int32(clamping: (deadline - now).count)
  }
}
