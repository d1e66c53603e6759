// SPDX-License-Identifier: Apache-2.0
import PlatformCore
import PlatformWebServer
import TestSupport
import Testing

@Suite("docs/unverified.md: what only the cloud could confirm of HTTPS")
struct WebAssumptionTests {
  @Test func `the page has a row for each, with its values, and no other`() {
    let rows = Repository.rows(Repository.text("docs/unverified.md"))
      .filter { $0.count == 4 && $0[0].hasPrefix("`https-") }
    #expect(
      rows.map { "\($0[0]) \($0[1]) \($0[2])" }
        == WebAssumption.all.map { "`\($0.name)` \($0.choices) \($0.summary)" }
    )
  }

  @Test func `each takes its values, and no others`() {
    for assumption in WebAssumption.all {
      var assumptions = WebAssumptions()
      let standard = assumption.value(in: assumptions)
      #expect(assumption.choices.hasPrefix(standard))
      #expect(!assumption.set("nonsense", in: &assumptions))
      let isCode = assumption.choices.hasSuffix("another code")
      let other =
        isCode ? "40000" : String(assumption.choices.split(separator: ", ").last ?? "")
      #expect(assumption.set(other, in: &assumptions), "\(assumption.name)=\(other)")
      #expect(assumption.value(in: assumptions) == other)
      #expect(assumptions != WebAssumptions())
      // A refusal that says success, or no number as it is written.
      for text in ["0", "200", "-1", "+5", "100000", "0401"] where isCode {
        #expect(!assumption.set(text, in: &assumptions), "\(text)")
      }
    }
    #expect(WebAssumption.named("https-nothing") == nil)
  }
}
