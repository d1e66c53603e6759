// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import ConstrainedCore
import OpenSSLSupport
import PayloadValues
import PlatformCore
import PlatformSimulator
import TestSupport
import Testing

@Suite("What the platform takes where it is told to, and nothing beside it")
struct LeniencyTests {
  private func bench(_ leniencies: Set<Leniency>) -> Bench {
    Bench {
      $0.leniencies = leniencies
      $0.settingNames.leniencies = "--tolerant"
    }
  }

  /// Sends `/auth` with one leniency, and with all others; returns why it was accepted or refused.
  private func authenticate(
    _ json: String,
    _ leniency: Leniency,
    options: [(UInt16, [UInt8])] = [(12, [50]), (17, [50])]
  ) throws -> (granted: RequestRecord, strict: RequestRecord) {
    var granted = bench([leniency])
    var strict = bench(Set(Leniency.allCases).subtracting([leniency]))
    return (
      try granted.send(["auth"], options, Array(json.utf8)),
      try strict.send(["auth"], options, Array(json.utf8))
    )
  }

  private func expectTaken(
    _ run: (granted: RequestRecord, strict: RequestRecord),
    _ leniency: Leniency,
    refusal: Code = .badRequest
  ) {
    #expect(run.granted.code == .content)
    #expect(run.granted.tolerated.map(\.leniency) == [leniency])
    #expect(run.granted.toleratedLines.count == 1)
    #expect(run.strict.code == refusal)
    #expect(run.strict.note.contains("--tolerant"))
    #expect(run.strict.tolerated.isEmpty)
  }

