// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import ConstrainedCore
import OpenSSLSupport
import PlatformCore
import PlatformSimulator
import TestSupport
import Testing

/// A platform with one device, and requests written by hand rather than by the client.
struct Bench {
  static let secret = Array("secret".utf8)
  var platform: SimulatedPlatform<Int>
  var messageID: UInt16 = 0

  init(_ configure: (inout SimulatorConfiguration) -> Void = { _ in }) {
    var configuration = SimulatorConfiguration()
    configuration.devices = [
      SimulatedDevice(productKey: "pk", deviceName: "device", secret: Self.secret)
    ]
    configure(&configuration)
    platform = SimulatedPlatform(configuration, random: SeededRandom(seed: 5))
  }

  mutating func send(
    _ path: [String],
    _ options: [(UInt16, [UInt8])] = [],
    _ payload: [UInt8] = [],
    code: Code = .post,
    type: MessageType = .confirmable
  ) throws -> RequestRecord {
    let message = try request(path, options, payload, code: code, type: type)
    let output = platform.handle(message, from: 1, at: Instant(milliseconds: 0))
    answers = output.datagrams.map(\.bytes)
    return try #require(output.record)
  }

  /// The bytes of a request.
  mutating func request(
    _ path: [String],
    _ options: [(UInt16, [UInt8])] = [],
    _ payload: [UInt8] = [],
    code: Code = .post,
    type: MessageType = .confirmable
  ) throws -> [UInt8] {
    messageID += 1
    var buffer = [UInt8](repeating: 0, count: 65_536)
    var writer = try MessageWriter(
      buffer.mutableSpan,
      type: type,
      code: code,
      messageID: messageID,
      token: Token(7)
    )
    for segment in path { try writer.option(.uriPath, Array(segment.utf8).span) }
    for (number, value) in options {
      try writer.option(OptionNumber(rawValue: number), value.span)
    }
    try writer.payload(payload.span)
    let count = writer.count
    return Array(buffer[..<count])
  }

  var answers: [[UInt8]] = []

  mutating func authenticate(_ json: String) throws -> RequestRecord {
    try send(["auth"], [(12, [50]), (17, [50])], Array(json.utf8))
  }

  static func sign(_ content: String) throws -> String {
    let mac = try Hash.md5.hmac(key: secret.span, content: Array(content.utf8).span)
    return hexText(mac.bytes)
  }

  static func valid(_ more: String = "", _ signed: String = "") throws -> String {
    let sign = try sign("clientIdcdeviceNamedeviceproductKeypk\(signed)")
    return #"{"productKey":"pk","deviceName":"device","clientId":"c","sign":"\#(sign)"\#(more)}"#
  }

  /// The token and a cipher with the session's key.
  mutating func session() throws -> Session {
    _ = try authenticate(try Self.valid())
    return try answered()
  }

  /// The session in the last answer.
  func answered() throws -> Session {
    // Behind an empty acknowledgement, if answers are separate.
    let answer = try #require(answers.last)
    let message = try MessageView(answer.span)
    let text = String(decoding: array(message.payload), as: UTF8.self)
    let random = String(text.split(separator: "\"")[3].prefix(16))
    let token = String(text.split(separator: "\"").dropLast().last ?? "")
    let digest = try Hash.sha256.digest(of: Array("secret,\(random)".utf8).span)
    let key = array(digest.bytes.extracting(8..<24))
    let vector = Array("543yhjy97ae7fyfg".utf8)
    return Session(
      token: Array(token.utf8),
      cipher: try AES128CBC(key: key.span, vector: vector.span)
    )
  }
}

final class Session {
  let token: [UInt8]
  private var cipher: AES128CBC

  init(token: [UInt8], cipher: consuming AES128CBC) {
    self.token = token
    self.cipher = cipher
  }

  func seal(_ text: String) throws -> [UInt8] {
    try seal(Array(text.utf8))
  }

  func seal(_ bytes: [UInt8]) throws -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: bytes.count + 16)
    var writer = ByteWriter(buffer.mutableSpan)
    _ = try cipher.encrypt(bytes.span, into: &writer)
    let count = writer.count
    return Array(buffer[..<count])
  }

  /// The plaintext of a response; `nil` if it cannot be decrypted.
  func open(_ bytes: [UInt8]) throws -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: bytes.count)
    var writer = ByteWriter(buffer.mutableSpan)
    guard try cipher.decrypt(bytes.span, into: &writer) else { return nil }
    let count = writer.count
    return Array(buffer[..<count])
  }
}

