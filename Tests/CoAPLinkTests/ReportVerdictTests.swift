// SPDX-License-Identifier: Apache-2.0
import CBORPayload
import CoAPLink
import CoAPMessage
import ConstrainedCore
import Platform
import PlatformCoAP
import PlatformCore
import PlatformSimulator
import ReportLink
import TestSupport
import Testing

@Suite("What becomes of a report that the platform answered in its own way")
struct ReportVerdictTests {
  private static func transmissions(_ world: borrowing World) -> (auth: Int, reports: Int) {
    let auth = world.sent.count { if case .authentication = $0 { true } else { false } }
    return (auth, world.sent.count - auth)
  }

  // MARK: Tokens and keys in doubt

  @Test
  func `whose answers never open is delivered to all the same, without asking for each report`()
    throws
  {
    var world = try World()
    world.intercept = {
      isAuthentication($0)
        ? nil : answer(to: $0, .content, payload: [UInt8](repeating: 0x5A, count: 33))
    }
    let first = try #require(try world.report("a"))
    #expect(first.outcome == .acknowledged)
    #expect(first.verdict == .delivered)
    #expect(first.extent == .unreadable)
    #expect(first.transmissions == 2)
    for _ in 0..<3 {
      let next = try #require(try world.report("b"))
      #expect(next.extent == .unreadable)
      #expect(next.transmissions == 1)
    }
    #expect(Self.transmissions(world) == (2, 5))
  }

  @Test func `what the platform has taken counts as delivered, although no new token is to be had`()
    throws
  {
    var world = try World()
    #expect(try world.report("a")?.outcome == .acknowledged)
    world.intercept = {
      isAuthentication($0)
        ? [] : answer(to: $0, .content, payload: [UInt8](repeating: 0x5A, count: 33))
    }
    let result = try #require(try world.report("b"))
    #expect(result.outcome == .acknowledged)
    #expect(result.code == .content)
    #expect(result.extent == .unreadable)
    #expect(result.transmissions == 1)
  }

  @Test(arguments: Layer.allCases)
  func `a report that gets 4-01, then 4-00, then 4-00 again costs three tokens and no more`(
    layer: Layer
  ) throws {
    var world = try World(layer)
    var codes = [Code.unauthorized, .badRequest, .badRequest]
    world.intercept = {
      isAuthentication($0) || codes.isEmpty ? nil : answer(to: $0, codes.removeFirst())
    }
    let result = try #require(try world.report("a"))
    #expect(result.code == .badRequest)
    #expect(result.verdict == .final)
    #expect(Self.transmissions(world) == (3, 3))
    #expect(try world.report("b")?.outcome == .acknowledged)
    #expect(Self.transmissions(world) == (3, 4))
  }

