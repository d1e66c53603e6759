// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import RadioModel

/// What is wrong with the text of a fault.
public struct FaultTextError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The word, the reason and the range.
  public let description: String

  init(_ word: Substring, _ reason: String) { description = "\(word): \(reason)" }
}

extension FaultRule {
  /// Reads faults from a text such as `drop=5%,delay=1s..3s,device=*/meter*,for=10m`: what happens, then what
  /// restricts all of it.
  public static func rules(_ text: String) throws(FaultTextError) -> [FaultRule] {
    var rules: [FaultRule] = []
    var limits: [(word: Substring, name: Substring, value: Substring?)] = []
    var seen: Set<Substring> = []
    for word in text.split(separator: ",", omittingEmptySubsequences: false) {
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let (name, value) = (parts[0], parts.count > 1 ? parts[1] : nil)
      guard seen.insert(name).inserted else { throw FaultTextError(word, "\(name) is given twice") }
      if let rule = try effect(word, name, value) {
        rules.append(rule)
      } else if names.contains(String(name)) {
        limits.append((word, name, value))
      } else {
        throw FaultTextError(word, "no fault is called that; there are \(list)")
      }
    }
    guard !rules.isEmpty else {
      throw FaultTextError(Substring(text), "that names no fault; there are \(list)")
    }
    for limit in limits { try apply(limit.word, limit.name, limit.value, to: &rules) }
    return rules
  }

  /// The words of the language, for a message.
  static let list =
    "drop, duplicate, corrupt, reorder (each =SHARE), delay=TIME or TIME..TIME, nat or nat=TIME, answer=CODE, "
    + "forget, restart=TIME and clock=TIME, with way, on, max-age, device, topic, share, after, times and for"

  private static let names: Set<String> = [
    "way", "on", "max-age", "device", "topic", "share", "after", "times", "for",
  ]

  /// The fault that a word names; `nil` if it names none.
  private static func effect(
    _ word: Substring,
    _ name: Substring,
    _ value: Substring?
  ) throws(FaultTextError) -> FaultRule? {
    switch name {
    case "drop": return try shared(.drop, word, value)
    case "duplicate": return try shared(.duplicate, word, value)
    case "corrupt": return try shared(.corrupt, word, value)
    case "reorder": return try shared(.reorder, word, value)
    case "delay":
      guard let value, let range = range(value) else {
        throw FaultTextError(word, "it is a time or two, such as 2s or 1s..3s, of 1ms to 1h")
      }
      return FaultRule(.delay(range))
    case "nat":
      guard let value else { return FaultRule(.rebind) }
      return FaultRule(.bindingLifetime(try time(word, value, 1_000...86_400_000, "1s to 1d")))
    case "answer":
      guard let status = status(value ?? "") else {
        throw FaultTextError(word, "it is a code such as 4.01, 5.00 or 30001")
      }
      return FaultRule(.answer(status: status, retryAfter: nil, nil))
    case "forget":
      guard value == nil else { throw FaultTextError(word, "it has no value") }
      return FaultRule(.forgetSessions)
    case "restart":
      let gone = try value.map { value throws(FaultTextError) in
        try time(word, value, 1_000...86_400_000, "1s to 1d; forget is without a time")
      }
      return FaultRule(.restart(gone ?? Milliseconds(1_000)))
    case "clock":
      return FaultRule(
        .clockJump(try time(word, value ?? "", 1_000...315_576_000_000, "1s to 3652d"))
      )
    default: return nil
    }
  }

  private static func shared(
    _ effect: Effect,
    _ word: Substring,
    _ value: Substring?
  ) throws(FaultTextError) -> FaultRule {
    var rule = FaultRule(effect)
    if let value { rule.share = try share(word, value) }
    return rule
  }

  private static func apply(
    _ word: Substring,
    _ name: Substring,
    _ value: Substring?,
    to rules: inout [FaultRule]
  ) throws(FaultTextError) {
    guard let value, !value.isEmpty else { throw FaultTextError(word, "it needs a value") }
    // The address of one device may change alone.
    let isOfAll = rules.contains { $0.isMomentary && !(name == "device" && $0.effect == .rebind) }
    guard !isOfAll else {
      throw FaultTextError(word, "forget, restart, clock and nat happen once, to everybody")
    }
    for index in rules.indices {
      let isAnswer = rules[index].concernsRequests
      switch name {
      case "way":
        guard let way = Way(rawValue: String(value)) else {
          throw FaultTextError(word, "it is up, down or both")
        }
        guard !isAnswer else { throw FaultTextError(word, "an answer has no way") }
        rules[index].way = way
      case "on", "max-age", "topic":
        guard case .answer(let status, var wait, var request) = rules[index].effect else {
          throw FaultTextError(
            word,
            "it goes with answer alone: a datagram does not show what is in it"
          )
        }
        if name == "topic" {
          rules[index].topic = String(value)
        } else if name == "on" {
          request = FaultedRequest(rawValue: String(value))
          guard request != nil else {
            throw FaultTextError(word, "it is auth, report, pull or register")
          }
        } else {
          wait = UInt32(value)
          guard wait != nil else { throw FaultTextError(word, "it is 0 to 4294967295 seconds") }
        }
        rules[index].effect = .answer(status: status, retryAfter: wait, request)
      case "device":
        rules[index].device = value.contains("/") ? String(value) : "*/\(value)"
      case "share":
        let isGiven = rules[index].share < 1
        guard !isGiven else { throw FaultTextError(word, "the fault has a share of its own") }
        rules[index].share = try share(word, value)
      case "after":
        guard let count = Int(value), (0...1_000_000_000).contains(count) else {
          throw FaultTextError(word, "it is a count of 0 to 1000000000")
        }
        rules[index].after = count
      case "times":
        guard let count = Int(value), (1...1_000_000_000).contains(count) else {
          throw FaultTextError(word, "it is a count of 1 to 1000000000")
        }
        rules[index].times = count
      default:
        rules[index].duration = try time(word, value, 1...31_557_600_000, "1ms to 365d")
      }
    }
  }

