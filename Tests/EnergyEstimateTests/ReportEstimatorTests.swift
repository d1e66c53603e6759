// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import EnergyEstimate
import RadioModel
import Testing

@Suite("The real client over the radio model")
struct ReportEstimatorTests {
  private static let payload = Array(
    #"{"id":"1","version":"1.0","params":{"Temperature":{"value":21.5}},"method":"thing.event.property.post"}"#
      .utf8
  )

  private func plan(
    _ security: ReportPlan.Security = .symmetric,
    _ coverage: Int = 0,
    _ change: (inout ReportPlan) -> Void = { _ in }
  ) -> ReportPlan {
    var plan = ReportPlan(
      payload: Self.payload,
      interval: 15 * 60_000,
      security: security,
      habits: RadioHabits(coverage: coverage)
    )
    change(&plan)
    return plan
  }

  private static let day = 86_400_000.0

  private func lossless() -> RadioModel {
    var model = RadioModel()
    let file = #"{"class0":{"loss":0},"class1":{"loss":0},"class2":{"loss":0}}"#
    try? model.replace(with: Array(file.utf8).span)
    return model
  }

  @Test(arguments: ReportPlan.Security.allCases)
  func `without loss each report is one request and one answer`(
    security: ReportPlan.Security
  ) throws {
    let estimate = try ReportEstimator(lossless()).run(plan(security), for: Self.day)
    #expect(estimate.reports == 96)
    #expect(estimate.acknowledged == 96)
    #expect(estimate.refused == 0)
    #expect(estimate.authentications == 1)
    let account = estimate.account
    #expect(account.sent(.report).datagrams == 96)
    #expect(account.received(.answer).datagrams == 96)
    #expect(account.wakeUps == 96)
    if security == .symmetric {
      #expect(account.sent(.handshake).datagrams == 0)
    } else {
      // NAT has forgotten the device each time: it resumes.
      #expect(estimate.handshakes == 96)
      #expect(estimate.resumptions == 95)
    }
  }

  @Test(arguments: [ReportPlan.Security.symmetric, .preSharedKey])
  func `the same seed gives the same result, to the last bit`(
    security: ReportPlan.Security
  ) throws {
    let plan = plan(security, 2)
    let first = try ReportEstimator(RadioModel(), seed: 3).run(plan, for: 5 * Self.day)
    let second = try ReportEstimator(RadioModel(), seed: 3).run(plan, for: 5 * Self.day)
    #expect(first.account == second.account)
    #expect(first.ledger == second.ledger)
    #expect(first.retransmissions == second.retransmissions)
  }

  /// OpenSSL draws its own random numbers, and an ECDSA signature in DER has 70 to 72 bytes.
  @Test func `with a certificate the same seed gives nearly the same result`() throws {
    let plan = plan(.certificate, 2)
    let first = try ReportEstimator(RadioModel(), seed: 3).run(plan, for: 5 * Self.day)
    let second = try ReportEstimator(RadioModel(), seed: 3).run(plan, for: 5 * Self.day)
    #expect(abs(first.energyPerReport / second.energyPerReport - 1) < 0.1)
  }

  @Test(arguments: ReportPlan.Security.allCases)
  func `every report is acknowledged in the end, or still waiting`(
    security: ReportPlan.Security
  ) throws {
    let estimate = try ReportEstimator(RadioModel()).run(plan(security, 2), for: 5 * Self.day)
    #expect(estimate.reports == 480)
    #expect(estimate.acknowledged + estimate.waiting == 480)
    #expect(estimate.lost > 0)
    #expect(estimate.retransmissions > 0)
  }

  @Test func `a worse class, a handshake and a network that holds the radio each cost more`() throws
  {
    let estimator = try ReportEstimator(lossless())
    func energy(_ plan: ReportPlan) throws -> Double {
      try estimator.run(plan, for: Self.day).energyPerReport
    }
    let best = try energy(plan())
    #expect(try energy(plan(.symmetric, 1)) > best)
    #expect(try energy(plan(.symmetric, 2)) > energy(plan(.symmetric, 1)))
    #expect(try energy(plan(.certificate)) > best)
    #expect(try energy(plan { $0.habits.assistsRelease = false }) > best)
    #expect(try energy(plan { $0.payload += [UInt8](repeating: 0x20, count: 600) }) > best)
  }

  @Test func `a report costs as much however many area updates come before the next one`() throws {
    let estimator = try ReportEstimator(lossless())
    let minutes = [50.0, 360, 1_440]
    let estimates = try minutes.map { interval in
      let plan = plan {
        $0.interval = interval * 60_000
        $0.habits.sleeps = false
      }
      return try estimator.run(plan, for: 12 * interval * 60_000)
    }
    let first = estimates[0].energyPerReport
    for estimate in estimates {
      #expect(estimate.reports == 12)
      #expect(
        abs(estimate.energyPerReport / first - 1) < 0.2,
        "\(estimate.energyPerReport) \(first)"
      )
    }
    #expect(estimates[1].account.updateEnergy > 0)
    // All energy is in the average.
    let last = estimates[2]
    #expect(abs(last.averagePower() * last.duration / 1_000 / last.account.energy - 1) < 1e-9)
  }

  @Test func `a payload that is too long, and names that are none, are refused`() throws {
    let estimator = try ReportEstimator(RadioModel())
    #expect(throws: EstimateError.payloadTooLong(1_025)) {
      try estimator.run(plan { $0.payload = [UInt8](repeating: 0x20, count: 1_025) }, for: 1)
    }
    #expect(throws: EstimateError.names) {
      try estimator.run(plan { $0.deviceName = "a b" }, for: 1)
    }
    #expect(throws: EstimateError.names) {
      try estimator.run(plan { $0.topic = "no topic" }, for: 1)
    }
  }

  @Test func `a battery without leakage lasts its energy over the power, a leaking one less`() {
    let tight = Battery(charge: 8.5, voltage: 3.6, selfDischarge: 0)
    let power = tight.energy / (10 * 365.25 * 86_400)
    #expect(abs(tight.years(at: power) - 10) < 1e-9)
    let leaking = Battery(charge: 8.5, voltage: 3.6, selfDischarge: 0.01)
    // ln(1 + 0.1) / 0.01
    #expect(abs(leaking.years(at: power) - 9.531_017_980_4) < 1e-6)
    #expect(tight.intervalForOneYear(event: 1, idle: 1) == nil)
    let interval = leaking.intervalForOneYear(event: 2, idle: 0.000_01) ?? 0
    #expect(abs(leaking.years(at: 2 / interval + 0.000_01) - 1) < 1e-9)
  }
}
