// SPDX-License-Identifier: Apache-2.0
import PlatformBroker
import PlatformCore
import TestSupport
import Testing

@Suite("docs/unverified.md: what only the cloud could confirm of MQTT")
struct BrokerAssumptionTests {
  @Test func `the page has a row for each, with its values, and no other`() {
    let rows = Repository.rows(Repository.text("docs/unverified.md"))
      .filter { $0.count == 4 && $0[0].hasPrefix("`mqtt-") }
    #expect(
      rows.map { "\($0[0]) \($0[1]) \($0[2])" }
        == BrokerAssumption.all.map { "`\($0.name)` \($0.choices) \($0.summary)" }
    )
  }

  @Test func `each takes its values, and no others`() throws {
    for assumption in BrokerAssumption.all {
      var assumptions = BrokerAssumptions()
      let standard = assumption.value(in: assumptions)
      #expect(assumption.choices.hasPrefix(standard))
      #expect(!assumption.set("nonsense", in: &assumptions))
      let isCode = assumption.choices.contains("CONNACK of")
      let other =
        isCode ? "3" : String(assumption.choices.split(separator: ", ").last ?? "")
      #expect(assumption.set(other, in: &assumptions), "\(assumption.name)=\(other)")
      #expect(assumption.value(in: assumptions) == other)
      #expect(assumptions != BrokerAssumptions())
      if isCode {
        #expect(!assumption.set("0", in: &assumptions) && !assumption.set("6", in: &assumptions))
      }
    }
    #expect(BrokerAssumption.named("mqtt-nothing") == nil)
  }
}
