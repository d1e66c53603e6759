// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX
public import ConstrainedCore

/// The monotonic clock, which includes time that the machine sleeps.
public enum MonotonicClock {
  /// Now, in milliseconds since the machine started (CLOCK_BOOTTIME).
  @inline(never)
  public static func now() -> Instant {
    var time = timespec()
    // SAFETY: writes exactly one timespec.
    _ = unsafe clock_gettime(CLOCK_BOOTTIME, &time)
    let seconds = UInt64(clamping: time.tv_sec)
    let nanoseconds = seconds &* 1_000_000_000 &+ UInt64(clamping: time.tv_nsec)
    return Instant(milliseconds: Int64(bitPattern: nanoseconds / 1_000_000))
  }

  /// The time until `deadline` in the form that `poll` takes: milliseconds, -1 for no limit.
  package static func timeout(until deadline: Instant?) -> Int32 {
    guard let deadline else { return -1 }
    let now = now()
    // The difference to an instant long ago might overflow.
    return deadline <= now ? 0 : Int32(clamping: (deadline - now).count)
  }

  /// Waits until a descriptor can be read or the time has come; `nil` waits without end, -1 for the time alone.
  package static func wait(for descriptor: Int32, until deadline: Instant?) {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    // SAFETY: one entry, and the call does not keep the pointer.
    _ = unsafe poll(&entry, 1, timeout(until: deadline))
  }
}
