// SPDX-License-Identifier: Apache-2.0
import CoAPLink
import CoAPMessage
import ConstrainedCore
import PayloadCoding
import PlatformCoAP
import PlatformCore
import PlatformSimulator
import ReportLink
import TestSupport
import Testing

@Suite("Answers that nobody should send")
struct HostileAnswerTests {
  static let good =
    #"{"random":"ad2b3a5eb51d64f7","seqOffset":1,"token":"MZ8m37hp01w1SSqoDFzo0010500d00.ad2b"}"#

  /// Runs one report against an `/auth` answer, then checks that the session is usable again.
  func failure(_ payload: String) throws -> AuthenticationFailure? {
    var world = try World()
    world.intercept = { answer(to: $0, .content, payload: Array(payload.utf8)) }
    _ = try world.report("x")
    let failure = world.failure
    world.intercept = nil
    #expect(try world.report("y")?.outcome == .acknowledged)
    return failure
  }

  @Test func `an auth answer cut anywhere is an error`() throws {
    for length in 0..<Self.good.utf8.count {
      let failure = try failure(String(Self.good.prefix(length)))
      guard case .unusableAnswer(.json) = failure else {
        Issue.record("\(length): \(String(describing: failure))")
        return
      }
    }
  }

  @Test(arguments: [
    (#"[]"#, AuthenticationAnswerError.notAnObject), (#"1"#, .notAnObject), ("{}", .token),
    (#"{"token":"","random":"a","seqOffset":1}"#, .token),
    (#"{"token":1,"random":"a","seqOffset":1}"#, .token),
    (#"{"token":"t","seqOffset":1}"#, .random),
    (#"{"token":"t","random":"","seqOffset":1}"#, .random),
    (#"{"token":"t","random":"a"}"#, .sequenceOffset),
    (#"{"token":"t","random":"a","seqOffset":-1}"#, .sequenceOffset),
    (#"{"token":"t","random":"a","seqOffset":1.5}"#, .sequenceOffset),
    (#"{"token":"t","random":"a","seqOffset":18446744073709551616}"#, .sequenceOffset),
    (#"{"token":"t","random":"a","seqOffset":null}"#, .sequenceOffset),
    (#"{"token":"t","token":"t","random":"a","seqOffset":1}"#, .repeated),
    (#"{"token":"t","random":"a","random":"b","seqOffset":1}"#, .repeated),
    (#"{"token":"t","random":"a","seqOffset":1,"seqOffset":2}"#, .repeated),
  ])
  func `an auth answer without what it must have is an error`(
    payload: String,
    expected: AuthenticationAnswerError
  ) throws {
    #expect(try failure(payload) == .unusableAnswer(expected))
  }

  @Test func `a token over 192 and a random over 32 bytes are errors`() throws {
    let token = String(repeating: "t", count: 193)
    #expect(
      try failure(#"{"token":"\#(token)","random":"a","seqOffset":1}"#)
        == .unusableAnswer(.tokenTooLong)
    )
    let random = String(repeating: "r", count: 33)
    #expect(
      try failure(#"{"token":"t","random":"\#(random)","seqOffset":1}"#)
        == .unusableAnswer(.randomTooLong)
    )
  }

  @Test func `members in any order, unknown members and a number as text are taken`() throws {
    var world = try World()
    var asked = 0
    world.intercept = {
      asked += 1
      let payload = #"{"x":[{"y":null}],"seqOffset":"41","random":"r","token":"\u0074"}"#
      return answer(to: $0, .content, payload: isAuthentication($0) ? Array(payload.utf8) : [])
    }
    let result = try #require(try world.report("x"))
    #expect(result.outcome == .acknowledged)
    #expect(result.sequence == 42)
    #expect(asked == 2)
  }

  @Test(arguments: [1, 15, 16, 17, 32, 1_008, 1_024])
  func `a report whose answer does not decrypt is delivered, and the session goes on`(
    length: Int
  ) throws {
    var world = try World()
    #expect(try world.report("a")?.outcome == .acknowledged)
    world.intercept = {
      answer(to: $0, .content, payload: [UInt8](repeating: 0x5A, count: length))
    }
    let result = try #require(try world.report("b"))
    #expect(result.outcome == .acknowledged)
    #expect(result.verdict == .delivered)
    #expect(result.extent == .unreadable)
    #expect(result.answerGap != nil)
    let none = world.session.answer
    #expect(none.isEmpty)
    world.intercept = nil
    #expect(try world.report("c")?.outcome == .acknowledged)
  }

  @Test func `an option of 65,535 bytes and a long message id are no trap`() throws {
    var world = try World()
    world.intercept = {
      isAuthentication($0)
        ? nil
        : answer(
          to: $0,
          .content,
          options: [(.platformMessageID, [UInt8](repeating: 1, count: 65_535))]
        )
          + answer(
            to: $0,
            .content,
            options: [(.platformMessageID, [UInt8](repeating: 1, count: 65))]
          )
    }
    let result = try #require(try world.report("x"))
    // Of the first, which is larger than any datagram that is taken, the head counts; an option that is longer
    // than anybody expects is ignored.
    #expect(result.outcome == .acknowledged)
    #expect(result.messageID.isEmpty)
  }

  @Test func `an option that claims 65,535 bytes in a short datagram is no trap`() throws {
    var world = try World()
    world.intercept = { request in
      // Option 2090 with an extended length of 65,535, and 3 bytes of it.
      let short: [UInt8] =
        [0x64, 0x45, request[2], request[3]] + request[4..<8]
        + [0xEE, 0x07, 0x1D, 0xFE, 0xF2, 1, 2, 3]
      return isAuthentication(request) ? nil : [short] + answer(to: request, .content)
    }
    #expect(try world.report("x")?.outcome == .acknowledged)
  }

  @Test(arguments: [0, 1])
  func `every flipped bit of either answer leaves the session usable`(target: Int) throws {
    for bit in 0..<8 * (target == 0 ? 98 : 19) {
      var world = try World(seed: UInt64(bit))
      var platform = world.platform
      var count = 0
      world.intercept = { request in
        let output = platform.handle(
          request,
          from: 1,
          at: Instant(milliseconds: 1_000_000),
          intercept: nil
        )
        count += 1
        return output.datagrams.map { datagram in
          var bytes = datagram
          if count - 1 == target, bit / 8 < bytes.count { bytes[bit / 8] ^= 1 << (bit % 8) }
          return bytes
        }
      }
      _ = try world.report("x")
      world.intercept = nil
      world.platform = platform
      #expect(try world.report("y")?.outcome == .acknowledged, "bit \(bit)")
    }
  }

  @Test(arguments: Layer.allCases)
  func `random datagrams at any time are no trap`(layer: Layer) throws {
    var random = SeededRandom(seed: 2_026)
    var world = try World(layer)
    for round in 0..<300 {
      // Some find a handshake under way.
      if round % 10 == 0 { world.now = world.now + Milliseconds(60_000) }
      try? world.publish("\(round)")
      for _ in 0..<20 {
        var bytes = (0..<Int.random(in: 0...80, using: &random)).map { _ in
          UInt8.random(in: 0...255, using: &random)
        }
        if layer != .symmetric, Bool.random(using: &random), bytes.count >= 13 {
          // The header of a record that looks good: type, version, epoch and length.
          let header = [UInt8.random(in: 20...23, using: &random), 0xFE, 0xFD, 0]
          bytes.replaceSubrange(0..<4, with: header)
          bytes[4] = UInt8.random(in: 0...1, using: &random)
          bytes.replaceSubrange(11..<13, with: [0, UInt8(bytes.count - 13)])
        }
        world.session.handleDatagram(bytes, at: world.now)
        try world.transmit()
      }
      try world.run()
    }
    if layer == .symmetric { #expect(world.accepted.count == 300) }
    // What anybody can send in the clear may break a handshake, but not the device.
    world.now = world.now + Milliseconds(3_600_000)
    #expect(try world.report("after")?.outcome == .acknowledged)
  }

  @Test func `2.31 to a report, which has no further block, is no success`() throws {
    var world = try World()
    #expect(try world.report("a")?.outcome == .acknowledged)
    world.intercept = { answer(to: $0, .continue) }
    #expect(try world.report("b")?.outcome == .rejected)
  }

  @Test func `the first block of an auth answer is not taken for all of it`() throws {
    var world = try World()
    world.intercept = {
      answer(
        to: $0,
        .content,
        payload: Array(HostileAnswerTests.good.utf8),
        options: [(.block2, [0x0E])]
      )
    }
    #expect(try world.report("a")?.outcome == .unauthenticated(.unusableAnswer(.incomplete)))
  }
}
