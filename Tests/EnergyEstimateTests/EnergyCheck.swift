// SPDX-License-Identifier: Apache-2.0
import Foundation
import RadioModel

/// A published measurement of one message, and what the model says about it.
struct CheckedMessage {
  /// What was measured: network or device, and the set.
  let set: String
  let coverage: Int
  /// What was sent, in words.
  let what: String
  let bytes: Int
  /// In joules.
  let measured: Double
  let estimated: Double

  var ratio: Double { measured / estimated }

  /// Where it was measured: all sets of the BG96 are of one network.
  var network: String { self.set.hasPrefix("BG96") ? "BG96" : self.set }
}

/// The published measurements, each held against the model in the setting that its publication names.
struct EnergyCheck {
  let messages: [CheckedMessage]

  init(_ model: RadioModel = RadioModel()) throws {
    messages = try Self.kit(model) + Self.traces(model) + Self.thesis(model)
  }

  /// An nRF9160 kit: PSM, release assistance, one network, class 0 assumed.
  private static func kit(_ model: RadioModel) throws -> [CheckedMessage] {
    try rows("nrf9160").map { row in
      var meter = RadioMeter(model, RadioHabits(coverage: 0, scope: .device), at: 0)
      let (up, down) = (try number(row[1]), try number(row[2]))
      var extra = 0.0
      if up == 0 {
        meter.wake(at: 0)
      } else if down == 0 {
        _ = meter.send(Int(up), for: .report, .last, at: 0)
      } else {
        let sent = meter.send(Int(up), for: .report, .oneAnswer, at: 0)
        _ = meter.receive(Int(down), for: .answer, at: sent + model[0].roundTripMedian)
        if row[0].contains("switched off") { extra = model.device.attaching }
      }
      meter.advance(to: 3_600_000)
      return CheckedMessage(
        set: "nRF9160 kit",
        coverage: 0,
        what: row[0],
        bytes: Int(up),
        measured: try number(row[3]) * 3.6,
        estimated: meter.account.activeEnergy + extra
      )
    }
  }

  /// A BG96: the connected time of each set is known as a whole, and its rate is that of one transmission a block.
  private static func traces(_ model: RadioModel) throws -> [CheckedMessage] {
    let rows = try rows("bg96")
    var messages: [CheckedMessage] = []
    for key in unique(rows.map { "\($0[0]) \($0[1])" }) {
      let set = rows.filter { "\($0[0]) \($0[1])" == key }
      let payloads = try set.map { try number($0[2]) }
      let time = Line(payloads, try set.map { try number($0[4]) })
      var model = model
      let coverage = Int(try number(set[0][1]))
      let block = model[0].resourceUnits * model.network.resourceUnit + model.network.scheduling
      let connected = time.intercept * 1_000 - block
      let file = """
        {"class\(coverage)": {"wakeUp": 0, "uplinkRepetitions": 1, "resourceUnits": \(model[0].resourceUnits)},
         "network": {"inactivity": \(connected)}}
        """
      try model.replace(with: Array(file.utf8).span)
      let habits = RadioHabits(coverage: coverage, assistsRelease: false)
      for row in set {
        var meter = RadioMeter(model, habits, at: 0)
        let bytes = Int(try number(row[2]))
        _ = meter.send(bytes, for: .report, .last, at: 0)
        meter.advance(to: 3_600_000)
        messages.append(
          CheckedMessage(
            set: "BG96 set \(row[0])",
            coverage: coverage,
            what:
              "one way, connected \(time.intercept.formatted(.number.precision(.fractionLength(1)))) s",
            bytes: bytes,
            measured: try number(row[3]),
            estimated: meter.account.activeEnergy
          )
        )
      }
    }
    return messages
  }

  /// Three vendors' networks, of which only the class is known; PSM and release assistance assumed.
  private static func thesis(_ model: RadioModel) throws -> [CheckedMessage] {
    try rows("thesis").map { row in
      let coverage = Int(try number(row[1]))
      var meter = RadioMeter(model, RadioHabits(coverage: coverage), at: 0)
      let bytes = Int(try number(row[2]))
      _ = meter.send(bytes, for: .report, .last, at: 0)
      meter.advance(to: 3_600_000)
      return CheckedMessage(
        set: row[0],
        coverage: coverage,
        what: "one way",
        bytes: bytes,
        measured: try number(row[3]) * 0.003_6,
        estimated: meter.account.activeEnergy
      )
    }
  }

