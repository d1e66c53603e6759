// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import Foundation
import Inspection
import PacketCapture
import TestSupport
import Testing

/// The decrypted content in a line as parsed by a program.
private struct Object: Decodable, Equatable {
  var seq: UInt64?
  var inside: String?
  var insideBytes: String?
  var notOpened: String?
  var payloadText: String?
}

extension Capture {
  fileprivate mutating func object(_ packet: [UInt8]) throws -> Object {
    try JSONDecoder().decode(Object.self, from: Data((json(packet) ?? "").utf8))
  }
}

@Suite("Sessions in symmetric mode, learned from the /auth in a capture")
struct SessionTests {
  static let notOpened =
    "cannot be opened: another key or secret, altered on the way, or not encrypted"

  @Test func `several sessions in turn are opened, in both directions and both forms`() throws {
    var text = try Capture.knowing("secret")
    var json = try Capture.knowing("secret")
    let first = ObservedSession()
    let second = ObservedSession(token: "other", random: "0123456789abcdef")
    let packets: [([UInt8], seq: UInt64?, inside: String?)] = [
      (try first.authentication(1), nil, nil), (try first.authenticationAnswer(1), nil, nil),
      (try first.report(2, sequence: 2, #"{"value":1}"#), 2, #"{"value":1}"#),
      (try first.answer(2, #"{"code":200}"#), nil, #"{"code":200}"#),
      (try second.authentication(3), nil, nil),
      // In flight when the device authenticated, and answered afterwards.
      (try first.report(4, sequence: 3, "[2]"), 3, "[2]"),
      (try second.authenticationAnswer(3), nil, nil),
      (try first.answer(4, "[20]", isSeparate: true), nil, "[20]"),
      (try second.report(5, sequence: 2, "[3]"), 2, "[3]"),
      (try first.report(6, sequence: 4, "[4]"), 4, "[4]"),
      (try second.answer(5, "[30]"), nil, "[30]"), (try first.answer(6, "[40]"), nil, "[40]"),
    ]
    for (packet, seq, inside) in packets {
      #expect(text.inside(packet) == [seq.map { "\($0)" }, inside].compactMap { $0 })
      let object = try json.object(packet)
      #expect(object.seq == seq)
      #expect(object.inside == inside)
      #expect(object.insideBytes == inside.map { hexText(Array($0.utf8).span) })
      #expect(object.notOpened == nil)
      #expect((object.payloadText == nil) == (inside != nil))
    }
  }

  @Test func `CBOR comes out in diagnostic notation, and bytes as digits alone`() throws {
    var capture = try Capture.knowing("secret")
    let session = ObservedSession()
    _ = capture.json(try session.authentication(1))
    _ = capture.json(try session.authenticationAnswer(1))
    let object = try capture.object(
      try session.report(2, sequence: 2, hex("a1 6161 fb 4035800000000000"), format: 60)
    )
    #expect(object.inside == #"{"a": 21.5}"#)
    #expect(object.insideBytes == "a16161fb4035800000000000")
    let bytes = try capture.object(try session.report(3, sequence: 3, [0, 0xFF], format: 42))
    #expect(bytes.inside == nil)
    #expect(bytes.insideBytes == "00ff")
    #expect(bytes.notOpened == nil)
  }

  @Test func `the platform's message id has the form that every command shows`() throws {
    var inspector = MessageInspector()
    for (value, text) in [
      (hex("0c6376aafd646a86"), #""892687627917224582""#), (hex("313233"), #""123""#),
      (hex("ffffffffffffffffff"), #""ffffffffffffffffff""#),
    ] {
      let answer = try message(.content, options: [(2_090, value)])
      let object = inspector.json(answer.span)
      #expect(String(decoding: object, as: UTF8.self).contains(#""messageID2090":\#(text),"#))
    }
    let answer = try message(.content)
    let without = inspector.json(answer.span)
    #expect(String(decoding: without, as: UTF8.self).contains(#""messageID2090":null,"#))
  }

  @Test func `what would steer a terminal is escaped in the object, and reads back as it was`()
    throws
  {
    var capture = try Capture.knowing("secret")
    let session = ObservedSession()
    _ = capture.json(try session.authentication(1))
    _ = capture.json(try session.authenticationAnswer(1))
    let report = try session.report(2, sequence: 2, "\"a\u{9B}b\u{202E}c\u{7F}\u{E0041}\"")
    let line = capture.json(report)
    #expect(line?.contains(#"\u009bb\u202ec\u007f\udb40\udc41"#) == true)
    #expect(try capture.object(report).inside == "\"a\u{9B}b\u{202E}c\u{7F}\u{E0041}\"")
  }

  @Test func `a session is known by its token wherever the device sends from`() throws {
    var capture = try Capture.knowing("secret")
    var session = ObservedSession(tokenOption: 61)
    _ = capture.text(try session.authentication(1))
    _ = capture.text(try session.authenticationAnswer(1))
    // A NAT has changed the device's port.
    session.port = 50_000
    #expect(capture.inside(try session.report(2, sequence: 9, "[1]")) == ["9", "[1]"])
    #expect(capture.inside(try session.answer(2, "[2]")) == ["[2]"])
    // The request of this answer was not seen.
    #expect(capture.inside(try session.answer(7, "[3]")) == ["[3]"])
  }

  @Test func `an answer to /auth is enough, where the request was not seen`() throws {
    var capture = try Capture.knowing("secret")
    let session = ObservedSession()
    _ = capture.text(try session.authenticationAnswer(1))
    #expect(capture.inside(try session.report(2, sequence: 2, "[1]")) == ["2", "[1]"])
  }

  @Test func `an answer to /auth in CBOR is read too`() throws {
    var capture = try Capture.knowing("secret")
    let session = ObservedSession()
    let answer =
      hex("60 45 0001 ff a2 65") + Array("token".utf8) + [0x69] + Array(session.token.utf8)
      + [0x66] + Array("random".utf8) + [0x70] + Array(session.random.utf8)
    _ = capture.text(session.received(answer))
    #expect(capture.inside(try session.report(2, sequence: 2, "[1]")) == ["2", "[1]"])
  }

  @Test func `devices of other secrets are told from those of this one`() throws {
    var capture = try Capture.knowing("secret")
    let mine = ObservedSession()
    let other = ObservedSession(token: "other", secret: "another", port: 41_000)
    for session in [mine, other] {
      _ = capture.text(try session.authentication(1))
      _ = capture.text(try session.authenticationAnswer(1))
    }
    #expect(capture.inside(try mine.report(2, sequence: 2, "[1]")) == ["2", "[1]"])
    #expect(
      capture.inside(try other.report(2, sequence: 2, "[1]")) == [Self.notOpened, Self.notOpened]
    )
    #expect(capture.inside(try other.answer(2, "[2]")) == [Self.notOpened])
    let object = try capture.object(try other.report(3, sequence: 3, "[1]"))
    #expect(object == Object(notOpened: Self.notOpened))
    #expect(capture.inside(try mine.answer(2, "[2]")) == ["[2]"])
  }

  @Test func `what is missing is said: the random, the secret, or both`() throws {
    let session = ObservedSession()
    let report = try session.report(2, sequence: 2, "[1]")
    var early = try Capture.knowing("secret")
    let needsRandom =
      "the answer to /auth that gave its token was not seen: give the session's random"
    #expect(early.inside(report) == [needsRandom])
    #expect(early.inside(try session.answer(2, "[2]")) == [needsRandom])
    #expect(try early.object(report).notOpened == needsRandom)
    var ignorant = Capture()
    let needsBoth = "give the device's secret and the session's random to see it"
    #expect(ignorant.inside(report) == [needsBoth])
    #expect(ignorant.inside(try session.answer(2, "[2]")) == [needsBoth])
    _ = ignorant.text(try session.authentication(1))
    _ = ignorant.text(try session.authenticationAnswer(1))
    #expect(ignorant.inside(report) == ["give the device's secret to see it"])
  }

  @Test func `a random that is given opens its session before the /auth and beside others`() throws
  {
    let given = ObservedSession()
    let later = ObservedSession(token: "later", random: "00")
    var capture = try Capture.knowing("secret", random: given.random)
    #expect(capture.inside(try given.report(1, sequence: 7, "[1]")) == ["7", "[1]"])
    #expect(capture.inside(try given.answer(1, "[2]")) == ["[2]"])
    _ = capture.text(try later.authentication(2))
    _ = capture.text(try later.authenticationAnswer(2))
    #expect(capture.inside(try later.report(3, sequence: 2, "[3]")) == ["2", "[3]"])
    #expect(capture.inside(try given.report(4, sequence: 8, "[4]")) == ["8", "[4]"])
    #expect(capture.inside(try later.answer(3, "[5]")) == ["[5]"])
  }

  @Test func `the same token with another random, and an answer that comes twice`() throws {
    var capture = try Capture.knowing("secret")
    let before = ObservedSession()
    let after = ObservedSession(random: "ffff")
    for session in [before, before, after] {
      _ = capture.text(try session.authentication(1))
      _ = capture.text(try session.authenticationAnswer(1))
    }
    #expect(capture.inside(try after.report(2, sequence: 2, "[1]")) == ["2", "[1]"])
    #expect(capture.inside(try before.report(3, sequence: 3, "[2]")) == ["3", "[2]"])
  }

  @Test func `a block is not opened alone`() throws {
    var capture = try Capture.knowing("secret")
    let session = ObservedSession()
    _ = capture.text(try session.authentication(1))
    _ = capture.text(try session.authenticationAnswer(1))
    _ = capture.text(try session.report(2, sequence: 2, "[1]"))
    // ACK 2.05, message ID and token 2, Block2 0/more/16.
    let block = session.received(
      hex("62 45 0002 0002 d1 0a 08 ff") + [UInt8](repeating: 0xEE, count: 16)
    )
    #expect(
      capture.inside(block)
        == ["a block of a body that is encrypted as a whole; blocks are not reassembled here"]
    )
  }

  @Test
  func `after 300 sessions and 2,000 requests the last ones are known, and memory is bounded`()
    throws
  {
    var capture = try Capture.knowing("secret")
    let sessions = (0..<300).map {
      ObservedSession(token: "t\($0)", random: "r\($0)", port: 1_024 + $0)
    }
    for session in sessions {
      _ = capture.json(try session.authentication(1))
      _ = capture.json(try session.authenticationAnswer(1))
    }
    for number in 0..<2_000 {
      _ = capture.json(try sessions[299].report(UInt16(2 + number), sequence: number, "[1]"))
    }
    #expect(capture.inside(try sessions[299].answer(2_001, "[2]")) == ["[2]"])
    #expect(capture.inside(try sessions[44].report(2, sequence: 5, "[1]")) == ["5", "[1]"])
    #expect(capture.inside(try sessions[43].report(2, sequence: 5, "[1]")).count == 1)
  }

  @Test func `messages without addresses follow each other as in one conversation`() throws {
    var inspector = try MessageInspector(secret: Array("secret".utf8).span)
    let session = ObservedSession()
    for packet in [try session.authentication(1), try session.authenticationAnswer(1)] {
      _ = inspector.text(Array(packet[28...]).span)
    }
    let report = try session.report(2, sequence: 2, "[1]")
    #expect(inspector.text(Array(report[28...]).span).hasSuffix("inside, 3 bytes of JSON: [1]"))
    let answer = try session.answer(2, "[2]")
    #expect(inspector.text(Array(answer[28...]).span).hasSuffix("inside, 3 bytes of JSON: [2]"))
  }
}
