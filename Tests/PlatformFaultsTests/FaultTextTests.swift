// SPDX-License-Identifier: Apache-2.0
import PlatformFaults
import Testing

@Suite("Faults as text")
struct FaultTextTests {
  @Test(arguments: [
    "drop=5%", "drop=7%", "drop=0.5%", "duplicate=100%", "corrupt=2.5%", "reorder=10%,way=up",
    "delay=2s",
    "delay=1s..3s,share=50%", "nat=1m", "nat", "forget", "restart=2h",
    "clock=1d", "answer=5.00,on=report,max-age=60,topic=/sys/*,after=3,times=2",
    "answer=30001,on=auth,device=a1B2/meter*", "drop=100%,device=*/device1,for=10m",
  ])
  func `a fault is written as it is read`(text: String) throws {
    let rules = try FaultRule.rules(text)
    #expect(rules.map(\.description) == [text])
  }

  @Test func `several faults share what restricts them`() throws {
    let rules = try FaultRule.rules("drop=5%,delay=1s..3s,device=meter*,for=10m,way=down")
    #expect(
      rules.map(\.description) == [
        "drop=5%,way=down,device=*/meter*,for=10m",
        "delay=1s..3s,way=down,device=*/meter*,for=10m",
      ]
    )
  }

  @Test func `a share may be a fraction, and is all where it is not given`() throws {
    #expect(try FaultRule.rules("drop=0.25") == FaultRule.rules("drop=25%"))
    #expect(try FaultRule.rules("drop")[0].share == 1)
  }

  @Test(arguments: [
    ("", "no fault"), ("dorp=5%", "dorp=5%: no fault is called that"),
    ("drop=0%", "drop=0%: it is a share above 0% and up to 100%"),
    ("drop=101%", "up to 100%"), ("drop=5%,drop=6%", "drop is given twice"),
    ("delay=2", "delay=2: it is a time or two"), ("delay=3s..1s", "it is a time or two"),
    ("delay=2h", "1ms to 1h"), ("answer=2.05", "it is a code such as"),
    ("answer=500", "it is a code such as"), ("drop=5%,topic=/a", "goes with answer alone"),
    ("drop=5%,on=auth", "goes with answer alone"), ("answer=4.01,on=ping", "auth, report, pull"),
    ("answer=4.01,way=up", "an answer has no way"), ("drop,times=0", "1 to 1000000000"),
    ("drop,after=-1", "0 to 1000000000"), ("drop,for=1", "1ms to 365d"),
    ("forget,for=1h", "happen once"), ("nat,forget,device=a", "to everybody"),
    ("forget,nat,device=a", "to everybody"), ("delay=1s..2s..3s", "it is a time or two"),
    ("delay=..2s", "it is a time or two"), ("answer", "it is a code such as"),
    ("forget=1", "it has no value"),
    ("restart=2d", "1s to 1d"), ("restart=0s", "1s to 1d"), ("nat=10ms", "1s to 1d"),
    ("device=a", "names no fault"),
    ("drop=5%,share=1%", "a share of its own"), ("drop,way=", "it needs a value"),
  ])
  func `a bad text is refused with the word, the reason and the range`(
    text: String,
    part: String
  ) {
    let error = #expect(throws: FaultTextError.self) { try FaultRule.rules(text) }
    #expect(error?.description.contains(part) == true, "\(error?.description ?? "")")
  }

  @Test(
    arguments: [
      ("10ms", 10), ("2s", 2_000), ("1.5m", 90_000), ("24h", 86_400_000), ("1d", 86_400_000),
      ("5min", 300_000),
      ("2", nil), ("s", nil), ("2 s", nil), ("-1s", nil), ("1e9d", nil),
    ] as [(String, Int64?)]
  )
  func `a time has a unit`(text: String, milliseconds: Int64?) {
    #expect(FaultRule.milliseconds(text) == milliseconds)
  }
}
