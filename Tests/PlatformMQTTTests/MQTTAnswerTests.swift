// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import PayloadCoding
import Platform
import PlatformMQTT
import TestSupport
import Testing

func identity(_ clientID: String? = nil) throws -> DeviceIdentity {
  let key = Array("pk".utf8)
  let name = Array("device".utf8)
  guard let clientID else {
    return try DeviceIdentity(productKey: key.span, deviceName: name.span)
  }
  let own = Array(clientID.utf8)
  return try DeviceIdentity(productKey: key.span, deviceName: name.span, clientID: own.span)
}

@Suite("MQTT 3.1.1 Section 3.2.2.3: the number in CONNACK, with both readings")
struct ConnackCodeTests {
  @Test(
    arguments: [
      (0, .accepted, .accepted), (1, .protocolVersion, .protocolVersion),
      (2, .identifier, .protocolVersion), (3, .unavailable, .identifier),
      (4, .credentials, .unavailable), (5, .notAuthorized, .notAuthorized), (6, nil, nil),
      (255, nil, nil),
    ] as [(UInt8, ConnackMeaning?, ConnackMeaning?)]
  )
  func `each number has the standard's meaning and that of public SDKs`(
    number: UInt8,
    standard: ConnackMeaning?,
    other: ConnackMeaning?
  ) {
    let code = ConnackCode(rawValue: number)
    #expect(code.standardMeaning == standard)
    #expect(code.publicMeaning == other)
    #expect(code.description.contains("\(number)"))
    #expect(!code.advice.isEmpty)
  }

  @Test func `a refused version sends nobody to an option that no program has`() {
    #expect(ConnackCode.protocolVersion.advice.contains("takes 3.1.1: check host and port"))
  }

  @Test func `where the readings differ both are told`() {
    #expect(
      ConnackCode.credentials.description
        == "CONNACK 4: bad user name or password (MQTT 3.1.1), or, as the platform's public SDKs "
        + "read it, server unavailable"
    )
    #expect(ConnackCode.notAuthorized.description == "CONNACK 5: not authorized")
    #expect(ConnackCode(rawValue: 77).description == "CONNACK 77, which MQTT 3.1.1 reserves")
  }
}

@Suite("Device guide 3.1 and 3.2: what the platform would refuse is refused before")
struct MQTTSettingsTests {
  @Test(arguments: [30, 300, 1_200]) func `a keep-alive within the range is taken`(
    seconds: Int
  ) throws {
    #expect(try MQTTKeepAlive(seconds: seconds).seconds == seconds)
  }

  @Test(arguments: [Int.min, -1, 0, 29, 1_201, 65_536 + 300, Int.max])
  func `a keep-alive outside of it is refused`(seconds: Int) {
    #expect(throws: MQTTSettingsError.keepAlive(seconds)) { try MQTTKeepAlive(seconds: seconds) }
  }

  @Test func `a bar ends a client id too soon, and 65 bytes are too many`() throws {
    let bad = try identity("a|b")
    #expect(throws: MQTTSettingsError.clientIDBar(offset: 1)) { try MQTTConnectRequest.check(bad) }
    try MQTTConnectRequest.check(try identity())
    try MQTTConnectRequest.check(try identity(String(repeating: "x", count: 64)))
    #expect(throws: IdentityError.clientIDLength(65)) {
      try identity(String(repeating: "x", count: 65))
    }
  }

  @Test func `notices and system topics are asked for where they are set`() throws {
    var request = MQTTConnectRequest(signMethod: .hmacSHA256, timestamp: 7)
    request.wantsNotices = true
    request.wantsSystemTopics = true
    var text = FixedBytes<256>()
    let names = try identity("c")
    try text.write { (writer: inout ByteWriter) throws(CapacityError) in
      try request.writeClientID(names, into: &writer)
    }
    let made = asText(text.bytes)
    #expect(made == "c|securemode=2,signmethod=hmacsha256,timestamp=7,ext=3,_ss=1|")
  }
}

@Suite("What the platform says on /ext/notify")
struct MQTTNoticeTests {
  @Test func `a kick is known by its title`() {
    #expect(notice(#"{"title":"kick","content":"Kicked by the same device"}"#) == .kicked)
    #expect(notice(#" {"content":{"a":[1,{}]},"title":"kick"} "#) == .kicked)
  }