  /// The sets, in their order: network or device, and class.
  var sets: [(name: String, coverage: Int, messages: [CheckedMessage])] {
    unique(messages.map { "\($0.set)|\($0.coverage)" }).map { key in
      let own = messages.filter { "\($0.set)|\($0.coverage)" == key }
      return (own[0].set, own[0].coverage, own)
    }
  }

  /// The spread of a class, in which each network counts the same, however many messages were measured there.
  ///
  /// Of class 2 there are two networks only, of which one is a laboratory: it has the spread of all classes together.
  func spread(_ coverage: Int) -> PublishedSpread {
    var own = messages.filter { $0.coverage == coverage }
    if unique(own.map(\.network)).count < 3 { own = messages }
    let networks = Dictionary(grouping: own, by: \.network)
    let weighed = own.map {
      (ratio: $0.ratio, weight: 1 / Double(networks[$0.network]?.count ?? 1))
    }
    .sorted { $0.ratio < $1.ratio }
    func quantile(_ part: Double) -> Double {
      var left = part * Double(networks.count)
      for (ratio, weight) in weighed {
        left -= weight
        if left <= 1e-9 { return ratio }
      }
      return weighed[weighed.count - 1].ratio
    }
    return PublishedSpread(
      lowest: quantile(0),
      lowerQuartile: quantile(0.25),
      upperQuartile: quantile(0.75),
      highest: quantile(1)
    )
  }

  /// The measured energy that a line through a set's messages gives for one of them.
  static func fit(_ messages: [CheckedMessage], at bytes: Int) -> Double {
    let line = Line(messages.map { Double($0.bytes) }, messages.map(\.measured))
    return line.intercept + line.slope * Double(bytes)
  }

  /// The table of docs/energy.md.
  var table: String {
    var lines = [
      "| set | class | messages | payload, B | measured, J | estimated, J | measured / estimated: median, least to most |",
      "|---|---|---|---|---|---|---|",
    ]
    for set in sets {
      let ratios = set.messages.map(\.ratio)
      let bytes = set.messages.map(\.bytes)
      lines.append(
        "| \(set.name) | \(set.coverage) | \(set.messages.count) | \(span(bytes.map(Double.init), 0)) "
          + "| \(span(set.messages.map(\.measured), 2)) | \(span(set.messages.map(\.estimated), 2)) "
          + "| \(text(quantile(ratios, 0.5), 2)), \(span(ratios, 2)) |"
      )
    }
    return lines.joined(separator: "\n")
  }

  private func span(_ values: [Double], _ digits: Int) -> String {
    "\(text(values.min() ?? 0, digits)) to \(text(values.max() ?? 0, digits))"
  }

  private func text(_ value: Double, _ digits: Int) -> String {
    String(format: "%.\(digits)f", value)
  }

  /// The lines of a file of measurements behind the first, which names the columns.
  private static func rows(_ name: String) throws -> [[String]] {
    let url = Bundle.module.url(forResource: "Resources/\(name)", withExtension: "csv")
    guard let url else { throw CocoaError(.fileNoSuchFile) }
    return try String(contentsOf: url, encoding: .utf8).split(separator: "\n").dropFirst()
      .map { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }
  }

  private static func number(_ text: String) throws -> Double {
    guard let number = Double(text) else { throw CocoaError(.fileReadCorruptFile) }
    return number
  }
}

/// A line by least squares.
struct Line {
  let intercept: Double
  let slope: Double

  init(_ x: [Double], _ y: [Double]) {
    let count = Double(x.count)
    let (meanX, meanY) = (x.reduce(0, +) / count, y.reduce(0, +) / count)
    let products = zip(x, y).map { ($0 - meanX) * ($1 - meanY) }.reduce(0, +)
    let squares = x.map { ($0 - meanX) * ($0 - meanX) }.reduce(0, +)
    slope = products / squares
    intercept = meanY - slope * meanX
  }
}

/// A quantile, between two neighbours in proportion.
func quantile(_ values: [Double], _ part: Double) -> Double {
  let sorted = values.sorted()
  let position = part * Double(sorted.count - 1)
  let index = min(Int(position), sorted.count - 1)
  let next = min(index + 1, sorted.count - 1)
  return sorted[index] + (sorted[next] - sorted[index]) * (position - Double(index))
}

private func unique(_ keys: [String]) -> [String] {
  keys.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
}