  private static func share(_ word: Substring, _ value: Substring) throws(FaultTextError) -> Double
  {
    guard let share = share(value) else {
      throw FaultTextError(word, "it is a share above 0% and up to 100%, such as 5% or 0.05")
    }
    return share
  }

  /// A share above 0 and up to 1, such as `5%` or `0.05`; `nil` for anything else.
  package static func share(_ text: Substring) -> Double? {
    let isPercent = text.hasSuffix("%")
    guard let number = Double(isPercent ? text.dropLast() : text) else { return nil }
    let share = isPercent ? number / 100 : number
    return share > 0 && share <= 1 ? share : nil
  }

  private static func range(_ value: Substring) -> ClosedRange<Int64>? {
    let ends = value.split(separator: "..", omittingEmptySubsequences: false).map {
      milliseconds($0)
    }
    let limits: ClosedRange<Int64> = 1...3_600_000
    guard ends.count <= 2, let first = ends[0], let last = ends[ends.count - 1], first <= last,
      limits.contains(first), limits.contains(last)
    else { return nil }
    return first...last
  }

  private static func time(
    _ word: Substring,
    _ value: Substring,
    _ limits: ClosedRange<Int64>,
    _ range: String
  ) throws(FaultTextError) -> Milliseconds {
    guard let count = milliseconds(value), limits.contains(count) else {
      throw FaultTextError(word, "it is a time with its unit, \(range)")
    }
    return Milliseconds(count)
  }

  /// A time with its unit, one of `RadioUnit.milliseconds`, in milliseconds; `nil` for anything else.
  public static func milliseconds(_ text: some StringProtocol) -> Int64? {
    let text = String(text)
    // Without a unit `RadioUnit` takes milliseconds.
    guard let first = text.first, first.isASCII, first.isNumber, Double(text) == nil,
      !text.contains(" ")
    else { return nil }
    do throws(RadioUnit.Problem) {
      let value = try RadioUnit.milliseconds.value(of: text)
      return value < 1e15 ? Int64(value.rounded()) : nil
    } catch {
      return nil
    }
  }

  /// The status of `4.01` as 401, of five digits as they are; `nil` for anything else.
  private static func status(_ text: Substring) -> Int? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    if parts.count == 2, let code = Int(parts[0]), (4...5).contains(code), parts[1].count == 2,
      let detail = Int(parts[1]), (0...31).contains(detail)
    {
      return code * 100 + detail
    }
    if parts.count == 1, text.count == 5, let code = Int(text), code >= 10_000 { return code }
    return nil
  }
}

extension FaultRule: CustomStringConvertible {
  /// The fault as `rules` reads it.
  public var description: String {
    var words: [String] = []
    var says = share
    func percent() -> String {
      // 0.07 * 100 is not 7.
      let value = (share * 1e8).rounded() / 1e6
      return value == value.rounded() ? "\(Int(value))%" : "\(value)%"
    }
    func shared(_ name: String) {
      words.append("\(name)=\(percent())")
      says = 1
    }
    switch effect {
    case .drop: shared("drop")
    case .duplicate: shared("duplicate")
    case .corrupt: shared("corrupt")
    case .reorder: shared("reorder")
    case .delay(let range):
      words.append(
        range.lowerBound == range.upperBound
          ? "delay=\(Self.text(range.lowerBound))"
          : "delay=\(Self.text(range.lowerBound))..\(Self.text(range.upperBound))"
      )
    case .bindingLifetime(let time): words.append("nat=\(Self.text(time.count))")
    case .rebind: words.append("nat")
    case .answer(let status, let wait, let request):
      let detail = status % 100
      words.append(
        status > 999
          ? "answer=\(status)" : "answer=\(status / 100).\(detail < 10 ? "0" : "")\(detail)"
      )
      if let request { words.append("on=\(request.rawValue)") }
      if let wait { words.append("max-age=\(wait)") }
    case .forgetSessions: words.append("forget")
    case .restart(let time): words.append("restart=\(Self.text(time.count))")
    case .clockJump(let time): words.append("clock=\(Self.text(time.count))")
    }
    if way != .both { words.append("way=\(way.rawValue)") }
    if says < 1 { words.append("share=\(percent())") }
    if let device { words.append("device=\(device)") }
    if let topic { words.append("topic=\(topic)") }
    if after > 0 { words.append("after=\(after)") }
    if let times { words.append("times=\(times)") }
    if let duration { words.append("for=\(Self.text(duration.count))") }
    return words.joined(separator: ",")
  }

  /// A time in the largest unit of which it is a whole number.
  private static func text(_ milliseconds: Int64) -> String {
    let units: [(Int64, String)] = [
      (86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"),
    ]
    let unit = units.first { milliseconds > 0 && milliseconds % $0.0 == 0 } ?? (1, "ms")
    return "\(milliseconds / unit.0)\(unit.1)"
  }
}
