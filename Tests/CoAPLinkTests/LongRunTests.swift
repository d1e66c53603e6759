// SPDX-License-Identifier: Apache-2.0
import CoAPExchange
import CoAPLink
import CoAPMessage
import ConstrainedCore
import Glibc
import Platform
import PlatformCore
import PlatformSimulator
import TestSupport
import Testing

/// What crossed the device's antenna while one report was under way.
final class Journal {
  /// The message IDs that the device sent under, and those of the answers that reached it.
  private(set) var sent: Set<[UInt8]> = []
  private(set) var answered: Set<[UInt8]> = []

  func note(sent datagram: [UInt8]) { sent.insert(Array(datagram[2..<4])) }

  func note(arrived datagram: [UInt8]) {
    // Piggybacked: its message ID is that of the request.
    if datagram.count > 4, datagram[0] >> 4 == 0b0110 { answered.insert(Array(datagram[2..<4])) }
  }

  func clear() {
    sent.removeAll()
    answered.removeAll()
  }

  /// Whether an answer to something that was sent came in time.
  var hasAnswer: Bool { !sent.isDisjoint(with: answered) }
}

@Suite("Months of reports over a bad radio")
struct LongRunTests {
  /// One way: half of the datagrams within 3.2 s, 95 % within 16 s, none longer than 290 s.
  static let delay = LossyLink.Delay.logNormal(median: 3_200, high: 16_000, longest: 290_000)

  @Test func `the link's round trip has a median of 8 s and a tail to 300 s`() throws {
    var link = LossyLink(loss: 0, duplication: 0, delay: Self.delay, seed: 1)
    func way() throws -> Int64 {
      link.send([], .up, at: Instant(milliseconds: 0))
      let arrival = link.receive(by: Instant(milliseconds: .max))
      return try #require(arrival).time.milliseconds
    }
    var trips: [Int64] = []
    for _ in 0..<100_000 { trips.append(try way() + way()) }
    trips.sort()
    #expect((7_500...8_500).contains(trips[trips.count / 2]))
    #expect((200_000...300_000).contains(trips[trips.count - 1]))
  }

  /// 30 % loss each way, 5 % doubled, and delays that reorder.
  @Test func `100,000 reports: none accepted twice, none given up too soon, all accounted for`()
    throws
  {
    var settings = DeviceSettings()
    settings.timing = .nbIoT
    let lifetime = settings.timing.exchangeLifetime
    let link = LossyLink(
      loss: 0.3,
      duplication: 0.05,
      delay: Self.delay,
      seed: 2_026
    )
    var world = try World(settings: settings, link: link, seed: 2_026) {
      $0.exchangeLifetime = lifetime
    }
    let journal = Journal()
    world.onTransmission = { journal.note(sent: $0) }
    world.onArrival = { journal.note(arrived: $0) }
    var acknowledged: Set<Int> = []
    var timedOut: Set<Int> = []
    var unauthenticated: Set<Int> = []
    var roundTrips: [Int64] = []
    let started = clock()
    let begin = world.now
    for number in 1...100_000 {
      journal.clear()
      let result = try #require(try world.report("\(number)"))
      switch result.outcome {
      case .acknowledged:
        acknowledged.insert(number)
        if result.transmissions == 1 { roundTrips.append(result.duration.count) }
      case .timedOut:
        timedOut.insert(number)
        #expect(result.transmissions == settings.timing.maxRetransmit + 1)
        #expect(result.duration >= settings.timing.maxTransmitWait)
        #expect(!journal.hasAnswer, "report \(number) was given up although its answer came")
      case .unauthenticated(.timedOut): unauthenticated.insert(number)
      case let other: Issue.record("report \(number): \(other)")
      }
      world.events.removeAll()
      world.sent.removeAll()
    }
    let seconds = Double(clock() - started) / Double(CLOCKS_PER_SEC)
    let accepted = world.accepted.compactMap { Int(String(decoding: $0.payload, as: UTF8.self)) }
    #expect(accepted.count == Set(accepted).count, "a report was accepted twice")
    #expect(acknowledged.isSubset(of: accepted), "a report was acknowledged that was not accepted")
    #expect(acknowledged.count + timedOut.count + unauthenticated.count == 100_000)
    #expect(unauthenticated.isDisjoint(with: accepted))
    roundTrips.sort()
    let median = roundTrips[roundTrips.count / 2]
    print(
      """
      100,000 reports in \((world.now - begin).count / 86_400_000) simulated days: \
      \(acknowledged.count) acknowledged, \(timedOut.count) without an answer, of which the platform \
      has \(timedOut.intersection(accepted).count), \(unauthenticated.count) without a token; \
      those acknowledged without a retransmission took \(median) ms in the median; \
      \(world.session.counters.transmissions) transmissions; CPU time \(seconds) s
      """
    )
  }

  #if !SMALL
  @Test func `with answers after 6 to 10 s an adaptive timeout saves most retransmissions`() throws
  {
    var transmissions: [Bool: Int] = [:]
    for adapts in [false, true] {
      var settings = DeviceSettings()
      settings.adaptsTimeout = adapts
      let link = LossyLink(loss: 0, duplication: 0, delay: 3_000...5_000, seed: 4)
      var world = try World(settings: settings, link: link, seed: 4)
      for number in 1...1_000 {
        #expect(try world.report("\(number)")?.outcome == .acknowledged)
      }
      transmissions[adapts] = world.session.counters.transmissions
    }
    let (fixed, adaptive) = (transmissions[false] ?? 0, transmissions[true] ?? 0)
    #expect(fixed > 2_500)
    #expect(adaptive < 1_050)
    print("1,000 reports and /auth: \(fixed) transmissions with ACK_TIMEOUT, \(adaptive) adaptive")
  }
  #endif
}
