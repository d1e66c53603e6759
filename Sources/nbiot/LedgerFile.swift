// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials
internal import PayloadValues
internal import TrafficLedger

/// A ledger that a device has told: the object of `nbiot publish --ledger --output json`, or the lines that
/// `nbiot-agent` prints on SIGUSR1.
///
/// Other lines are passed over. The last ledger in the file counts.
struct LedgerFile {
  /// Why it cannot be used.
  struct Problem: Error, Equatable {
    let line: Int
    let reason: String
  }

  var ledger = TrafficLedger()
  /// Reports that were acknowledged; `nil` where the file does not say.
  var reports: Int?
  /// What carried them.
  var transport: String?

  /// How many ledgers the file has.
  private(set) var count = 0

  private var isFound = false

  init(_ bytes: [UInt8]) throws(Problem) {
    let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
      do throws(Reason) {
        try take(String(decoding: InputText.trimmed(Array(line)), as: UTF8.self))
      } catch {
        throw Problem(line: index + 1, reason: error.text)
      }
    }
    guard isFound else {
      throw Problem(
        line: 1,
        reason: "no ledger is in it: neither an object with \"ledger\" nor a line \"info ledger \""
      )
    }
  }

  private struct Reason: Error {
    let text: String
    init(_ text: String) { self.text = text }
  }

  private mutating func take(_ line: String) throws(Reason) {
    if line.hasPrefix("{") {
      guard let value = PayloadValue(Array(line.utf8), .json) else {
        throw Reason("it is not JSON: an object is on one line, as nbiot publish prints it")
      }
      if let object = value["ledger"] { try take(object) }
    } else if let range = line.firstRange(of: "info counters ") {
      // What follows is a new account of everything since the agent's start, which the one before it is a part of.
      ledger = TrafficLedger()
      reports = try Self.fields(line[range.upperBound...])["delivered"].map { Int(clamping: $0) }
    } else if let range = line.firstRange(of: "info ledger ") {
      let words = line[range.upperBound...].split(separator: " ", maxSplits: 1)
      // A ledger that is kept has reports of its own, which may be more than those of the agent's last life.
      if words.count == 1, let kept = try Self.fields(words[0])["reports"] {
        reports = Int(clamping: kept)
        return
      }
      guard let purpose = words.first.flatMap({ Self.purpose(String($0)) }), words.count == 2 else {
        throw Reason("unknown purpose \"\(words.first ?? "")\"; there are \(Self.names)")
      }
      let fields = try Self.fields(words[1])
      for (direction, suffix) in [(TrafficLedger.Direction.up, "up"), (.down, "down")] {
        guard let datagrams = fields["datagrams-\(suffix)"], let bytes = fields["bytes-\(suffix)"]
        else { throw Reason("datagrams-\(suffix)= or bytes-\(suffix)= is missing") }
        ledger[purpose, direction] = .init(datagrams: datagrams, bytes: bytes)
      }
      isFound = true
      transport = "coap"
    }
  }

  private mutating func take(_ object: PayloadValue) throws(Reason) {
    ledger = TrafficLedger()
    count += 1
    for (direction, name) in [(TrafficLedger.Direction.up, "up"), (.down, "down")] {
      guard let side = object[name]?.members else { throw Reason("\"\(name)\" is no object") }
      for member in side {
        guard let purpose = Self.purpose(member.name) else {
          throw Reason("unknown purpose \"\(member.name)\"; there are \(Self.names)")
        }
        guard let datagrams = Self.count(member.value["datagrams"]),
          let bytes = Self.count(member.value["bytes"])
        else {
          throw Reason(
            "\"\(name)\" \"\(member.name)\": \"datagrams\" and \"bytes\" are 0 to 1000000000000000"
          )
        }
        ledger[purpose, direction] = .init(datagrams: datagrams, bytes: bytes)
      }
    }
    reports = object["reports"]?.integer.map { Int($0) }
    transport = object["transport"]?.string
    isFound = true
  }

  private static func count(_ value: PayloadValue?) -> UInt64? {
    guard let value = value?.integer, (0...most).contains(value) else { return nil }
    return UInt64(value)
  }

  /// More than any modem will send in its life; sums of such numbers fit into 64 bits.
  private static var most: Int64 { 1_000_000_000_000_000 }

  /// The fields NAME=NUMBER of a line; those that are no numbers are passed over.
  private static func fields(_ text: Substring) throws(Reason) -> [String: UInt64] {
    var fields: [String: UInt64] = [:]
    for word in text.split(separator: " ") {
      let parts = word.split(separator: "=", maxSplits: 1)
      guard parts.count == 2, let value = UInt64(parts[1]) else { continue }
      guard value <= UInt64(most) else { throw Reason("\(word): a count is 0 to \(most)") }
      fields[String(parts[0])] = value
    }
    return fields
  }

  private static func purpose(_ name: String) -> TrafficLedger.Purpose? {
    TrafficLedger.Purpose.all.first { "\($0.name)" == name }
  }

  private static var names: String {
    TrafficLedger.Purpose.all.map { "\($0.name)" }.joined(separator: ", ")
  }
}