@Suite("Device guide 3.6: the platform is strict")
struct SimulatedPlatformTests {
  @Test func `a well-signed auth is taken, in either hex case`() throws {
    var bench = Bench()
    let answer = try bench.authenticate(try Bench.valid())
    #expect(answer.code == .content)
    let upper = try Bench.valid().replacing(
      try Bench.sign("clientIdcdeviceNamedeviceproductKeypk"),
      with: try Bench.sign("clientIdcdeviceNamedeviceproductKeypk").uppercased()
    )
    #expect(try bench.authenticate(upper).code == .content)
    #expect(
      try bench.authenticate(try Bench.valid(#","seq":"10","ackMode":"0""#)).code
        == .unauthorized
    )
  }

  @Test(arguments: [
    (#"{"productKey":"pk"}"#, Code.badRequest), ("[]", .badRequest), ("", .badRequest),
    (#"{"productKey":"pk","deviceName":"other","clientId":"c","sign":"00"}"#, .forbidden),
    (#"{"productKey":"pk","deviceName":"device","clientId":"c","sign":"00"}"#, .unauthorized),
    (
      #"{"productKey":"pk","productKey":"pk","deviceName":"device","clientId":"c","sign":"0"}"#,
      .badRequest
    ),
  ])
  func `a wrong auth is refused`(json: String, code: Code) throws {
    var bench = Bench()
    #expect(try bench.authenticate(json).code == code)
  }

  @Test(arguments: [
    #","seq":10"#, #","seq":"""#, #","seq":"0x10""#, #","timestamp":"now""#, #","ackMode":"2""#,
    #","signmethod":"md5""#, #","other":"1""#,
  ])
  func `a field of the wrong form is refused`(more: String) throws {
    var bench = Bench()
    #expect(try bench.authenticate(try Bench.valid(more)).code == .badRequest)
  }

  @Test func `a hostile field name stays on one line`() throws {
    var bench = Bench()
    let record = try bench.authenticate(
      #"{"a\nb\u001b[2J\#(String(repeating: "x", count: 500))":"1"}"#
    )
    #expect(record.code == .badRequest)
    #expect(record.line.unicodeScalars.allSatisfy { $0.value >= 0x20 })
    #expect(record.note.utf8.count < 200)
  }

  @Test func `options of auth are checked`() throws {
    var bench = Bench()
    let payload = Array(try Bench.valid().utf8)
    #expect(try bench.send(["auth"], [(12, [50]), (17, [42])], payload).code == .notAcceptable)
    #expect(
      try bench.send(["auth"], [(12, [0]), (17, [50])], payload).code
        == .unsupportedContentFormat
    )
    #expect(
      try bench.send(["auth"], [(12, [50]), (17, [0, 0, 50])], payload).code == .badOption
    )
    #expect(try bench.send(["auth"], [(13, [1])], payload).code == .badOption)
    #expect(try bench.send(["auth"], [(17, [50]), (17, [50])], payload).code == .badOption)
    #expect(try bench.send(["auth"], [], [], code: .get).code == .methodNotAllowed)
    #expect(try bench.send(["other"]).code == .notFound)
    #expect(try bench.send(["auth", ""]).code == .badOption)
    #expect(try bench.send(["topic", "..", "pk"]).code == .badOption)
  }

  @Test(arguments: UInt8(1)...31)
  func `the log has the method of a request`(detail: UInt8) throws {
    let code = Code(rawValue: detail)
    let name = code.name ?? "0.\(detail < 10 ? "0" : "")\(detail)"
    for path in [["auth"], ["topic", "pk", "device", "user", "update"], ["elsewhere"]] {
      var bench = Bench()
      let record = try bench.send(path, [(12, [50])], code: code)
      #expect(record.requestMethod == code)
      #expect(record.line.contains("1 \(name) /\(path.joined(separator: "/")) -> 4."))
      #expect(code == .post || !record.line.contains("1 POST"))
    }
  }

  @Test func `a longer payload than 1 KB gets 4.13 everywhere, whatever its length`() throws {
    for count in [1_025, 2_100, 3_000, 16_000] {
      var bench = Bench()
      let session = try bench.session()
      let two = try session.seal("2")
      let payload = try session.seal([UInt8](repeating: 0x61, count: count))
      let path = ["topic", "pk", "device", "user", "update"]
      let report = try bench.send(path, [(2_088, session.token), (2_089, two)], payload)
      #expect(report.code == .requestEntityTooLarge)
      let auth = try Bench.valid().dropLast() + String(repeating: " ", count: count) + "}"
      #expect(try bench.authenticate(String(auth)).code == .requestEntityTooLarge)
    }
  }

  @Test func `a report needs token, number, key and its own topic`() throws {
    var bench = Bench()
    let session = try bench.session()
    let token = session.token
    let two = try session.seal("2")
    let payload = try session.seal("x")
    let path = ["topic", "pk", "device", "user", "update"]
    #expect(try bench.send(path, [(2088, token)], payload).code == .badRequest)
    #expect(try bench.send(path, [(2089, two)], payload).code == .badRequest)
    #expect(
      try bench.send(path, [(2088, Array("t".utf8)), (2089, two)], payload).code == .unauthorized
    )
    for sequence in ["1", "0", "02", " 2", "-2", "x", ""] {
      let sealed = try session.seal(sequence)
      #expect(
        try bench.send(path, [(2088, token), (2089, sealed)], payload).code == .badRequest,
        "seq \(sequence)"
      )
    }
    #expect(
      try bench.send(path, [(2088, token), (2089, two)], [1, 2, 3]).code == .badRequest
    )
    for (other, code) in [
      (["topic", "pk", "other", "x"], Code.forbidden),
      (["topic", "a", "b", "pk", "device", "x"], .forbidden), (["topic", "device"], .notFound),
      (["topic", "ota", "device", "pk", "device"], .notFound),
    ] {
      #expect(try bench.send(other, [(2088, token), (2089, two)], payload).code == code)
    }
    let long = path + [String(repeating: "t", count: 128)]
    #expect(try bench.send(long, [(2088, token), (2089, two)], payload).code == .pathTooLong)
    let accepted = try bench.send(path, [(2088, token), (2089, two)], payload)
    #expect(accepted.code == .content)
    #expect(accepted.payload == Array("x".utf8))
    #expect(accepted.sequence == 2)
    // The same number again.
    #expect(try bench.send(path, [(2088, token), (2089, two)], payload).code == .badRequest)
    let inform = ["topic", "ota", "device", "inform", "pk", "device"]
    let three = try session.seal("3")
    #expect(try bench.send(inform, [(2088, token), (2089, three)], payload).code == .content)
  }

  @Test func `the offset itself is taken only where the rule says so`() throws {
    var bench = Bench { $0.sequenceRule = .greaterOrEqual }
    let session = try bench.session()
    let token = session.token
    let one = try session.seal("1")
    let record = try bench.send(
      ["topic", "pk", "device", "user", "update"],
      [(2088, token), (2089, one)],
      try session.seal("x")
    )
    #expect(record.code == .content)
  }

  @Test func `a duplicate gets the same answer, and is processed once`() throws {
    var bench = Bench()
    _ = try bench.authenticate(try Bench.valid())
    let first = bench.answers
    bench.messageID -= 1
    let again = try bench.authenticate(try Bench.valid())
    #expect(again.kind == .duplicate)
    #expect(bench.answers == first)
  }

  @Test func `random bytes are no trap, and the platform answers after them`() throws {
    var bench = Bench()
    var random = SeededRandom(seed: 77)
    for _ in 0..<20_000 {
      var bytes = (0..<Int.random(in: 0...60, using: &random)).map { _ in
        UInt8.random(in: 0...255, using: &random)
      }
      if bytes.count > 4, Bool.random(using: &random) { bytes[0] = 0x40 }
      _ = bench.platform.handle(bytes, from: 1, at: Instant(milliseconds: 0))
    }
    let answer = try bench.authenticate(try Bench.valid())
    #expect(answer.code == .content)
  }
}
