// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import RadioModel
import TestSupport
import Testing

@Suite("What a radio uses, state by state")
struct RadioMeterTests {
  private let model = RadioModel()

  private func joules(_ milliseconds: Double, _ power: Double) -> Double {
    milliseconds / 1_000 * power
  }

  private func isClose(_ left: Double, _ right: Double) -> Bool {
    abs(left - right) <= 1e-9 * max(1, abs(right))
  }

  @Test func `one datagram with release assistance: wake-up, blocks, a short tail, sleep`() {
    var meter = RadioMeter(model, RadioHabits(coverage: 0), at: 0)
    // 200 bytes, 28 of headers, 44 of the control plane: three blocks of 125 bytes.
    let sent = meter.send(200, for: .report, .last, at: 1_000)
    meter.advance(to: 100_000)
    let account = meter.account
    let powers = model.modem
    #expect(account.sent(.report).blocks == 3)
    #expect(account.sent(.report).headers == 28)
    #expect(sent == 1_000 + 1_000 + 3 * (48 + 86))
    #expect(isClose(account.energy(.wakeUp), joules(1_000, powers.connected)))
    #expect(
      isClose(
        account.energy(.traffic(.report)),
        3 * (joules(48, powers.transmitting) + joules(86, powers.connected))
      )
    )
    #expect(isClose(account.energy(.tail), joules(1_000, powers.connected)))
    #expect(isClose(account.energy(.idle), joules(2_000, powers.paging)))
    // Before the report, and after it.
    let asleep = 1_000 + (100_000 - sent - 1_000 - 2_000)
    #expect(isClose(account.energy(.sleep), joules(asleep, powers.sleeping)))
    #expect(account.energy(.waiting) == 0)
    #expect(account.wakeUps == 1)
  }

  @Test func `without release assistance the network keeps the radio on for its inactivity time`() {
    var habits = RadioHabits(coverage: 0)
    habits.assistsRelease = false
    var meter = RadioMeter(model, habits, at: 0)
    _ = meter.send(200, for: .report, .last, at: 0)
    meter.advance(to: 100_000)
    #expect(isClose(meter.account.energy(.tail), joules(20_000, model.modem.connected)))
  }

  @Test func `an answer ends the connection where it was announced as the last`() throws {
    var meter = RadioMeter(model, RadioHabits(coverage: 0), at: 0)
    let sent = meter.send(200, for: .report, .oneAnswer, at: 0)
    let answer = meter.receive(40, for: .answer, at: sent + 1_200)
    let received = try #require(answer)
    meter.advance(to: received + 50_000)
    #expect(isClose(meter.account.energy(.waiting), joules(1_200, model.modem.connected)))
    #expect(isClose(meter.account.energy(.tail), joules(1_000, model.modem.connected)))
    #expect(meter.account.received(.answer).blocks == 2)
  }

  @Test func `nobody reaches a device that sleeps; one that listens is paged`() {
    var asleep = RadioMeter(model, RadioHabits(coverage: 0), at: 0)
    let unreachable = asleep.receive(40, for: .answer, at: 60_000)
    #expect(unreachable == nil)
    var listening = RadioMeter(model, RadioHabits(coverage: 0, sleeps: false), at: 0)
    let received = listening.receive(40, for: .answer, at: 60_000)
    // Half a paging cycle, a wake-up, two blocks.
    #expect(isClose(received ?? 0, 60_000 + 1_280 + 1_000 + 2 * 28))
  }

  @Test func `the energy of all causes is that of all spans, and none overlaps another`() {
    var meter = RadioMeter(model, RadioHabits(coverage: 1, extendedCycle: 81_920), at: 0)
    meter.recordsSpans = true
    var random = SeededRandom(seed: 19)
    var time = 0.0
    for number in 0..<200 {
      time += Double.random(in: 0..<60_000, using: &random)
      if number % 3 == 0 {
        _ = meter.receive(Int.random(in: 0..<400, using: &random), for: .answer, at: time)
      } else {
        _ = meter.send(Int.random(in: 0..<400, using: &random), for: .report, .more, at: time)
      }
    }
    meter.advance(to: time + 1e9)
    var end = 0.0
    var sum = 0.0
    for span in meter.spans {
      #expect(span.start >= end - 1e-6)
      end = span.start + span.duration
      sum += joules(span.duration, span.power)
    }
    #expect(isClose(sum, meter.account.energy))
    #expect(abs(end - (time + 1e9)) < 1e-3)
  }

  @Test func `the modem updates its tracking area by itself while nothing is reported`() {
    var meter = RadioMeter(model, RadioHabits(coverage: 0, sleeps: false), at: 0)
    meter.advance(to: 24 * 3_600_000)
    // Every 54 minutes and the few seconds that each takes.
    #expect(meter.account.sent(.update).blocks == 26)
    #expect(meter.account.wakeUps == 26)
    let account = meter.account
    let expected = account.energy - account.energy(.idle)
    #expect(account.updateEnergy > 0 && isClose(account.updateEnergy, expected))
    #expect(abs(account.activeEnergy) < 1e-9, "no report, and nothing that one has cost")
  }

  @Test
  func `half of the round trips take no longer than the median, 95 % no longer than the high one`()
  {
    var radio = VirtualRadio(
      model,
      RadioHabits(coverage: 1, sleeps: false),
      random: SplitMix(seed: 7),
      at: Instant(milliseconds: 0)
    )
    var delays: [Double] = []
    for number in 0..<4_000 {
      let now = Instant(milliseconds: Int64(number) * 400_000)
      radio.sendDown([0], for: .answer, at: now)
      while let next = radio.nextArrival {
        // The first arrival is at the base station; blocks and paging follow.
        delays.append(Double((next - now).count))
        _ = radio.receive(by: next)
        _ = radio.receive(by: Instant(milliseconds: .max))
      }
    }
    delays.sort()
    #expect((0.015...0.025).contains(Double(radio.lost) / 4_000))
    #expect((1_400...1_600).contains(delays[delays.count / 2]))
    #expect((4_500...5_500).contains(delays[delays.count * 95 / 100]))
  }
}