  @Test(arguments: [
    "", "{}", "kick", #"["title","kick"]"#, #"{"title":"Kick"}"#, #"{"title":["kick"]}"#,
    #"{"a":{"title":"kick"}}"#, #"{"title":"kick"#, #"{"title":"kick"}}"#, #"{"title":"kick"} x"#,
    #"{"title":"kick","title":"kick"}"#, #"{"title":"x","title":"kick"}"#, #"{"title":1}"#, "\u{0}",
  ])
  func `anything else is no kick`(json: String) { #expect(notice(json) == .other) }

  private func notice(_ json: String) -> MQTTNotice {
    let bytes = Array(json.utf8)
    return MQTTNotice(json: bytes.span)
  }
}

@Suite("Dynamic registration over MQTT: what comes on /ext/register")
struct MQTTRegistrationAnswerTests {
  @Test func `a secret for the device that asked is taken`() throws {
    let json = #"{"productKey":"pk","deviceName":"device","deviceSecret":"s3cr\u0065t","more":[1]}"#
    #expect(try secret(json) == "s3cret")
  }

  @Test func `a token and a client id are taken by a device that was not known`() throws {
    let json = Array(
      #"{"clientId":"c1","productKey":"pk","deviceName":"device","deviceToken":"t"}"#.utf8
    )
    var answer = try MQTTRegistrationAnswer(json: json.span, for: identity(), kind: .unregistered)
    #expect(asText(answer.clientID.bytes) == "c1")
    #expect(asText(answer.secret.bytes) == "t")
    answer.withSecretStorage { for index in $0.indices { $0[index] = 0 } }
    #expect(asText(answer.secret.bytes) == "\0")
  }

  @Test(
    arguments: [
      (#"{"productKey":"pk","deviceName":"other1","deviceSecret":"s"}"#, .otherDevice),
      (#"{"productKey":"pk2","deviceName":"device","deviceSecret":"s"}"#, .otherDevice),
      (#"{"deviceSecret":"s"}"#, .otherDevice),
      (#"{"productKey":"pk","deviceSecret":"s"}"#, .otherDevice),
      (#"{"productKey":7,"deviceName":"device","deviceSecret":"s"}"#, .otherDevice),
      (#"{"productKey":"pk","deviceName":"device"}"#, .secret),
      (#"{"productKey":"pk","deviceName":"device","deviceSecret":""}"#, .secret),
      (#"{"productKey":"pk","deviceName":"device","deviceSecret":null}"#, .secret),
      (#"{"productKey":"pk","deviceName":"device","deviceToken":"t","clientId":"c"}"#, .secret),
      (
        #"{"productKey":"pk","deviceName":"device","deviceSecret":"s","deviceSecret":"s"}"#,
        .repeated
      ),
      (
        #"{"productKey":"pk","productKey":"pk","deviceName":"device","deviceSecret":"s"}"#,
        .repeated
      ),
      (#"["productKey"]"#, .notAnObject),
      (
        #"{"productKey":"pk","deviceName":"device","deviceSecret":"s"} 1"#,
        .json(.unexpectedByte(offset: 61))
      ),
      ("", .json(.truncated)),
    ] as [(String, MQTTRegistrationAnswerError)]
  )
  func `anything else is refused with its reason`(json: String, error: MQTTRegistrationAnswerError)
  {
    #expect(throws: error) { try secret(json) }
  }

  @Test func `a secret may have 128 bytes and no more`() throws {
    func json(_ count: Int) -> String {
      #"{"productKey":"pk","deviceName":"device","deviceSecret":""#
        + String(repeating: "s", count: count)
        + #""}"#
    }
    #expect(try secret(json(128)).count == 128)
    #expect(throws: MQTTRegistrationAnswerError.secret) { try secret(json(129)) }
  }

  @Test func `every truncation throws`() throws {
    let json = #"{"productKey":"pk","deviceName":"device","deviceSecret":"secret"}"#
    for count in 0..<json.count {
      #expect(throws: (any Error).self) { try secret(String(json.prefix(count))) }
    }
  }

  private func secret(_ json: String) throws -> String {
    let bytes = Array(json.utf8)
    let answer = try MQTTRegistrationAnswer(json: bytes.span, for: identity())
    return asText(answer.secret.bytes)
  }
}

/// The text that bytes are.
func asText(_ bytes: Span<UInt8>) -> String { String(decoding: array(bytes), as: UTF8.self) }
