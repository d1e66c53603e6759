// SPDX-License-Identifier: Apache-2.0
import EnergyEstimate
import RadioModel
import Testing
import TrafficLedger

@Suite("The client's ledger against the radio's own count, with loss")
struct LedgerTests {
  private func run(_ security: ReportPlan.Security, _ coverage: Int) throws -> ReportEstimate {
    let plan = ReportPlan(
      payload: Array(
        #"{"id":"1","version":"1.0","params":{},"method":"thing.event.property.post"}"#.utf8
      ),
      interval: 15 * 60_000,
      security: security,
      habits: RadioHabits(coverage: coverage)
    )
    return try ReportEstimator(RadioModel()).run(plan, for: 5 * 86_400_000)
  }

  @Test(arguments: ReportPlan.Security.allCases, 0...2)
  func `every datagram and every byte is booked once`(
    security: ReportPlan.Security,
    coverage: Int
  ) throws {
    let estimate = try run(security, coverage)
    #expect(estimate.lost > 0)
    let (up, down) = (estimate.ledger.total(.up), estimate.ledger.total(.down))
    #expect(Int(up.datagrams) == estimate.account.allSent.datagrams)
    #expect(Int(up.bytes) == estimate.account.allSent.bytes)
    #expect(Int(down.datagrams) == estimate.account.allReceived.datagrams)
    #expect(Int(down.bytes) == estimate.account.allReceived.bytes)
  }

  @Test(arguments: 0...2)
  func `in symmetric mode each purpose has what the simulation saw it send`(coverage: Int) throws {
    let estimate = try run(.symmetric, coverage)
    let ledger = estimate.ledger
    for (purpose, radio) in [
      (TrafficLedger.Purpose.authentication, TrafficPurpose.authentication), (.report, .report),
      (.retransmission, .retransmission), (.acknowledgement, .control),
    ] {
      let sent = estimate.account.sent(radio)
      #expect(
        ledger[purpose, .up] == .init(datagrams: UInt64(sent.datagrams), bytes: UInt64(sent.bytes)),
        "\(radio)"
      )
    }
    #expect(ledger[.overhead, .up].bytes == 0)
    #expect(ledger[.report, .up].datagrams >= UInt64(estimate.reports))
    // Each acknowledged report has had one answer that counted.
    #expect(ledger[.answer, .down].datagrams == UInt64(estimate.acknowledged))
    #expect(ledger[.authentication, .down].datagrams == UInt64(estimate.authentications))
  }

  @Test func `over DTLS a report's record has its 13 bytes of header and its tag`() throws {
    let estimate = try run(.certificate, 0)
    let ledger = estimate.ledger
    let records = ledger.total(.up).datagrams - ledger[.handshake, .up].datagrams
    // RFC 6347 Section 4.1: 13; RFC 6655 Section 3: an explicit nonce of 8 and a tag of 8 or 16.
    #expect([29, 37].contains(ledger[.overhead, .up].bytes / records))
    #expect(ledger[.overhead, .up].bytes % records == 0)
  }
}

@Suite("A ledger, priced")
struct LedgerReplayTests {
  private let plan = ReportPlan(
    payload: [],
    interval: 15 * 60_000,
    security: .symmetric,
    habits: RadioHabits(coverage: 0)
  )

  @Test func `it costs what its run cost, within a tenth in class 0 and a half elsewhere`() throws {
    var run = plan
    run.payload = Array(
      #"{"id":"1","version":"1.0","params":{},"method":"thing.event.property.post"}"#.utf8
    )
    for coverage in 0...2 {
      run.habits.coverage = coverage
      let estimate = try ReportEstimator(RadioModel()).run(run, for: 10 * 86_400_000)
      var ledger = estimate.ledger
      ledger.addHeaders(28)
      let replay = try TrafficReplay(ledger, reports: estimate.reports, run, RadioModel())
      let priced = replay.run(run, RadioModel())
      #expect(priced.account.allSent.datagrams == Int(ledger.total(.up).datagrams))
      let bytes = priced.account.allSent.bytes + priced.account.allSent.headers
      #expect(abs(bytes - Int(ledger.total(.up).bytes)) < bytes / 100)
      let ratio = priced.energyPerReport / estimate.energyPerReport
      // Waits are medians in place of each answer's own: the slow ones of classes 1 and 2 are missing.
      #expect(ratio > (coverage == 0 ? 0.9 : 0.5) && ratio < 1.1, "class \(coverage): \(ratio)")
    }
  }

