// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import Inspection
import TestSupport
import Testing

/// The lines shown for a message.
func text(_ bytes: [UInt8]) -> [String] {
  var inspector = MessageInspector()
  return inspector.text(bytes.span).split(separator: "\n", omittingEmptySubsequences: false)
    .map(String.init)
}

/// The lines shown with the session of the worked example: secret "secret", random
/// "ad2b3a5eb51d64f7".
func openedText(_ bytes: [UInt8], secret: String = "secret") throws -> [String] {
  let random = Array("ad2b3a5eb51d64f7".utf8)
  var inspector = try MessageInspector(secret: Array(secret.utf8).span, random: random.span)
  return inspector.text(bytes.span).split(separator: "\n").map(String.init)
}

/// A confirmable message with that code, message ID 4660, and those options and payload.
func message(
  _ code: Code = .post,
  token: [UInt8] = [],
  options: [(UInt16, [UInt8])] = [],
  payload: [UInt8] = []
) throws -> [UInt8] {
  guard let token = Token(token.span) else { preconditionFailure("a token has at most 8 bytes") }
  var buffer = [UInt8](repeating: 0xA5, count: 2_048)
  var writer = try MessageWriter(
    buffer.mutableSpan,
    type: code.isResponse ? .acknowledgement : .confirmable,
    code: code,
    messageID: 4_660,
    token: token
  )
  for (number, value) in options { try writer.option(OptionNumber(rawValue: number), value.span) }
  try writer.payload(payload.span)
  let count = writer.count
  return Array(buffer[..<count])
}

