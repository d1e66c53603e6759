// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import EnergyEstimate
import RadioModel
import Testing

@Suite("Reports over TCP: rehearsed once, priced by the model")
struct StreamTests {
  private func plan(_ transport: ReportPlan.Transport, _ coverage: Int = 0) -> ReportPlan {
    var plan = ReportPlan(
      payload: Array(
        #"{"id":"1","version":"1.0","params":{"Power":{"value":1}},"method":"thing.event.property.post"}"#
          .utf8
      ),
      interval: 900_000,
      security: .symmetric,
      habits: RadioHabits(coverage: coverage)
    )
    plan.transport = transport
    return plan
  }

  @Test func `over HTTPS the second connection has no /auth, and each has TLS`() async throws {
    let rehearsal = try await StreamRehearsal.run(plan(.https))
    let (first, ordinary) = (rehearsal.first, rehearsal.ordinary)
    // The first has a request and an answer more, each with their headers, the token in the latter.
    let more = [true, false].map { isUp in
      [first, ordinary].map { $0.flights.filter { $0.isUp == isUp }.reduce(0) { $0 + $1.bytes } }
    }
    #expect(more[0][0] > more[0][1] + 200 && more[1][0] > more[1][1] + 100, "\(more)")
    #expect(first.flights.count > ordinary.flights.count)
    // A hello of some 200 bytes, and a certificate.
    #expect(ordinary.flights[0].isUp && ordinary.flights[0].bytes > 150)
    #expect(!ordinary.flights[1].isUp && ordinary.flights[1].bytes > 500)
    let bytes = ordinary.flights.filter(\.isUp).reduce(0) { $0 + $1.bytes }
    #expect(bytes > 500)
    // TCP's own: SYN, acknowledgements, FIN.
    #expect(ordinary.segmentsUp >= 4)
    #expect(ordinary.segmentsDown >= 3)
  }

  @Test func `every report over HTTPS is acknowledged in the end, and costs more than over CoAP`()
    async throws
  {
    let plan = plan(.https)
    let estimator = try ReportEstimator(RadioModel())
    let rehearsal = try await StreamRehearsal.run(plan)
    let day = 86_400_000.0
    let https = estimator.run(plan, as: rehearsal, for: 8 * day)
    #expect(https.reports == 768)
    #expect(https.acknowledged + https.waiting == 768)
    #expect(https.authentications == 2)
    #expect(https.retransmissions > 0)
    let sent = https.account.allSent.bytes / 768
    let rehearsed = rehearsal.ordinary.flights.filter(\.isUp).reduce(0) { $0 + $1.bytes }
    // What was rehearsed, the headers of TCP, and what was sent again.
    #expect(sent >= rehearsed && sent < rehearsed + 400, "\(sent) \(rehearsed)")
    let coap = try estimator.run(self.plan(.coap), for: 8 * day)
    #expect(https.energyPerReport > 2 * coap.energyPerReport)
  }
}