  @Test(arguments: ["3FA0", "3fa0", "3Fa0", "A", "f", "00ff", "DEADBEEFDEADBEEFDEADBEEF"])
  func `seq in hexadecimal digits of either case`(sequence: String) throws {
    let json = try Bench.valid(#","seq":"\#(sequence)""#, "seq\(sequence)")
    try expectTaken(authenticate(json, .hexadecimalSequence), .hexadecimalSequence)
  }

  @Test(arguments: ["1234", "0", "0007"])
  func `decimal digits need no leniency although they are hexadecimal as well`(
    sequence: String
  ) throws {
    let json = try Bench.valid(#","seq":"\#(sequence)""#, "seq\(sequence)")
    let run = try authenticate(json, .hexadecimalSequence)
    #expect(run.granted.code == .content)
    #expect(run.granted.tolerated.isEmpty)
    #expect(run.strict.code == .content)
  }

  @Test(arguments: ["", "0x10", "1G", "-1", "1 ", "１２", "ａｂ", "1.5", "1e5\\u0000", "+5"])
  func `a seq that is no number is refused by the tolerant platform, too`(sequence: String) throws {
    var tolerant = bench(Set(Leniency.allCases))
    let record = try tolerant.authenticate(
      try Bench.valid(#","seq":"\#(sequence)""#, "seq\(sequence)")
    )
    #expect(record.code == .badRequest)
    #expect(!record.note.contains("--tolerant"))
  }

  @Test(arguments: [
    (#","seq":16"#, "seq16"), (#","seq":0"#, "seq0"),
    (#","seq":18446744073709551615"#, "seq18446744073709551615"),
    (#","timestamp":1524448722000"#, "timestamp1524448722000"),
  ])
  func `a number in place of a text is signed by its digits`(more: String, signed: String) throws {
    try expectTaken(authenticate(try Bench.valid(more, signed), .number), .number)
  }

  @Test func `ackMode as a number counts as the text does`() throws {
    let sign = try Bench.sign("ackMode1clientIdcdeviceNamedeviceproductKeypk")
    let json =
      #"{"productKey":"pk","deviceName":"device","clientId":"c","ackMode":1,"sign":"\#(sign)"}"#
    try expectTaken(authenticate(json, .number), .number)
    let other = json.replacing(#""ackMode":1"#, with: #""ackMode":2"#)
    var tolerant = bench([.number])
    #expect(try tolerant.authenticate(other).code == .badRequest)
  }

  @Test(arguments: [
    #","seq":-1"#, #","seq":1.5"#, #","seq":true"#, #","seq":null"#, #","seq":[1]"#,
    #","seq":{"a":{"b":1}}"#, #","seq":1e400"#, #","seq":99999999999999999999999"#,
    #","seq":1,"seq":1"#, #","seq":1,"seq":"1""#, #","signmethod":1"#, #","version":1"#,
  ])
  func `other values, and numbers in other fields, are refused by the tolerant platform, too`(
    more: String
  ) throws {
    var tolerant = bench(Set(Leniency.allCases))
    #expect(try tolerant.authenticate(try Bench.valid(more, "seq1")).code == .badRequest)
  }

  @Test func `a number is taken in CBOR as in JSON`() throws {
    let json = try Bench.valid(#","seq":16"#, "seq16")
    let payload = try #require(PayloadValue(Array(json.utf8), .json)).encoded(.cbor)
    var granted = bench([.number])
    let record = try granted.send(["auth"], [(12, [60])], payload)
    #expect(record.code == .content)
    #expect(record.tolerated.map(\.leniency) == [.number])
    var strict = bench([])
    #expect(try strict.send(["auth"], [(12, [60])], payload).note.contains("--tolerant"))
  }

  @Test(arguments: [
    "HmacMD5", "hmacMd5", "Hmacmd5", "HMACMD5", "HmacSHA1", "hmacSha1", "HMACSHA1", "hmacSha256",
    "HMACSHA256", "HmacSha256",
  ])
  func `signmethod in any case`(method: String) throws {
    let hash: Hash =
      switch method.lowercased() {
      case "hmacmd5": .md5
      case "hmacsha1": .sha1
      default: .sha256
      }
    let content = Array("clientIdcdeviceNamedeviceproductKeypk".utf8)
    let secret = Bench.secret
    let mac = try hash.hmac(key: secret.span, content: content.span)
    let sign = hexText(mac.bytes)
    for name in ["signmethod", "signMethod", "SIGNMETHOD"] {
      let json =
        #"{"productKey":"pk","deviceName":"device","clientId":"c","\#(name)":"\#(method)","#
        + #""sign":"\#(sign)"}"#
      let run = try authenticate(json, .signMethodCase)
      #expect(run.granted.code == .content)
      #expect(Set(run.granted.tolerated.map(\.leniency)) == [.signMethodCase])
      #expect(run.strict.code == .badRequest)
      #expect(run.strict.note.contains("--tolerant"))
    }
  }

  @Test(arguments: [
    #","signmethod":"md5""#, #","signmethod":"Sha256""#, #","signmethod":"hmac-sha1""#,
    #","signmethod":"""#, #","signmethod":"hmacmd5","signMethod":"hmacmd5""#,
    #","SignMethod":"hmacmd5","signMethod":"hmacmd5""#, #","Seq":"1""#, #","SIGN":"1""#,
  ])
  func `other methods and other names are refused by the tolerant platform, too`(
    more: String
  ) throws {
    var tolerant = bench(Set(Leniency.allCases))
    #expect(try tolerant.authenticate(try Bench.valid(more)).code == .badRequest)
  }

  @Test func `a sign that does not fit stays refused, with the leniencies told of`() throws {
    var tolerant = bench(Set(Leniency.allCases))
    let record = try tolerant.authenticate(try Bench.valid(#","seq":"AB""#, "seqab"))
    #expect(record.code == .unauthorized)
    #expect(record.tolerated.map(\.leniency) == [.hexadecimalSequence])
  }

  @Test func `auth without Content-Format counts as JSON`() throws {
    let json = try Bench.valid()
    for options: [(UInt16, [UInt8])] in [[], [(17, [50])], [(17, [60])], [(12, [0, 0, 50])]] {
      try expectTaken(
        authenticate(json, .missingContentFormat, options: options),
        .missingContentFormat,
        refusal: .unsupportedContentFormat
      )
    }
    var tolerant = bench(Set(Leniency.allCases))
    let cbor = try #require(PayloadValue(Array(json.utf8), .json)).encoded(.cbor)
    #expect(try tolerant.send(["auth"], [], cbor).code == .badRequest)
    for format: UInt8 in [0, 42, 41, 61] {
      let record = try tolerant.send(["auth"], [(12, [format])], Array(json.utf8))
      #expect(record.code == .unsupportedContentFormat)
      #expect(!record.note.contains("--tolerant"))
    }
  }

  @Test func `Accept 42 is answered in the request's format`() throws {
    let json = try Bench.valid()
    try expectTaken(
      authenticate(json, .acceptOctetStream, options: [(12, [50]), (17, [42])]),
      .acceptOctetStream,
      refusal: .notAcceptable
    )
    var tolerant = try ThingBench { $0.leniencies = [.acceptOctetStream] }
    let value = PlatformSimulatorTests.json(EnvelopeTests.good) ?? .null
    let answer = try tolerant.send(
      EnvelopeTests.path,
      value.encoded(.cbor),
      contentFormat: 60,
      accept: 42
    )
    #expect(answer.contentFormat == 60)
    #expect(answer.code == 200)
    let pulled = try tolerant.send("pull", Array(#"{"pageSize":"1"}"#.utf8), accept: 42)
    #expect(pulled.record.code == .content)
    #expect(pulled.record.tolerated.map(\.leniency) == [.acceptOctetStream])
    for accept: UInt8 in [0, 41, 43, 61] {
      let other = try tolerant.send(EnvelopeTests.path, [1], accept: accept)
      #expect(other.record.code == .notAcceptable)
      #expect(!other.record.note.contains("leniencies"))
    }
  }

  @Test func `the offset itself is a number, one below it is none`() throws {
    for (number, isTaken) in [("7", true), ("6", false), ("8", true), ("0", false)] {
      var granted = Bench {
        $0.leniencies = [.offsetAsSequence]
        $0.sequenceOffset = 7
      }
      let session = try granted.session()
      let path = ["topic", "pk", "device", "user", "update"]
      let options = [(UInt16(2_088), session.token), (2_089, try session.seal(number))]
      let record = try granted.send(path, options, try session.seal("x"))
      #expect((record.code == .content) == isTaken, "\(number)")
      #expect(record.tolerated.map(\.leniency) == (number == "7" ? [.offsetAsSequence] : []))
      // Only once, as for any other report.
      #expect(try granted.send(path, options, try session.seal("x")).code == .badRequest)
    }
  }

  @Test func `where the rule takes the offset, no leniency is needed`() throws {
    var bench = Bench { $0.sequenceRule = .greaterOrEqual }
    let session = try bench.session()
    let options = [(UInt16(2_088), session.token), (2_089, try session.seal("1"))]
    let record = try bench.send(
      ["topic", "pk", "device", "user", "update"],
      options,
      try session.seal("x")
    )
    #expect(record.code == .content)
    #expect(record.tolerated.isEmpty)
  }

  @Test func `one token in both options is taken, two tokens are not`() throws {
    for isSame in [true, false] {
      var granted = Bench { $0.leniencies = Set(Leniency.allCases) }
      let session = try granted.session()
      let other = isSame ? session.token : Array("another".utf8)
      let record = try granted.send(
        ["topic", "pk", "device", "user", "update"],
        [(61, other), (2_088, session.token), (2_089, try session.seal("2"))],
        try session.seal("x")
      )
      #expect(record.code == (isSame ? .content : .badOption))
    }
    // 2088 is elective: a platform that reads 61 ignores it.
    var old = Bench {
      $0.leniencies = Set(Leniency.allCases)
      $0.tokenOption = 61
    }
    let session = try old.session()
    let record = try old.send(
      ["topic", "pk", "device", "user", "update"],
      [(61, session.token), (2_088, Array("another".utf8)), (2_089, try session.seal("2"))],
      try session.seal("x")
    )
    #expect(record.code == .content)
    #expect(record.tolerated.isEmpty)
  }

  @Test func `a token that nobody has is refused without a diagnostic`() throws {
    var strict = bench([])
    let session = try strict.session()
    let record = try strict.send(
      ["topic", "pk", "device", "user", "update"],
      [(61, Array("nobody's".utf8)), (2_089, try session.seal("2"))],
      try session.seal("x")
    )
    #expect(record.code == .badOption)
    #expect(record.note.contains("--tolerant"))
    #expect(try payload(of: strict.answers[0]).isEmpty)
  }

  @Test func `a duplicate has needed nothing`() throws {
    var granted = bench(Set(Leniency.allCases))
    let json = try Bench.valid(#","seq":16"#, "seq16")
    #expect(try granted.authenticate(json).tolerated.count == 1)
    granted.messageID -= 1
    let again = try granted.authenticate(json)
    #expect(again.kind == .duplicate)
    #expect(again.toleratedLines.isEmpty)
  }

  @Test func `a hostile name or method stays on one line`() throws {
    var tolerant = bench(Set(Leniency.allCases))
    for json in [
      #"{"SIGNMETHOD\n\u001b[2J":"1"}"#, try Bench.valid(#","signmethod":"HMACMD5\n\u001b[2J""#),
    ] {
      let record = try tolerant.authenticate(json)
      #expect(record.code == .badRequest)
      for line in [record.line] + record.toleratedLines {
        #expect(line.unicodeScalars.allSatisfy { $0.value >= 0x20 })
      }
    }
  }
}