@Suite("Messages as a person reads them")
struct MessageTextTests {
  @Test func `the header names type, code, message ID and token`() throws {
    #expect(
      text(try message(token: [0xDE, 0xAD, 0xBE, 0xEF]))
        == ["CON POST, message ID 4660, token deadbeef, 8 bytes"]
    )
    #expect(
      text(try message(.content)) == ["ACK 2.05 Content, message ID 4660, no token, 4 bytes"]
    )
    #expect(text(hex("70 00 0001")) == ["RST 0.00 Empty, message ID 1, no token, 4 bytes"])
    #expect(text(hex("50 1f 0001")) == ["NON 0.31, message ID 1, no token, 4 bytes"])
    #expect(text(hex("50 e1 0001")) == ["NON 7.01, message ID 1, no token, 4 bytes"])
  }

  static let options: [(UInt16, String, String)] = [
    (1, "0102", "If-Match 0102"),
    (3, "61", #"Uri-Host "a""#),
    (4, "01", "ETag 01"),
    (5, "", "If-None-Match"),
    (6, "", "Observe 0 (register)"),
    (6, "01", "Observe 1 (deregister)"),
    (6, "0102", "Observe 258"),
    (7, "1633", "Uri-Port 5683"),
    (8, "61", #"Location-Path "a""#),
    (9, "19", "OSCORE 19"),
    (11, "746f706963", #"Uri-Path "topic""#),
    (11, "1b5b306d22", #"Uri-Path "\u001b[0m\"""#),
    (11, "ff", "Uri-Path ff (not UTF-8)"),
    (12, "32", "Content-Format 50 application/json"),
    (12, "3c", "Content-Format 60 application/cbor"),
    (12, "fffe", "Content-Format 65534"),
    (12, "000032", "Content-Format 50 application/json (3 bytes, and 0 to 2 are defined)"),
    (14, "3c", "Max-Age 60 s"),
    (14, "000000000000000001", "Max-Age 1 s (9 bytes, and 0 to 4 are defined)"),
    (
      14, "010000000000000000",
      "Max-Age 010000000000000000 (not a number of 64 bits) (9 bytes, and 0 to 4 are defined)"
    ),
    (15, "613d62", #"Uri-Query "a=b""#),
    (16, "10", "Hop-Limit 16"),
    (17, "2a", "Accept 42 application/octet-stream"),
    (23, "36", "Block2 num 3, last, size 1024"),
    (23, "07", "Block2 num 0, last, size 7 (reserved)"),
    (27, "0a", "Block1 num 0, more, size 64"),
    (28, "0400", "Size2 1024 bytes"),
    (35, "61", #"Proxy-Uri "a""#),
    (60, "", "Size1 0 bytes"),
    (61, "4d5a", #"61 token "MZ""#),
    (252, "0102", "Echo 0102"),
    (258, "1a", "No-Response 26 (no 2.xx, 4.xx, 5.xx wanted)"),
    (258, "02", "No-Response 2 (no 2.xx wanted)"),
    (258, "", "No-Response 0 (all responses wanted)"),
    (292, "", "Request-Tag"),
    (2088, "4d5a386d", #"2088 token "MZ8m""#),
    (2088, "4d001b", "2088 token 4d001b"),
    (
      2089, "20c8c5ceef3b2d67298ba0f421993c02",
      "2089 seq (16 bytes, encrypted) 20c8c5ceef3b2d67298ba0f421993c02"
    ),
    (2090, "0102", "2090 message id 258 (0102)"),
    (2090, "313233", "2090 message id 123"),
    (2090, "ffffffffffffffffff", "2090 message id ffffffffffffffffff"),
    (2090, "", "2090 message id"),
    (65_000, "00", "65000 (elective, safe to forward) 00"),
    (65_001, "0102", "65001 (critical, safe to forward) 0102"),
    (65_002, "", "65002 (elective, unsafe to forward)"),
    (65_003, "", "65003 (critical, unsafe to forward)"),
  ]

  @Test(arguments: options)
  func `an option is named and its value read`(number: UInt16, value: String, line: String) throws {
    let lines = text(try message(options: [(number, hex(value))]))
    #expect(lines.dropFirst().first == "  " + line)
  }

  @Test func `Observe in an answer is a number of notifications`() throws {
    #expect(text(try message(.content, options: [(6, [])]))[1] == "  Observe 0")
  }

  @Test func `an option that must not occur again is said so`() throws {
    let lines = text(try message(options: [(7, [1]), (7, [2]), (11, [0x61]), (11, [0x62])]))
    #expect(
      lines.dropFirst() == [
        "  Uri-Port 1", "  Uri-Port 2 (must not occur again)", #"  Uri-Path "a""#,
        #"  Uri-Path "b""#,
        "  path /a/b",
      ]
    )
  }

  static let payloads: [(UInt8?, String, [String])] = [
    (50, #"{"a":1}"#, [#"  payload, 7 bytes of JSON: {"a":1}"#]),
    (50, "{\n \"a\":1\n}", ["  payload, 10 bytes of JSON:", "    {", #"     "a":1"#, "    }"]),
    (50, "{", ["  payload, 1 byte labelled JSON, but not well-formed: {"]),
    (50, "\u{FF}\u{1B}", [#"  payload, 3 bytes labelled JSON, but not well-formed: ÿ\u001b"#]),
    (0, "a\u{7}\u{9B}b\r", [#"  payload, 6 bytes of text: a\u0007\u009bb\r"#]),
    (nil, "plain", ["  payload, 5 bytes of text: plain"]),
    (nil, "[1]", ["  payload, 3 bytes of JSON: [1]"]),
    (
      nil, "\u{1}",
      ["  payload, 1 byte", "    0000 01                                               ."]
    ),
    (
      42, "a", ["  payload, 1 byte", "    0000 61                                               a"]
    ),
  ]

  @Test(arguments: payloads)
  func `a payload is shown as its format says, or as it looks`(
    format: UInt8?,
    payload: String,
    lines: [String]
  ) throws {
    let options = format.map { [(UInt16(12), [$0])] } ?? []
    let shown = text(try message(.content, options: options, payload: Array(payload.utf8)))
    #expect(Array(shown.dropFirst(1 + options.count)) == lines)
  }

  @Test func `CBOR is shown in diagnostic notation, or as bytes with the reason`() throws {
    let cbor = hex("a2 6161 01 6162 82 02 03")
    #expect(
      text(try message(.content, options: [(12, [60])], payload: cbor)).last
        == #"  payload, 9 bytes of CBOR: {"a": 1, "b": [2, 3]}"#
    )
    #expect(
      text(try message(.content, options: [(12, [60])], payload: [0x82, 0x00])).suffix(2) == [
        "  payload, 2 bytes, labelled CBOR, but the bytes end within the item at byte 0",
        "    0000 82 00                                            ..",
      ]
    )
  }

  @Test func `without a content format, a map or array of CBOR is known by its first byte`() throws
  {
    for (cbor, line) in [
      (hex("a1 64636f6465 18c8"), #"  payload, 8 bytes of CBOR: {"code": 200}"#),
      (hex("82 02 03"), "  payload, 3 bytes of CBOR: [2, 3]"),
    ] {
      #expect(text(try message(.content, payload: cbor)).last == line)
    }
    #expect(text(try message(.content, payload: hex("a1 64"))).contains("  payload, 2 bytes"))
    #expect(text(try message(.content, payload: hex("01"))).contains("  payload, 1 byte"))
  }

  @Test func `what is not a message is shown as bytes with the reason`() {
    #expect(
      text(hex("40017d3441")) == [
        "not a CoAP message: the message ends within the value of the option at byte 4",
        "  0000 40 01 7d 34 41                                   @.}4A",
      ]
    )
  }

  @Test func `every truncation and every flipped bit of a report is shown on printable lines`()
    throws
  {
    let whole = try Self.report()
    var inspector = MessageInspector()
    for count in 0..<whole.count {
      #expect(inspector.text(Array(whole[..<count]).span).utf8.allSatisfy { $0 == 10 || $0 >= 32 })
    }
    for bit in 0..<8 * whole.count {
      var flipped = whole
      flipped[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(inspector.text(flipped.span).utf8.allSatisfy { $0 == 10 || $0 >= 32 })
    }
  }

  /// The values of the protocol facts: secret "secret", random "ad2b3a5eb51d64f7", seq 2; the
  /// payload has the same ciphertext as the number 9999.
  static func report(
    sequence: String = "20c8c5ceef3b2d67298ba0f421993c02",
    payload: String = "a65cabd22c92874024c3240090258bda"
  ) throws -> [UInt8] {
    try message(
      options: [
        (11, Array("topic".utf8)), (12, [50]), (2088, Array("MZ8m".utf8)), (2089, hex(sequence)),
      ],
      payload: hex(payload)
    )
  }

  @Test func `the worked values of a session come out of a report`() throws {
    let lines = try openedText(Self.report())
    #expect(lines.contains("    inside: 2"))
    #expect(lines.last == "  inside, 4 bytes of JSON: 9999")
    #expect(lines.contains("  payload, 16 bytes, encrypted"))
    for (sealed, number) in [
      ("ef68e36baeab9b700d856d623e6b5f79", "1"), ("e67d3b6a592d261cba73e35cdc820476", "10"),
      ("580f98e5bd13505519d98890e1e437c0", "4294967295"),
    ] {
      #expect(try openedText(Self.report(sequence: sealed)).contains("    inside: \(number)"))
    }
  }

  @Test func `an answer with an encrypted payload is opened`() throws {
    let answer = try message(.content, payload: hex("a65cabd22c92874024c3240090258bda"))
    #expect(try openedText(answer).last == "  inside, 4 bytes of JSON: 9999")
  }

  @Test func `a wrong secret is said, and nothing is shown as inside`() throws {
    let lines = try openedText(Self.report(), secret: "another")
    #expect(lines.count { $0.contains("cannot be opened: another key or secret") } == 2)
    #expect(!lines.contains { $0.contains("inside,") })
  }

  @Test func `a sequence number that is no number makes the payload doubtful`() throws {
    // The ciphertext of an empty payload.
    let lines = try openedText(Self.report(sequence: "f5bbe366b80abda030a3a34d77ff325e"))
    #expect(lines.count { $0.contains("cannot be opened") } == 2)
  }

  @Test func `a report that is JSON as it stands is shown so, with and without a secret`() throws {
    let plain = try message(
      options: [(11, Array("topic".utf8)), (12, [50])],
      payload: Array(#"{"value":1}"#.utf8)
    )
    #expect(try openedText(plain).last == #"  payload, 11 bytes of JSON: {"value":1}"#)
  }

  @Test func `the exchange of /auth is plain and left as it is`() throws {
    let request = try message(
      options: [(11, Array("auth".utf8)), (12, [50])],
      payload: Array(#"{"productKey":"k"}"#.utf8)
    )
    #expect(try openedText(request) == text(request))
    let answer = try message(.content, payload: Array(#"{"random":"r","token":"t"}"#.utf8))
    #expect(try openedText(answer) == text(answer))
  }

  @Test func `without a key, an encrypted payload is said to be so`() throws {
    #expect(
      text(try Self.report()).last
        == "  inside: give the device's secret and the session's random to see it"
    )
  }
}