  @Test func `an answer to auth that was altered costs one more of each`() throws {
    var world = try World()
    var platform = world.platform
    var isAltered = false
    world.intercept = { request in
      let output = platform.handle(
        request,
        from: 1,
        at: Instant(milliseconds: 1_000_000),
        intercept: nil
      )
      guard isAuthentication(request), !isAltered else { return output.datagrams }
      isAltered = true
      // Another random is another key.
      return output.datagrams.map { datagram in
        var bytes = datagram
        let text = Array(#""random":""#.utf8)
        for start in bytes.indices where Array(bytes.dropFirst(start).prefix(text.count)) == text {
          bytes[start + text.count] = UInt8(ascii: bytes[start + text.count] == 0x61 ? "b" : "a")
        }
        return bytes
      }
    }
    #expect(try world.report("a")?.outcome == .acknowledged)
    #expect(isAltered)
    #expect(world.session.counters.authentications == 2)
  }

  // MARK: Put off

  @Test(
    arguments: Layer.withEither,
    [
      (Code.tooManyRequests, nil, 60), (.tooManyRequests, 120, 120), (.serviceUnavailable, 1, 1),
      (.serviceUnavailable, 4_000_000_000, 3_600), (.serviceUnavailable, 0, 1),
    ] as [(Code, UInt32?, Int64)]
  )
  func `4-29 and 5-03 say how long to wait, and are not asked again in between`(
    layer: Layer,
    answered: (code: Code, maxAge: UInt32?, seconds: Int64)
  ) throws {
    var world = try World(layer)
    #expect(try world.report("a")?.outcome == .acknowledged)
    let before = Self.transmissions(world)
    world.intercept = { request in
      var value = answered.maxAge ?? 0
      var bytes: [UInt8] = []
      while value > 0 {
        bytes.insert(UInt8(value & 0xFF), at: 0)
        value >>= 8
      }
      return answer(
        to: request,
        answered.code,
        options: answered.maxAge == nil ? [] : [(.maxAge, bytes)]
      )
    }
    let result = try #require(try world.report("b"))
    #expect(result.outcome == .rejected)
    #expect(result.code == answered.code)
    #expect(result.verdict == .later)
    #expect(result.retryAfter == Milliseconds(answered.seconds * 1_000))
    #expect(result.advice?.contains("\(answered.seconds) s") == true)
    #expect(Self.transmissions(world) == (before.auth, before.reports + 1))
    world.intercept = nil
    let next = try #require(try world.report("c"))
    #expect(next.outcome == .acknowledged)
    #expect(next.retryAfter == Milliseconds(0))
  }

  @Test(arguments: Layer.withEither, [Code.tooManyRequests, .serviceUnavailable])
  func `an auth that is put off is not sent again before its time`(
    layer: Layer,
    code: Code
  ) throws {
    var world = try World(layer)
    world.intercept = { answer(to: $0, code, options: [(.maxAge, [90])]) }
    let result = try #require(try world.report("a"))
    guard case .unauthenticated(.putOff(code, let wait)) = result.outcome else {
      Issue.record("\(result.outcome)")
      return
    }
    #expect(wait == Milliseconds(90_000))
    #expect(result.retryAfter == wait)
    #expect(result.verdict == .unreachable)
    world.intercept = nil
    world.now = world.now + Milliseconds(80_000)
    let sent = world.sent.count
    let early = try #require(try world.report("b"))
    #expect(early.outcome != .acknowledged)
    #expect(early.retryAfter.count > 0 && early.retryAfter.count <= 10_000)
    world.session.connect(at: world.now)
    try world.run()
    #expect(world.sent.count == sent)
    world.now = world.now + Milliseconds(10_000)
    #expect(try world.report("c")?.outcome == .acknowledged)
  }

  // MARK: Long answers

  @Test(arguments: Layer.withEither, [1_500, 1_600, 9_000])
  func `of an answer that is longer than a datagram the head is read`(
    layer: Layer,
    count: Int
  ) throws {
    // The simulator does not write longer records.
    if !layer.isSymmetric && count > 2_000 { return }
    var world = try World(layer)
    let payload = [UInt8](repeating: 0x78, count: count)
    world.intercept = {
      isAuthentication($0)
        ? nil : answer(to: $0, .content, payload: payload, options: [(.platformMessageID, [7])])
    }
    let result = try #require(try world.report("a"))
    #expect(result.outcome == .acknowledged)
    #expect(result.verdict == .delivered)
    #expect(result.extent == .cut)
    #expect(result.messageID.count == 1)
    #expect(result.transmissions == 1)
    #expect(result.bytesDown > count)
    #expect(world.session.answer.isEmpty)
    // The code counts as well.
    world.intercept = { answer(to: $0, .forbidden, payload: payload) }
    let refused = try #require(try world.report("b"))
    #expect(refused.code == .forbidden)
    #expect(refused.transmissions == 1)
    world.intercept = nil
    #expect(try world.report("c")?.extent == .whole)
  }

  @Test(arguments: Layer.withEither)
  func `an auth answer that is longer than a datagram is said to be`(layer: Layer) throws {
    var world = try World(layer)
    world.intercept = {
      answer(to: $0, .content, payload: [UInt8](repeating: 0x20, count: 1_600))
    }
    #expect(
      try world.report("a")?.outcome == .unauthenticated(.unusableAnswer(.incomplete))
    )
    #expect(world.sent.count == 1)
  }

