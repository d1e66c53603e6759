// SPDX-License-Identifier: Apache-2.0
import PayloadValues
import Testing

@testable import PlatformConsole

@Suite("Who may ask a console, and for what")
struct ConsoleFrontTests {
  private struct Echo: ConsolePlatform {
    var pushObstacle: String?
    var title: String { "test" }
    func perform(_ request: PayloadValue, _ answer: @escaping @Sendable (PayloadValue) -> Void) {
      answer(request)
    }
  }

  private static func front(token: String? = nil, obstacle: String? = nil) -> ConsoleFront {
    var settings = ConsoleSettings()
    settings.token = token
    if token != nil { settings.host = "0.0.0.0" }
    return ConsoleFront(
      book: ConsoleBook([("pk", "device 1")], clock: { 5_000 }),
      platform: Echo(pushObstacle: obstacle),
      settings: settings,
      port: 8_080,
      run: "1",
      sessions: ConsoleSessions(limit: 2)
    )
  }

  private static func request(
    _ method: String,
    _ target: String,
    _ fields: [(String, String)] = [],
    host: String? = "127.0.0.1:8080",
    _ body: String = ""
  ) -> ConsoleRequest {
    var request = ConsoleRequest(method, target)
    request.fields = fields.map { (name: $0.0, value: $0.1) }
    if let host { request.fields.append((name: "Host", value: host)) }
    request.body = Array(body.utf8)
    return request
  }

  private static func status(_ reaction: ConsoleReaction) -> Int {
    switch reaction {
    case .answer(let answer): answer.status
    case .events, .here: 200
    case .leave(_, let answer): answer.status
    case .ask(_, let make): make(["outcome": "done"]).status
    }
  }

  @Test(
    arguments: [
      ("127.0.0.1:8080", 200), ("localhost:8080", 200), ("[::1]:8080", 200), ("127.0.0.1", 403),
      ("evil.example:8080", 403), ("127.0.0.1:8081", 403), (nil, 403),
    ] as [(String?, Int)]
  )
  func `Answers a browser that has come by this machine's own name alone`(host: String?, code: Int)
  {
    let front = Self.front()
    for target in ["/", "/events", "/api/faults", "/console.js"] {
      #expect(Self.status(front.react(to: Self.request("GET", target, host: host))) == code)
    }
  }

