// SPDX-License-Identifier: Apache-2.0
import Foundation
import RadioModel
import Testing

@Suite("The radio model against published measurements")
struct EnergyCheckTests {
  private let check: EnergyCheck

  init() throws { check = try EnergyCheck() }

  @Test func `an nRF9160 kit within 25 %`() {
    let messages = check.messages.filter { $0.set == "nRF9160 kit" }
    #expect(messages.count == 5)
    for message in messages {
      #expect((0.75...1.25).contains(message.estimated / message.measured), "\(message)")
    }
  }

  @Test(arguments: [("1", 1, 21), ("3", 1, 12), ("6", 2, 13), ("7", 0, 73)])
  func `a BG96 within 35 % of a set's fit over its payloads`(
    set: String,
    coverage: Int,
    count: Int
  ) {
    let messages = check.messages.filter {
      $0.set == "BG96 set \(set)" && $0.coverage == coverage
    }
    #expect(messages.count == count)
    for message in messages {
      let fit = EnergyCheck.fit(messages, at: message.bytes)
      #expect((0.65...1.35).contains(message.estimated / fit), "\(message), fit \(fit)")
    }
  }

  @Test(arguments: 0...2)
  func `an Ericsson network within a factor of 2.5`(coverage: Int) {
    let messages = check.messages.filter { $0.set == "Ericsson" && $0.coverage == coverage }
    #expect(messages.count == 5)
    for message in messages {
      #expect((1 / 2.5...2.5).contains(message.ratio), "\(message)")
    }
  }

  @Test(arguments: 0...2)
  func `the spread in the model is that of the published sets`(coverage: Int) {
    let published = check.spread(coverage)
    let spread = RadioModel().spread(coverage)
    func isRounded(_ value: Double, _ exact: Double) -> Bool { abs(value / exact - 1) < 0.006 }
    print("class \(coverage): \(published)")
    #expect(isRounded(spread.lowest, published.lowest))
    #expect(isRounded(spread.lowerQuartile, published.lowerQuartile))
    #expect(isRounded(spread.upperQuartile, published.upperQuartile))
    #expect(isRounded(spread.highest, published.highest))
  }

  /// With NBIOT_WRITE_DOCS it writes the table in place of comparing it.
  @Test func `the table in docs is the one that this model gives`() throws {
    let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("docs/energy.md")
    let text = try String(contentsOf: page, encoding: .utf8)
    let (begin, end) = ("<!-- made by make energy-check -->\n", "\n<!-- end -->")
    let start = try #require(text.range(of: begin)).upperBound
    let stop = try #require(text.range(of: end, range: start..<text.endIndex)).lowerBound
    if ProcessInfo.processInfo.environment["NBIOT_WRITE_DOCS"] != nil {
      try text.replacingCharacters(in: start..<stop, with: check.table)
        .write(to: page, atomically: true, encoding: .utf8)
    } else {
      #expect(text[start..<stop] == check.table)
    }
    print(check.table)
  }
}