  @Test func `an option that reaches beyond the datagram ends what is read`() throws {
    var world = try World()
    world.intercept = {
      isAuthentication($0)
        ? nil
        : answer(
          to: $0,
          .content,
          options: [
            (.contentFormat, [50]), (.platformMessageID, [UInt8](repeating: 1, count: 1_500)),
          ]
        )
    }
    let result = try #require(try world.report("a"))
    #expect(result.outcome == .acknowledged)
    #expect(result.extent == .cut)
    #expect(result.messageID.isEmpty)
  }

  // MARK: Replies

  static let things = "/sys/a1B2c3D4e5F/device1/thing/event/property/post"
  static let firmware = "/ota/device/inform/a1B2c3D4e5F/device1"

  @Test(arguments: [
    (200, ReportVerdict.delivered), (1_000, .delivered), (460, .final), (429, .later),
    (500, .later), (503, .later), (6_313, .later), (6_106, .final), (521, .final), (0, .final),
  ])
  func `the reply's code says what becomes of a report of the thing model`(
    code: Int,
    verdict: ReportVerdict
  ) throws {
    let number = Array(#"{"id":"1","code":\#(code),"message":"words","data":{"code":1}}"#.utf8)
    let text = Array(#"{"data":[],"message":"words","code":"\#(code)"}"#.utf8)
    for layer in Layer.withEither {
      for payload in [number, text, try Self.cbor(code)] {
        for topic in [Self.things, Self.firmware] {
          var world = try World(layer) { $0.reply = { _, _ in payload } }
          let result = try #require(try world.report("{}", topic: topic))
          #expect(result.verdict == verdict)
          #expect(result.outcome == (verdict == .delivered ? .acknowledged : .rejected))
          #expect(result.code == .content)
          #expect(result.replyCode == UInt32(code))
          #expect(world.session.answer == payload)
          if verdict != .delivered { #expect(result.advice?.contains("\(code)") == true) }
          // The next one is not refused for it.
          let next = try #require(
            try world.report("{}", topic: "/a1B2c3D4e5F/device1/user/update")
          )
          #expect(next.outcome == .acknowledged)
          #expect(next.replyCode == nil)
        }
      }
    }
  }

  private static func cbor(_ code: Int) throws -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: 100)
    var writer = CBORWriter(buffer.mutableSpan)
    try writer.beginObject()
    try writer.key("code")
    try writer.integer(Int64(code))
    try writer.key("message")
    try writer.string("words")
    try writer.endObject()
    let count = writer.count
    return Array(buffer[..<count])
  }

  @Test(arguments: [
    "", "x", "{}", "[460]", #"{"code":}"#, #"{"code":-1}"#, #"{"code":460,"code":200}"#,
    #"{"code":460"#, #"{"code":460}x"#, #"{"code":"many"}"#, #"{"code":null}"#,
    #"{"code":99999999999}"#, "\u{7F}",
  ])
  func `without a reply that can be read the report is delivered`(payload: String) throws {
    var world = try World { $0.reply = { _, _ in Array(payload.utf8) } }
    let result = try #require(try world.report("{}", topic: Self.things))
    #expect(result.verdict == .delivered)
    #expect(result.replyCode == nil)
  }

  @Test func `there being no newer firmware is an answer, not a fault`() throws {
    var world = try World {
      $0.reply = { _, _ in Array(#"{"code":500,"message":"none upgrade operation"}"#.utf8) }
    }
    let result = try #require(
      try world.report("{}", topic: "/ota/device/request/a1B2c3D4e5F/device1")
    )
    #expect(result.verdict == .delivered)
    #expect(result.replyCode == 500)
  }
}
