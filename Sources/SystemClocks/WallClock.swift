// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX
internal import ConstrainedCore

/// The calendar clock, which may be set and may be wrong, and the identity of the machine's boot.
public enum WallClock {
  /// The time in seconds since 1970-01-01 UTC (CLOCK_REALTIME).
  ///
  /// 0 unless the clock is synchronised (adjtimex without STA_UNSYNC), and before 2024-01-01: a
  /// date that may still be corrected does not measure elapsed time.
  @inline(never)
  public static func now() -> UInt64 {
    guard nbiot_is_synchronised() != 0 else { return 0 }
    let time = read()
    if time.tv_sec < 1_704_067_200 { return 0 }
    // Valid until 2106.
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
  /// If the system has none, the number is the process's own, and a restart of the process counts
  /// as a reboot.
  @inline(never)
  public static func boot() -> UInt64 { nbiot_boot() }

  private static func read() -> timespec {
    var time = timespec()
    // SAFETY: writes exactly one timespec.
    _ = unsafe clock_gettime(CLOCK_REALTIME, &time)
    return time
  }
}
