// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import SystemClocks
import Testing

struct MonotonicClockTests {
  @Test(arguments: [(Int64.min, 0 as Int32), (-1, 0), (0, 0), (.max, .max)])
  func `an instant of any past is now, one of any future is later`(
    milliseconds: Int64,
    timeout: Int32
  ) {
    let deadline = Instant(milliseconds: milliseconds)
    #expect(MonotonicClock.timeout(until: deadline) == timeout)
  }
}
