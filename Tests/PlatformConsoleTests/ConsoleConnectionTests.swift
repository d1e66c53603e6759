// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc
import PayloadValues
import TestSupport
import Testing

@testable import PlatformConsole

@Suite("The connections of a console")
struct ConsoleConnectionTests {
  private struct Silent: ConsolePlatform {
    var pushObstacle: String? { nil }
    var title: String { "test" }
    func perform(_ request: PayloadValue, _ answer: @escaping @Sendable (PayloadValue) -> Void) {
      answer(request)
    }
  }

  private static func write(_ text: String, to descriptor: Int32) {
    let bytes = Array(text.utf8)
    // A connection that was closed at once is no reason to end the test.
    _ = unsafe send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
  }

  /// The first line that comes; empty where the connection is closed.
  private static func line(from descriptor: Int32) -> String {
    var bytes = [UInt8](repeating: 0, count: 4_096)
    let count = unsafe recv(descriptor, &bytes, bytes.count, 0)
    let text = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    return String(text.prefix { $0 != "\r\n" })
  }

  /// Whether the other end closes it, whatever comes before, within a minute.
  private static func isClosed(_ descriptor: Int32) -> Bool {
    var bytes = [UInt8](repeating: 0, count: 4_096)
    let end = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < end {
      let count = unsafe recv(descriptor, &bytes, bytes.count, 0)
      if count == 0 || (count < 0 && errno == ECONNRESET) { return true }
      if count < 0 { return false }
    }
    return false
  }

  /// Whether the other end has not closed it.
  private static func isOpen(_ descriptor: Int32) -> Bool {
    var byte: UInt8 = 0
    return unsafe recv(descriptor, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) != 0
  }

  private static func get(_ target: String, port: Int) -> String {
    "GET \(target) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\n\r\n"
  }

