// SPDX-License-Identifier: Apache-2.0
import CoAPExchange
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

@Suite("Device guide 3.6: one device, with either security layer")
struct CoAPLinkTests {
  @Test(arguments: Layer.withEither)
  func `the first report authenticates, the second does not`(layer: Layer) throws {
    var world = try World(layer)
    let first = try #require(try world.report(#"{"value":1}"#))
    #expect(first.outcome == .acknowledged)
    #expect(first.sequence == (layer.hasSequence ? 2 : nil))
    #expect(first.code == .content)
    #expect(first.messageID.count == (layer.hasSequence ? 8 : 0))
    #expect(first.transmissions == 1)
    let second = try #require(try world.report(#"{"value":2}"#))
    #expect(second.sequence == (layer.hasSequence ? 3 : nil))
    #expect(world.sent == [.authentication(attempt: 1), .report(attempt: 1), .report(attempt: 1)])
    #expect(world.requests.map(\.kind) == [.authentication, .report, .report])
    #expect(
      world.accepted.map { String(decoding: $0.payload, as: UTF8.self) }
        == [#"{"value":1}"#, #"{"value":2}"#]
    )
  }

  @Test func `the report of the guide's example takes 124 bytes up and 19 down`() throws {
    var world = try World()
    let result = try #require(try world.report(#"{"value":1}"#))
    #expect(result.bytesUp == 124)
    #expect(result.bytesDown == 19)
  }

  @Test(arguments: Layer.withEither, [SignMethod.hmacMD5, .hmacSHA1, .hmacSHA256])
  func `every setting of auth is signed and accepted`(layer: Layer, method: SignMethod) throws {
    var settings = DeviceSettings()
    settings.signMethod = method
    settings.acknowledgementMode = .separate
    settings.timestamp = 1_524_448_722_000
    settings.accept = .cbor
    var world = try World(layer, settings: settings)
    let result = try #require(try world.report("x"))
    #expect(result.outcome == .acknowledged)
    // The empty acknowledgement and the separate response.
    if layer.isSymmetric { #expect(result.bytesDown == 4 + 19) }
    #expect(world.sent.last == .control)
  }

  @Test(arguments: Layer.withEither)
  func `the legacy token option is taken by a platform that expects it, and by no other`(
    layer: Layer
  ) throws {
    var settings = DeviceSettings()
    settings.tokenOption = .legacy
    var old = try World(layer, settings: settings) { $0.tokenOption = 61 }
    #expect(try old.report("x")?.outcome == .acknowledged)
    var current = try World(layer, settings: settings)
    #expect(try current.report("x")?.outcome == .rejected)
  }

  @Test(arguments: Layer.withEither)
  func `a wrong secret is refused with 4.01`(layer: Layer) throws {
    var world = try World(layer, secret: Array("wrong".utf8))
    let result = try #require(try world.report("x"))
    #expect(result.outcome == .unauthenticated(.refused(.unauthorized)))
    #expect(world.failure == .refused(.unauthorized))
    #expect(world.accepted.isEmpty)
    #expect(result.transmissions == 0)
  }

  @Test(arguments: Layer.withEither)
  func `an expired token leads to one new auth, and the report comes under a new number`(
    layer: Layer
  ) throws {
    var world = try World(layer) { $0.tokenLifetime = Milliseconds(60_000) }
    #expect(try world.report("a")?.outcome == .acknowledged)
    world.now = world.now + Milliseconds(120_000)
    let result = try #require(try world.report("b"))
    #expect(result.outcome == .acknowledged)
    #expect(result.transmissions == 2)
    #expect(
      world.requests.map(\.kind) == [
        .authentication, .report, .report, .authentication, .report,
      ]
    )
    #expect(world.accepted.count == 2)
    #expect(world.session.counters.authentications == 2)
  }