  @Test func `numbers that fit no device are refused`() throws {
    var ledger = TrafficLedger()
    #expect(throws: TrafficReplay.Failure.empty) {
      try TrafficReplay(ledger, reports: 1, plan, RadioModel())
    }
    ledger[.headers, .up] = .init(datagrams: 4, bytes: 112)
    ledger[.answer, .down] = .init(datagrams: 4, bytes: 220)
    #expect(throws: TrafficReplay.Failure.empty) {
      try TrafficReplay(ledger, reports: 4, plan, RadioModel())
    }
    ledger = TrafficLedger()
    ledger.count(.report, .up, bytes: 278, datagrams: 101)
    #expect(throws: TrafficReplay.Failure.excessive) {
      try TrafficReplay(ledger, reports: 1, plan, RadioModel())
    }
    #expect(throws: TrafficReplay.Failure.reports(0)) {
      try TrafficReplay(ledger, reports: 0, plan, RadioModel())
    }
    ledger[.report, .up] = .init(datagrams: 1_000_001, bytes: 100_000_000)
    #expect(throws: TrafficReplay.Failure.excessive) {
      try TrafficReplay(ledger, reports: 20_000, plan, RadioModel())
    }
    ledger[.report, .up] = .init(datagrams: 1, bytes: .max)
    #expect(throws: TrafficReplay.Failure.excessive) {
      try TrafficReplay(ledger, reports: 1, plan, RadioModel())
    }
    ledger[.report, .up] = .init(datagrams: .max, bytes: .max)
    #expect(throws: TrafficReplay.Failure.excessive) {
      try TrafficReplay(ledger, reports: 1_000_000, plan, RadioModel())
    }
  }
}

@Suite("Other programs, priced by the same model")
struct PeerTests {
  @Test(arguments: 0...2, [true, false])
  func `a report of ours costs less than any of theirs`(coverage: Int, assists: Bool) throws {
    let plan = ReportPlan(
      payload: [UInt8](repeating: 0x20, count: 120),
      interval: 15 * 60_000,
      security: .symmetric,
      habits: RadioHabits(coverage: coverage, assistsRelease: assists)
    )
    let estimator = try ReportEstimator(RadioModel())
    let ours = try estimator.run(plan, for: 10 * 86_400_000).energyPerReport
    for peer in PeerTraffic.all {
      let theirs = estimator.run(peer, plan, for: 10 * 86_400_000)
      #expect(theirs.reports == 960)
      #expect(theirs.energyPerReport > ours, "\(peer.name)")
    }
  }

  @Test func `a part of a run, scaled, is the run within what chance makes of it`() throws {
    let plan = ReportPlan(
      payload: [UInt8](repeating: 0x20, count: 120),
      interval: 15 * 60_000,
      security: .symmetric,
      habits: RadioHabits(coverage: 1)
    )
    let estimator = try ReportEstimator(RadioModel())
    let (day, year) = (86_400_000.0, 365 * 86_400_000.0)
    let whole = try estimator.run(plan, for: 60 * day)
    let part = try estimator.run(plan, for: year, sample: 12 * day)
    #expect(part.reports == 35_040)
    #expect(whole.ledger != TrafficLedger() && part.ledger == TrafficLedger())
    #expect(abs(part.duration - year) < 1)
    let ratio = part.energyPerReport / whole.energyPerReport
    #expect(ratio > 0.95 && ratio < 1.05, "\(ratio)")
    #expect((part.spread ?? 1) < 0.2)
  }
}
