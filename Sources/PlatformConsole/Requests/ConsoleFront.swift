// SPDX-License-Identifier: Apache-2.0
internal import PayloadValues
internal import PlatformWebServer

/// What each request gets, without sockets.
struct ConsoleFront: Sendable {
  let book: ConsoleBook
  let platform: any ConsolePlatform
  let settings: ConsoleSettings
  /// The port that the console listens on.
  var port = 0
  /// By which pages know that the console is another one than before.
  let run: String
  /// What logins' cookies say in place of the token: cookies go to all servers of a host, whatever their port.
  let sessions: ConsoleSessions

  /// What a request gets.
  func react(to request: ConsoleRequest) -> ConsoleReaction {
    if let refusal = refusal(of: request) { return .answer(refusal) }
    switch (request.method, request.path) {
    case ("POST", "/login"): return login(request)
    case ("POST", "/logout"): return logout(request)
    case ("GET", "/events"): return .events(session: session(of: request))
    case ("POST", "/api/here"):
      guard let number = PayloadValue(request.body, .json)?["stream"]?.integer else {
        return .answer(ConsoleAnswer(400, "the body has no stream"))
      }
      return .here(stream: number)
    case ("GET", "/api/faults"): return ask(["do": "fault-list"])
    case ("POST", "/api/faults"): return addFault(request)
    case ("POST", "/api/faults/remove"): return removeFault(request)
    case ("POST", "/api/push"): return push(request)
    case ("GET", let path) where path.hasPrefix("/api/devices/"): return device(path)
    case ("GET", let path), ("HEAD", let path):
      return .answer(Self.pages[path] ?? Self.answerWithoutPage(path))
    case (_, let path): return .answer(Self.answerWithoutPage(path))
    }
  }

  /// Refuses a method; RFC 9110 Section 15.5.6: the answer MUST say which ones the path has.
  private static func answerWithoutPage(_ path: String) -> ConsoleAnswer {
    let methods: String
    switch path {
    case "/login", "/logout", "/api/here", "/api/faults/remove", "/api/push": methods = "POST"
    case "/api/faults": methods = "GET, POST"
    case "/events",
      _ where path.hasPrefix("/api/devices/"):
      methods = "GET"
    case _ where pages[path] != nil: methods = "GET, HEAD"
    default: return ConsoleAnswer(404, "not found")
    }
    var answer = ConsoleAnswer(405, "this is for \(methods)")
    answer.fields = [("Allow", methods)]
    return answer
  }

  /// What a stream of events begins with; `stream` is its number, and `session` the login that it belongs to.
  func greeting(stream: Int64, session: String?) -> PayloadValue {
    [
      "stream": .integer(stream), "hasLogin": .boolean(session != nil),
      "run": .text(run), "title": .text(platform.title), "start": .integer(book.read(\.start)),
      "now": .integer(book.now), "followed": .integer(Int64(book.read(\.devices.count) - 1)),
      "strangers": .integer(Int64(book.read(\.strangers))),
      "isFixed": .boolean(book.read { $0.fixedInterval != nil }),
      "end": book.read(\.end).map { .integer($0) } ?? .null,
      "pushObstacle": platform.pushObstacle.map { .text($0) } ?? .null,
    ]
  }

  /// The devices that have changed since a version, and the version that they are from; `nil` without any.
  func rows(since seen: UInt64) -> (value: PayloadValue, version: UInt64)? {
    let now = book.now
    return book.read { pages in
      let (indexes, version) = pages.changes(since: seen, limit: settings.limits.rows)
      guard !indexes.isEmpty else { return nil }
      return (Self.value(indexes, pages, now), version)
    }
  }

  /// All devices from an index on, as a new reader needs them.
  func rows(from index: Int) -> (value: PayloadValue, next: Int)? {
    let now = book.now
    return book.read { pages in
      guard index < pages.devices.count else { return nil }
      let end = min(pages.devices.count, index + settings.limits.rows)
      return (Self.value(Array(index..<end), pages, now), end)
    }
  }

  private static func value(_ indexes: [Int], _ pages: BookPages, _ now: Int64) -> PayloadValue {
    ["now": .integer(now), "rows": .array(indexes.map { row($0, pages) })]
  }

  /// A device in the list, as console.js takes it apart.
  static func row(_ index: Int, _ pages: BookPages) -> PayloadValue {
    let device = pages.devices[index]
    let series = device.series.first
    return .array([
      .integer(Int64(index)), .text(device.path), .integer(device.state.rawValue),
      .integer(device.lastSeen), .integer(device.lastReport),
      .integer(pages.interval(of: device)), .integer(Int64(device.reports)),
      .integer(Int64(device.retransmissions)), .integer(Int64(device.roundTrips)),
      .integer(Int64(device.bytesUp)), .integer(Int64(device.bytesDown)),
      .integer(Int64(device.refusals)), .text(device.transport), .text(series?.name ?? ""),
      .array((series?.values ?? []).suffix(24).map { .double($0) }),
      .integer(Int64(device.received)),
    ])
  }

  // MARK: The platform

  private func ask(_ request: PayloadValue) -> ConsoleReaction {
    .ask(request) { answer in
      let isRefused = answer["outcome"]?.string == "refused"
      return ConsoleAnswer(answer, status: isRefused ? 422 : 200)
    }
  }

  private func addFault(_ request: ConsoleRequest) -> ConsoleReaction {
    guard let text = PayloadValue(request.body, .json)?["fault"]?.string else {
      return .answer(ConsoleAnswer(400, "the body has no fault"))
    }
    guard !text.isEmpty else { return .answer(ConsoleAnswer(400, "the fault is empty")) }
    return ask(["do": "fault-add", "fault": .text(text)])
  }

  private func removeFault(_ request: ConsoleRequest) -> ConsoleReaction {
    guard let id = PayloadValue(request.body, .json)?["id"] else {
      return .answer(ConsoleAnswer(400, "the body has no id"))
    }
    return ask(["do": "fault-remove", "id": id])
  }

  private func push(_ request: ConsoleRequest) -> ConsoleReaction {
    if let obstacle = platform.pushObstacle {
      return .answer(ConsoleAnswer(["outcome": "refused", "reason": .text(obstacle)], status: 422))
    }
    guard let value = PayloadValue(request.body, .json),
      let kind = value["kind"]?.string, Self.pushes.contains(kind),
      let product = value["productKey"], let name = value["deviceName"]
    else {
      let kinds = Self.pushes.joined(separator: ", ")
      return .answer(
        ConsoleAnswer(400, "the body has no productKey, deviceName and kind, one of \(kinds)")
      )
    }
    var members: [PayloadValue.Member] = [
      .init("do", "push"), .init("kind", .text(kind)), .init("productKey", product),
      .init("deviceName", name), .init("params", value["params"] ?? [:]),
      .init("forPull", .boolean(true)), .init("wait", .integer(Self.pushPatience)),
    ]
    if let service = value["service"] { members.append(.init("service", service)) }
    return ask(.object(members))
  }

  /// What may be sent from the pages.
  private static let pushes = ["property-set", "desired", "service"]
  private static let pushPatience: Int64 = 8_000
}