  @Test(arguments: Layer.withEither, [Code.unauthorized, .badOption])
  func `a token that is never taken ends the report after one new auth`(
    layer: Layer,
    code: Code
  ) throws {
    var world = try World(layer)
    world.intercept = { isAuthentication($0) ? nil : answer(to: $0, code) }
    let result = try #require(try world.report("x"))
    #expect(result.outcome == .rejected)
    #expect(result.code == code)
    #expect(
      world.sent == [
        .authentication(attempt: 1), .report(attempt: 1), .authentication(attempt: 1),
        .report(attempt: 1),
      ]
    )
    // Twice 4.02, under two tokens, is about something else.
    #expect(world.session.isAuthenticated == (code == .badOption))
    #expect(result.verdict == (code == .badOption ? .final : .later))
  }

  @Test(arguments: Layer.withEither)
  func `5-00 on a report waits longer each time and sends under a new number`(layer: Layer) throws {
    var world = try World(layer)
    var failures = 2
    world.intercept = {
      guard !isAuthentication($0), failures > 0 else { return nil }
      failures -= 1
      return answer(to: $0, .internalServerError)
    }
    let start = world.now
    let result = try #require(try world.report("x"))
    #expect(result.outcome == .acknowledged)
    #expect(result.transmissions == 3)
    #expect(result.sequence == (layer.hasSequence ? 4 : nil))
    // ACK_TIMEOUT and twice that, each up to half as long again.
    let passed = (world.now - start).count
    #expect(passed >= 6_000 && passed <= 9_100 + layer.delay)
  }

  @Test(arguments: Layer.withEither)
  func `5-00 for ever ends the report after three more tries`(layer: Layer) throws {
    var world = try World(layer)
    world.intercept = {
      isAuthentication($0) ? nil : answer(to: $0, .internalServerError)
    }
    let result = try #require(try world.report("x"))
    #expect(result.outcome == .rejected)
    #expect(result.code == .internalServerError)
    #expect(result.transmissions == 4)
    world.intercept = { answer(to: $0, .internalServerError) }
    world.session.forgetToken()
    #expect(
      try world.report("x")?.outcome == .unauthenticated(.refused(.internalServerError))
    )
  }

  @Test(
    arguments: Layer.withEither,
    [Code.badRequest, .forbidden, .notFound, .methodNotAllowed, .notAcceptable]
  )
  func `any other code goes to the caller at once`(layer: Layer, code: Code) throws {
    var world = try World(layer)
    #expect(try world.report("before")?.outcome == .acknowledged)
    world.intercept = { isAuthentication($0) ? nil : answer(to: $0, code) }
    let result = try #require(try world.report("x"))
    #expect(result.outcome == .rejected)
    #expect(result.code == code)
    #expect(result.transmissions == 1)
    #expect(result.advice != nil)
  }

  @Test(arguments: Layer.withEither)
  func `4-00 before any success is tried once under a new token, afterwards it is not`(
    layer: Layer
  ) throws {
    var world = try World(layer)
    world.intercept = { isAuthentication($0) ? nil : answer(to: $0, .badRequest) }
    let first = try #require(try world.report("a"))
    #expect(first.outcome == .rejected)
    #expect(first.verdict == .final)
    #expect(first.transmissions == 2)
    #expect(world.session.counters.authentications == 2)
    world.intercept = nil
    #expect(try world.report("b")?.outcome == .acknowledged)
    #expect(world.session.counters.authentications == 2)
    world.intercept = { answer(to: $0, .badRequest) }
    #expect(try world.report("c")?.outcome == .rejected)
    world.intercept = nil
    #expect(try world.report("d")?.outcome == .acknowledged)
    #expect(world.session.counters.authentications == 2)
  }

  @Test(arguments: Layer.withEither)
  func `another device's topic is refused by the platform`(layer: Layer) throws {
    var world = try World(layer)
    let result = try #require(try world.report("x", topic: "/a1B2c3D4e5F/device2/user/update"))
    #expect(result.code == .forbidden)
  }

  @Test(arguments: Layer.withEither)
  func `an answer's payload is decrypted`(layer: Layer) throws {
    var world = try World(layer) {
      $0.reply = { topic, payload in Array("got ".utf8) + payload }
    }
    #expect(try world.report("hello")?.outcome == .acknowledged)
    let got = world.session.answer
    #expect(got == Array("got hello".utf8))
    world.intercept = { answer(to: $0, .content) }
    _ = try world.report("again")
    let none = world.session.answer
    #expect(none.isEmpty)
  }

  @Test(arguments: Layer.withEither)
  func `silence ends the report after MAX_TRANSMIT_WAIT`(layer: Layer) throws {
    var world = try World(layer)
    world.intercept = { _ in [] }
    let start = world.now
    #expect(try world.report("x")?.outcome == .unauthenticated(.timedOut))
    let attempts = world.sent
    if layer.isSymmetric {
      #expect((world.now - start).count == 93_000)
      #expect(attempts == (1...5).map { .authentication(attempt: $0) })
    } else {
      // After three the association is given up; over the next one the request starts over, once.
      #expect((93_000...(93_000 + 21_000 + layer.delay)).contains((world.now - start).count))
      #expect(attempts == ([1, 2, 3] + (1...5)).map { .authentication(attempt: $0) })
      #expect(world.session.counters.resumptions == 1)
    }
  }

  @Test(arguments: Layer.withEither)
  func `a second Reset ends the report, the first one costs one more try soon`(
    layer: Layer
  ) throws {
    var world = try World(layer)
    var resets = 1
    world.intercept = {
      guard !isAuthentication($0), resets > 0 else { return nil }
      resets -= 1
      return [[0x70, 0, $0[2], $0[3]]]
    }
    let start = world.now
    let delivered = try #require(try world.report("x"))
    #expect(delivered.outcome == .acknowledged)
    #expect(delivered.transmissions == 2)
    #expect((2_000...(3_100 + layer.delay)).contains((world.now - start).count))
    world.intercept = { isAuthentication($0) ? nil : [[0x70, 0, $0[2], $0[3]]] }
    let reset = try #require(try world.report("x"))
    #expect(reset.outcome == .reset)
    #expect(reset.transmissions == 2)
    world.session.forgetToken()
    world.intercept = { [[0x70, 0, $0[2], $0[3]]] }
    #expect(try world.report("x")?.outcome == .unauthenticated(.reset))
    resets = 1
    world.intercept = {
      guard resets > 0 else { return nil }
      resets -= 1
      return [[0x70, 0, $0[2], $0[3]]]
    }
    #expect(try world.report("x")?.outcome == .acknowledged)
  }

  @Test(arguments: Layer.withEither)
  func `one report at a time, of at most 1,024 bytes`(layer: Layer) throws {
    var world = try World(layer)
    try world.publish("x")
    #expect(throws: DeviceError.busy) { try world.publish("y") }
    try world.run()
    let result = try #require(try world.report(String(repeating: "a", count: 1_024)))
    #expect(result.outcome == .acknowledged)
    #expect(throws: DeviceError.payloadTooLong(1_025)) {
      try world.publish(String(repeating: "a", count: 1_025))
    }
    // The longest of everything fits a datagram.
    let longest = "/a1B2c3D4e5F/device1/" + String(repeating: "t", count: 107)
    #expect(longest.utf8.count == 128)
    #expect(
      try world.report(String(repeating: "a", count: 1_024), topic: longest)?.outcome
        == .acknowledged
    )
  }

  @Test(arguments: Layer.withEither)
  func `a cancelled report is sent no more, and the next one goes through`(layer: Layer) throws {
    var world = try World(layer)
    #expect(try world.report("a")?.outcome == .acknowledged)
    world.intercept = { _ in [] }
    try world.publish("b")
    try world.step()
    let sent = world.sent.count
    world.session.cancelReport()
    let deadline = world.session.pollTimeout()
    #expect(deadline == nil)
    world.now = world.now + Milliseconds(300_000)
    try world.step()
    #expect(world.sent.count == sent)
    world.intercept = nil
    #expect(try world.report("c")?.outcome == .acknowledged)
    #expect(world.accepted.map(\.payload) == [Array("a".utf8), Array("c".utf8)])
  }

  @Test(arguments: Layer.withEither)
  func `one request at a time, whatever the owner calls meanwhile`(layer: Layer) throws {
    var world = try World(layer)
    #expect(try world.report("a")?.outcome == .acknowledged)
    world.events.removeAll()
    try world.publish("b")
    world.session.forgetToken()
    world.session.connect(at: world.now)
    try world.run()
    #expect(world.accepted.count == 2)
    // The same while a report waits after 5.00: the new token comes first, then the report.
    var failures = 1
    world.intercept = {
      guard !isAuthentication($0), failures > 0 else { return nil }
      failures -= 1
      return answer(to: $0, .internalServerError)
    }
    world.events.removeAll()
    try world.publish("c")
    for _ in 0..<8 {
      try world.step()
      world.now = world.now + Milliseconds(10)
    }
    #expect(failures == 0)
    world.session.forgetToken()
    try world.run()
    #expect(world.accepted.count == 3)
    #expect(world.requests.suffix(2).map(\.kind) == [.authentication, .report])
  }

  @Test(arguments: Layer.withEither)
  func `an interrupted report tells what it had cost`(layer: Layer) throws {
    var world = try World(layer)
    #expect(try world.report("a")?.outcome == .acknowledged)
    try world.publish("b")
    try world.step()
    world.session.interrupt(at: world.now)
    guard case .report(let result)? = world.session.pollEvent() else {
      Issue.record("no event")
      return
    }
    #expect(result.outcome == .interrupted)
    #expect(result.transmissions == 1)
    #expect(result.bytesUp > 0)
    let isIdle = world.session.isIdle
    #expect(isIdle)
  }

  @Test func `the same token and key once more do not repeat a number`() throws {
    var world = try World()
    let payload = #"{"random":"r","seqOffset":1,"token":"t"}"#
    world.intercept = {
      isAuthentication($0)
        ? answer(to: $0, .content, payload: Array(payload.utf8)) : answer(to: $0, .content)
    }
    #expect(try world.report("a")?.sequence == 2)
    world.session.forgetToken()
    #expect(try world.report("b")?.sequence == 3)
    #expect(world.session.counters.authentications == 2)
  }

  @Test(arguments: Layer.withEither)
  func `a cancelled report does not stop the auth it waited for`(layer: Layer) throws {
    var world = try World(layer)
    try world.publish("a")
    world.session.cancelReport()
    try world.run()
    let isAuthenticated = world.session.isAuthenticated
    #expect(isAuthenticated)
    #expect(world.accepted.isEmpty)
  }

  @Test func `the numbers end before they wrap`() throws {
    var world = try World { $0.sequenceOffset = UInt64.max - 1 }
    #expect(try world.report("a")?.sequence == UInt64.max)
    #expect(try world.report("b")?.outcome == .sequenceExhausted)
    #expect(try world.report("c")?.outcome == .acknowledged)
  }
}