  @Test func `Whoever opens connections and asks for nothing keeps nobody out`() async throws {
    var settings = ConsoleSettings()
    settings.limits.connections = 4
    settings.limits.streams = 2
    let server = try await ConsoleServer.start(settings, ConsoleBook([("pk", "d")]), Silent())
    let port = server.port
    // Two that follow the devices stay, whatever comes.
    var followers: [Int32] = []
    for _ in 0..<2 {
      let follower = try LoopbackSocket.stream(to: UInt16(port))
      Self.write(Self.get("/events", port: port), to: follower)
      #expect(Self.line(from: follower) == "HTTP/1.1 200 OK")
      followers.append(follower)
    }
    var idle: [Int32] = []
    for _ in 0..<12 {
      let one = try LoopbackSocket.stream(to: UInt16(port))
      Self.write("GET / HT", to: one)
      idle.append(one)
    }
    let reader = try LoopbackSocket.stream(to: UInt16(port))
    Self.write(Self.get("/", port: port), to: reader)
    #expect(Self.line(from: reader) == "HTTP/1.1 200 OK")
    // The oldest of the idle ones were closed.
    #expect(Self.isClosed(idle[0]))
    let third = try LoopbackSocket.stream(to: UInt16(port))
    Self.write(Self.get("/events", port: port), to: third)
    #expect(Self.line(from: third) == "HTTP/1.1 503 Service Unavailable")
    for follower in followers { #expect(Self.isOpen(follower)) }
    for descriptor in followers + idle + [reader, third] { close(descriptor) }
    try await server.close()
  }

  private static func post(
    _ target: String,
    _ body: String,
    _ fields: String = "",
    port: Int
  )
    -> String
  {
    "POST \(target) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nContent-Type: application/json\r\n\(fields)"
      + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
  }

  /// What comes up to that text.
  private static func text(from descriptor: Int32, upTo end: String) -> String {
    var text = ""
    while !text.contains(end) {
      var byte: UInt8 = 0
      guard unsafe recv(descriptor, &byte, 1, 0) == 1 else { break }
      text.unicodeScalars.append(Unicode.Scalar(byte))
    }
    return text
  }

  @Test func `A reader of events that says nothing gives its place to one that wants it`()
    async throws
  {
    var settings = ConsoleSettings()
    settings.limits.streams = 2
    settings.limits.streamPatience = 0
    let server = try await ConsoleServer.start(settings, ConsoleBook([("pk", "d")]), Silent())
    let port = server.port
    var followers: [Int32] = []
    for number in 1...2 {
      let follower = try LoopbackSocket.stream(to: UInt16(port))
      Self.write(Self.get("/events", port: port), to: follower)
      let hello = Self.text(from: follower, upTo: "event: rows")
      #expect(hello.contains("\"stream\":\(number),"), "\(hello)")
      followers.append(follower)
    }
    // The first one has read what it was sent, after the second one began.
    let page = try LoopbackSocket.stream(to: UInt16(port))
    Self.write(Self.post("/api/here", #"{"stream":1}"#, port: port), to: page)
    #expect(Self.line(from: page) == "HTTP/1.1 200 OK")
    let third = try LoopbackSocket.stream(to: UInt16(port))
    Self.write(Self.get("/events", port: port), to: third)
    #expect(Self.line(from: third) == "HTTP/1.1 200 OK")
    #expect(Self.isClosed(followers[1]) && Self.isOpen(followers[0]))
    for descriptor in followers + [page, third] { close(descriptor) }
    try await server.close()
  }

  @Test func `A page too many is told what to do`() async throws {
    var settings = ConsoleSettings()
    settings.limits.streams = 1
    let server = try await ConsoleServer.start(settings, ConsoleBook([("pk", "d")]), Silent())
    let port = server.port
    let first = try LoopbackSocket.stream(to: UInt16(port))
    Self.write(Self.get("/events", port: port), to: first)
    #expect(Self.line(from: first) == "HTTP/1.1 200 OK")
    let second = try LoopbackSocket.stream(to: UInt16(port))
    Self.write(Self.get("/events", port: port), to: second)
    let answer = Self.text(from: second, upTo: "seconds\n")
    #expect(answer.hasPrefix("HTTP/1.1 503 Service Unavailable"))
    #expect(answer.contains("Retry-After: 60\r\n"))
    #expect(answer.contains("close one of them, or try again in 60 seconds"))
    for descriptor in [first, second] { close(descriptor) }
    try await server.close()
  }

  @Test func `Whoever logs out follows the devices no longer, in any of its pages`() async throws {
    var settings = ConsoleSettings()
    settings.token = "secret"
    let server = try await ConsoleServer.start(settings, ConsoleBook([("pk", "d")]), Silent())
    let port = server.port
    let cookies = [try Self.login(port), try Self.login(port)]
    let streams = [try Self.follow(cookies[0], port), try Self.follow(cookies[1], port)]
    let page = try LoopbackSocket.stream(to: UInt16(port))
    Self.write(Self.post("/logout", "{}", cookies[0], port: port), to: page)
    #expect(Self.line(from: page) == "HTTP/1.1 200 OK")
    #expect(Self.isClosed(streams[0]) && Self.isOpen(streams[1]))
    for descriptor in streams + [page] { close(descriptor) }
    try await server.close()
  }

  @Test func `The pages of a login that ends for another one follow the devices no longer`()
    async throws
  {
    var settings = ConsoleSettings()
    settings.token = "secret"
    settings.limits.sessions = 2
    let server = try await ConsoleServer.start(settings, ConsoleBook([("pk", "d")]), Silent())
    let cookies = [try Self.login(server.port), try Self.login(server.port)]
    let streams = [
      try Self.follow(cookies[0], server.port), try Self.follow(cookies[1], server.port),
    ]
    _ = try Self.login(server.port)
    #expect(Self.isClosed(streams[0]) && Self.isOpen(streams[1]))
    for descriptor in streams { close(descriptor) }
    try await server.close()
  }

  @Test func `What answers HEAD has no body, and the next answer is told apart`() async throws {
    let server = try await ConsoleServer.start(
      ConsoleSettings(),
      ConsoleBook([("pk", "d")]),
      Silent()
    )
    let socket = try LoopbackSocket.stream(to: UInt16(server.port))
    let host = "HTTP/1.1\r\nHost: 127.0.0.1:\(server.port)\r\n\r\n"
    Self.write("HEAD / \(host)HEAD /events \(host)GET /icon.svg \(host)", to: socket)
    let answers = Self.text(from: socket, upTo: "</svg>").components(separatedBy: "\r\n\r\n")
    try #require(answers.count == 4)
    #expect(answers[0].hasPrefix("HTTP/1.1 200 OK\r\n") && answers[0].contains("Content-Length: "))
    #expect(answers[1].hasPrefix("HTTP/1.1 405 ") && answers[1].contains("Allow: GET"))
    #expect(answers[2].hasPrefix("HTTP/1.1 200 OK\r\n") && answers[3].hasPrefix("<svg"))
    close(socket)
    try await server.close()
  }

  /// Logs in with the token; the field with the cookie.
  private static func login(_ port: Int) throws -> String {
    let socket = try LoopbackSocket.stream(to: UInt16(port))
    defer { close(socket) }
    write(post("/login", "token=secret", port: port), to: socket)
    let answer = text(from: socket, upTo: "\r\n\r\n")
    let start = try #require(answer.range(of: "Set-Cookie: ")?.upperBound)
    return "Cookie: \(answer[start...].prefix { $0 != ";" })\r\n"
  }

  /// Follows the devices with a login.
  private static func follow(_ cookie: String, _ port: Int) throws -> Int32 {
    let stream = try LoopbackSocket.stream(to: UInt16(port))
    write("GET /events HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\n\(cookie)\r\n", to: stream)
    let hello = text(from: stream, upTo: "event: rows")
    #expect(hello.contains("\"hasLogin\":true"), "\(hello)")
    return stream
  }
}
