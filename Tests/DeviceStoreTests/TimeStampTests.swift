// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DeviceStore
import SystemClocks
import TestSupport
import Testing

@Suite("Time that passes")
struct TimeStampTests {
  private let accepted = TimeStamp.seconds(100, boot: 1, date: 1_800_000_000).kept

  @Test func `within one start of the machine the calendar says nothing`() {
    for date in [0, 1, 1_700_000_000, 1_800_000_000, 1_900_000_000, 4_294_967_295] as [UInt64] {
      #expect(TimeStamp.seconds(160, boot: 1, date: date).age(of: accepted) == 60)
    }
    // A clock of the machine that goes back is none, but makes nothing old either.
    #expect(TimeStamp.seconds(50, boot: 1).age(of: accepted) == 0)
  }

  @Test func `over a restart of the machine the calendar counts where it was synchronised`() {
    #expect(TimeStamp.seconds(30, boot: 2, date: 1_800_000_500).age(of: accepted) == 500)
    // It has been running for longer than that.
    #expect(TimeStamp.seconds(700, boot: 2, date: 1_800_000_500).age(of: accepted) == 700)
  }

  @Test func `else something is as old as this start`() {
    #expect(TimeStamp.seconds(30, boot: 2).age(of: accepted) == 30)
    // Gone back, or synchronised with another clock: a year ago.
    #expect(TimeStamp.seconds(30, boot: 2, date: 1_768_000_000).age(of: accepted) == 30)
    let unknown = TimeStamp.seconds(100, boot: 1).kept
    #expect(TimeStamp.seconds(30, boot: 2, date: 1_800_000_500).age(of: unknown) == 30)
  }

  @Test func `this start of the machine has one number`() {
    #expect(WallClock.boot() == WallClock.boot() && WallClock.boot() != 0)
  }
}
