// SPDX-License-Identifier: Apache-2.0
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
      let follower = try LoopbackSocket.stream(to: UInt16(port), patience: 5)
      Self.write(Self.get("/events", port: port), to: follower)
      #expect(Self.line(from: follower) == "HTTP/1.1 200 OK")
      followers.append(follower)
    }
    var idle: [Int32] = []
    for _ in 0..<12 {
      let one = try LoopbackSocket.stream(to: UInt16(port), patience: 5)
      Self.write("GET / HT", to: one)
      idle.append(one)
    }
    let reader = try LoopbackSocket.stream(to: UInt16(port), patience: 5)
    Self.write(Self.get("/", port: port), to: reader)
    #expect(Self.line(from: reader) == "HTTP/1.1 200 OK")
    // The oldest of the idle ones were closed.
    #expect(Self.line(from: idle[0]) == "")
    let third = try LoopbackSocket.stream(to: UInt16(port), patience: 5)
    Self.write(Self.get("/events", port: port), to: third)
    #expect(Self.line(from: third) == "HTTP/1.1 503 Service Unavailable")
    for follower in followers { #expect(Self.isOpen(follower)) }
    for descriptor in followers + idle + [reader, third] { close(descriptor) }
    try await server.close()
  }
}