  @Test func `Takes no request that a page of elsewhere has sent`() {
    let front = Self.front()
    let json = ("Content-Type", "application/json")
    func post(_ fields: [(String, String)]) -> Int {
      Self.status(
        front.react(to: Self.request("POST", "/api/faults", fields, #"{"fault":"forget"}"#))
      )
    }
    #expect(post([json]) == 200)
    #expect(post([json, ("Origin", "http://127.0.0.1:8080")]) == 200)
    #expect(post([json, ("Origin", "http://evil.example")]) == 403)
    #expect(post([json, ("Origin", "null")]) == 403)
    #expect(post([json, ("Sec-Fetch-Site", "cross-site")]) == 403)
    #expect(post([("Content-Type", "text/plain")]) == 415)
    #expect(post([]) == 415)
    let read = Self.request("GET", "/events", [("Sec-Fetch-Site", "cross-site")])
    #expect(Self.status(front.react(to: read)) == 403)
  }

  /// The cookie of a new login.
  private static func cookie(_ front: ConsoleFront, _ token: String) throws -> String {
    guard
      case .leave(_, let login) = front.react(to: request("POST", "/login", [], "token=\(token)"))
    else { throw ConsoleError(reason: "no answer") }
    let cookie = try #require(login.fields.first { $0.name == "Set-Cookie" }?.value)
    return String(cookie.prefix { $0 != ";" })
  }

  @Test func `Each login has a cookie of its own, until it logs out or too many came after it`()
    throws
  {
    let token = ConsoleServer.makeToken()
    let front = Self.front(token: token)
    func isTaken(_ cookie: String) -> Bool {
      Self.status(front.react(to: Self.request("GET", "/events", [("Cookie", cookie)]))) == 200
    }
    let first = try Self.cookie(front, token)
    let second = try Self.cookie(front, token)
    #expect(first != second && isTaken(first) && isTaken(second))
    let json = ("Content-Type", "application/json")
    let logout = Self.request("POST", "/logout", [json, ("Cookie", first)], "{}")
    guard case .leave(let sessions, let answer) = front.react(to: logout) else {
      Issue.record("nobody leaves")
      return
    }
    #expect(sessions.count == 1 && first.hasSuffix("=\(sessions.first ?? "")"))
    #expect(answer.fields.contains { $0.name == "Set-Cookie" && $0.value.contains("Max-Age=0") })
    #expect(!isTaken(first) && isTaken(second))
    // There are two at most.
    let third = try Self.cookie(front, token)
    #expect(isTaken(second) && isTaken(third))
    guard
      case .leave(let ended, let fourth) = front.react(
        to: Self.request("POST", "/login", [], "token=\(token)")
      )
    else {
      Issue.record("no answer")
      return
    }
    let cookie = String((fourth.fields.last?.value ?? "").prefix { $0 != ";" })
    #expect(!isTaken(second) && isTaken(third) && isTaken(cookie))
    // The pages of the oldest one follow the devices no longer.
    #expect(ended.count == 1 && second.hasSuffix("=\(ended.first ?? "")"))
  }

  @Test func `A login is found among several cookies of its name, and all of them are logged out`()
    throws
  {
    let token = ConsoleServer.makeToken()
    let front = Self.front(token: token)
    let (first, second) = (try Self.cookie(front, token), try Self.cookie(front, token))
    let name = first.prefix { $0 != "=" }
    let json = ("Content-Type", "application/json")
    for cookies in ["\(name)=; \(first)", "\(name)=0; a=b;\(first)", "\(first); \(name)=0"] {
      let request = Self.request("GET", "/events", [("Cookie", cookies)])
      #expect(Self.status(front.react(to: request)) == 200, "\(cookies)")
    }
    let none = Self.request("GET", "/events", [("Cookie", "\(name)=0; \(name)=1; x\(first)")])
    #expect(Self.status(front.react(to: none)) == 401)
    let cookies = ("Cookie", "\(name)=0; \(first); \(second)")
    let logout = Self.request("POST", "/logout", [json, cookies], "{}")
    guard case .leave(let ended, _) = front.react(to: logout) else {
      Issue.record("nobody leaves")
      return
    }
    #expect(ended.count == 2)
    for cookie in [first, second] {
      let request = Self.request("GET", "/events", [("Cookie", cookie)])
      #expect(Self.status(front.react(to: request)) == 401)
    }
  }

  @Test(
    arguments: [
      ("/", "GET, HEAD"), ("/console.js", "GET, HEAD"), ("/events", "GET"), ("/login", "POST"),
      ("/api/faults", "GET, POST"), ("/api/faults/remove", "POST"), ("/api/push", "POST"),
      ("/api/devices/pk/device%201", "GET"), ("/api/here", "POST"), ("/nothing", nil),
    ] as [(String, String?)]
  )
  func `A method that a path does not have is refused with those that it has`(
    path: String,
    methods: String?
  ) {
    for method in ["PUT", "DELETE", "OPTIONS", "CONNECT", "HEAD", "GET"] {
      if methods?.split(separator: ", ").contains(Substring(method)) == true { continue }
      guard case .answer(let answer) = Self.front().react(to: Self.request(method, path)) else {
        Issue.record("\(method) \(path) does something")
        continue
      }
      #expect(answer.status == (methods == nil ? 404 : 405), "\(method) \(path)")
      #expect(answer.fields.first { $0.name == "Allow" }?.value == methods, "\(method) \(path)")
    }
  }

  @Test func `Asks for the token, and takes it as a cookie or in a header`() throws {
    let token = ConsoleServer.makeToken()
    #expect(token.count == 32)
    let front = Self.front(token: token)
    for target in ["/events", "/api/faults", "/api/devices/pk/device%201", "/console.js"] {
      #expect(Self.status(front.react(to: Self.request("GET", target))) == 401)
    }
    guard case .answer(let page) = front.react(to: Self.request("GET", "/")) else {
      Issue.record("no page")
      return
    }
    #expect(page.status == 401)
    #expect(String(decoding: page.body, as: UTF8.self).contains("name=\"token\""))
    for wrong in ["", "token=", "token=\(token.dropLast())0x", "token=\(token)\(token)"] {
      #expect(Self.status(front.react(to: Self.request("POST", "/login", [], wrong))) == 401)
    }
    guard
      case .leave(let ended, let login) = front.react(
        to: Self.request("POST", "/login", [], "token=\(token)")
      )
    else {
      Issue.record("no answer")
      return
    }
    #expect(login.status == 303 && ended.isEmpty)
    let cookie = try #require(login.fields.first { $0.name == "Set-Cookie" }?.value)
    #expect(cookie.hasSuffix("HttpOnly; SameSite=Strict; Path=/"))
    let pair = String(cookie.prefix { $0 != ";" })
    // Cookies go to every server of the host.
    #expect(!cookie.contains(token))
    let value = pair.drop { $0 != "=" }
    for wrong in ["nbiot-console-8080=\(token)", "nbiot-console-8081\(value)"] {
      let request = Self.request("GET", "/events", [("Cookie", wrong)])
      #expect(Self.status(front.react(to: request)) == 401)
    }
    #expect(
      Self.status(front.react(to: Self.request("GET", "/events", [("Cookie", "a=b; \(pair)")])))
        == 200
    )
    let header = ("Authorization", "Bearer \(token)")
    #expect(Self.status(front.react(to: Self.request("GET", "/api/faults", [header]))) == 200)
    for (text, code) in [("bearer \(token)", 200), ("Basic \(token)", 401), (token, 401)] {
      let request = Self.request("GET", "/api/faults", [("Authorization", text)])
      #expect(Self.status(front.react(to: request)) == code)
    }
  }

  @Test func `Sends on to the platform what the pages have, and no other order`() {
    let front = Self.front()
    let json = ("Content-Type", "application/json")
    func ask(_ target: String, _ body: String) -> PayloadValue? {
      let reaction = front.react(to: Self.request("POST", target, [json], body))
      if case .ask(let request, _) = reaction { return request }
      return nil
    }
    let push = ask(
      "/api/push",
      #"{"kind":"service","service":"Reset","productKey":"pk","deviceName":"d","params":{"A":1},"do":"stop-broker"}"#
    )
    #expect(push?["do"]?.string == "push")
    #expect(push?["forPull"] == .boolean(true))
    #expect(push?["params"]?["A"]?.integer == 1)
    for kind in ["disable", "raw", "firmware", "stop-broker", ""] {
      let body = #"{"kind":"\#(kind)","productKey":"pk","deviceName":"d"}"#
      #expect(ask("/api/push", body) == nil)
    }
    #expect(ask("/api/faults", #"{"fault":"drop"}"#)?["do"]?.string == "fault-add")
    #expect(ask("/api/faults/remove", #"{"id":"all"}"#)?["id"]?.string == "all")
    for body in ["", "[]", "{", "null", #"{"fault":""}"#] {
      #expect(ask("/api/faults", body) == nil)
    }
    let blocked = Self.front(obstacle: "no").react(
      to: Self.request("POST", "/api/push", [json], #"{"kind":"service"}"#)
    )
    #expect(Self.status(blocked) == 422)
  }

  @Test func `Has pages without anything from outside`() throws {
    for (path, answer) in ConsoleFront.pages {
      let text = String(decoding: answer.body, as: UTF8.self)
        .replacing("http://www.w3.org/2000/svg", with: "")
      #expect(!text.contains("http://") && !text.contains("https://"), "\(path)")
      // Text from the network must not become markup.
      for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
        #expect(!text.contains(word), "\(path)")
      }
    }
    let policy = try #require(
      ConsoleFront.protection.first { $0.name == "Content-Security-Policy" }
    )
    #expect(policy.value.hasPrefix("default-src 'none'"))
    #expect(!policy.value.contains("unsafe"))
  }

  @Test(arguments: [
    ("/api/devices/pk/device%201", 200), ("/api/devices/-", 200), ("/api/devices/pk/nobody", 404),
    ("/api/devices/pk", 404), ("/api/devices/", 404), ("/api/devices/%zz/%", 404),
    ("/api/devices/pk/device%201/messages/7", 404), ("/api/devices/pk/device%201/messages/x", 404),
    ("/api/devices/-/messages/99999999999999999999", 404), ("/../etc/passwd", 404),
  ])
  func `Finds a device by its names`(target: String, code: Int) {
    #expect(Self.status(Self.front().react(to: Self.request("GET", target))) == code)
  }
}
