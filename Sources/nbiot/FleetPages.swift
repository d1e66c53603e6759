// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import Fleet
internal import PayloadValues
internal import PlatformConsole
internal import PlatformFaults
internal import PlatformSimulator
internal import Synchronization

/// A fleet's platform behind the pages: what they ask waits until the fleet's own thread comes by.
final class FleetPages: ConsolePlatform {
  private struct Question {
    let request: PayloadValue
    let answer: @Sendable (PayloadValue) -> Void
  }

  private struct Questions {
    var waiting: [Question] = []
    var isOver = false
  }

  private let questions = Mutex(Questions())

  /// The program that runs it.
  var title: String { "nbiot fleet" }

  /// A fleet's devices report, and ask for nothing.
  var pushObstacle: String? {
    "The devices of a fleet only report: what is sent to them would wait for ever."
  }

  /// An empty book about the fleet's devices.
  static func book(of plan: FleetPlan) -> ConsoleBook {
    ConsoleBook(
      plan.numbers.map { number in
        let identity = plan.identity(of: number)
        return (identity.productKey, identity.deviceName)
      },
      interval: plan.interval.count,
      length: plan.duration.count
    )
  }

  /// Writes a fleet's requests into a book.
  static func writer(_ book: ConsoleBook) -> (RequestRecord, FleetIdentity?) -> Void {
    { record, identity in
      guard let identity else { return book.note(record) }
      book.note(record, of: "\(identity.productKey)/\(identity.deviceName)")
    }
  }

  /// Keeps what the pages ask.
  func perform(_ request: PayloadValue, _ answer: @escaping @Sendable (PayloadValue) -> Void) {
    let isTaken = questions.withLock { questions in
      guard !questions.isOver, questions.waiting.count < Self.limit else { return false }
      questions.waiting.append(Question(request: request, answer: answer))
      return true
    }
    if !isTaken { answer(["outcome": "offline", "reason": "the fleet has ended, or is busy"]) }
  }

  /// Answers all that waits.
  func serve(_ fleet: FleetRun) {
    let waiting = questions.withLock { questions in
      defer { questions.waiting = [] }
      return questions.waiting
    }
    for question in waiting { question.answer(Self.answer(question.request, fleet)) }
  }

  /// Answers nothing any more.
  func end() {
    let waiting = questions.withLock { questions in
      defer { questions = Questions(isOver: true) }
      return questions.waiting
    }
    for question in waiting {
      question.answer(["outcome": "offline", "reason": "the fleet has ended"])
    }
  }

  private static func answer(_ request: PayloadValue, _ fleet: FleetRun) -> PayloadValue {
    switch request["do"]?.string {
    case "fault-add":
      do throws(FaultTextError) {
        guard let numbers = fleet.add(try FaultRule.rules(request["fault"]?.string ?? "")) else {
          return [
            "outcome": "refused",
            "reason": .text("there are \(FaultTable.limit) faults already: remove some"),
          ]
        }
        return ["outcome": "done", "ids": .array(numbers.map { .integer(Int64($0)) })]
      } catch {
        return ["outcome": "refused", "reason": .text(error.description)]
      }
    case "fault-list":
      return ["outcome": "done", "faults": .array(fleet.faults().map { value($0, fleet) })]
    case "fault-remove":
      let id = request["id"]?.integer.flatMap { Int(exactly: $0) }
      guard id != nil || request["id"] == .text("all") else {
        return ["outcome": "refused", "reason": "id is no number and not all"]
      }
      return fleet.removeFault(id)
        ? ["outcome": "done"] : ["outcome": "offline", "reason": "there is no such fault"]
    case "describe":
      let path = "\(request["productKey"]?.string ?? "")/\(request["deviceName"]?.string ?? "")"
      let faults = fleet.faults().filter { $0.entry.rule.mayTouch(path) }
      return [
        "outcome": "done", "isKnown": .boolean(true),
        "faults": .array(faults.map { value($0, fleet) }),
      ]
    default: return ["outcome": "refused", "reason": "a fleet does not do that"]
    }
  }

  private static func value(
    _ fault: (entry: FaultTable.Entry, count: Int),
    _ fleet: FleetRun
  ) -> PayloadValue {
    var members: [PayloadValue.Member] = [
      .init("id", .integer(Int64(fault.entry.id))),
      .init("fault", .text(fault.entry.description)),
      .init("count", .integer(Int64(fault.count))),
    ]
    if let end = fault.entry.end {
      members.append(.init("milliseconds", .integer(max(0, (end - fleet.time).count))))
    }
    return .object(members)
  }

  private static let limit = 256
}
