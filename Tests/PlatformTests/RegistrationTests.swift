// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import OpenSSLSupport
import PayloadCoding
import Platform
import PlatformMQTT
import TestSupport
import Testing

/// A generator that counts, so that its results are predictable.
private struct Counting: RandomSource {
  var value: UInt64 = 0x0706_0504_0302_0100

  mutating func next() -> UInt64 {
    defer { value += 0x0808_0808_0808_0808 }
    return value
  }
}

@Suite("Device guide 6.2: dynamic registration")
struct RegistrationTests {
  func request(
    _ deviceName: String = "deviceName1234",
    random: String = "random123",
    _ method: SignMethod = .hmacMD5
  ) throws -> RegistrationRequest {
    try RegistrationRequest(
      identity("1234556554", deviceName),
      random: Array(random.utf8).span,
      signMethod: method
    )
  }

  @Test(arguments: [
    (Hash.md5, "17b11cb2a8c50c1cffae83234deaf0c7"),
    (.sha1, "a348bfc5bf43d7a1fae217ffb31d08b4f2362cf9"),
    (.sha256, "2889e1fd1bfc33035a7294bc4e2aa4377b9911121c0eb1c3e150ec4f4cb897f5"),
  ])
  func `the synthetic signs of the guide's registration example`(
    hash: Hash,
    expected: String
  ) throws {
    let request = try request(random: "123")
    let content = try text { try request.writeSigningContent(into: &$0) }
    #expect(content == "deviceNamedeviceName1234productKey1234556554random123")
    let made = try sign(hash, secret: "productSecret", content)
    #expect(made == expected)
  }

  @Test func `the synthetic password of the second document's first step`() throws {
    let names = try identity("xxx", "device1")
    let request = try RegistrationRequest(names, random: Array("789".utf8).span)
    let content = try text { try request.writeSigningContent(into: &$0) }
    #expect(content == "deviceNamedevice1productKeyxxxrandom789")
    let made = try sign(.sha1, secret: "Rhkkj6K6BhlhyUW7", content)
    #expect(made == "99203ea68d6f0a1efe161365f163d8ad04328a0a")
  }

  @Test func `the second document's client id of the first step`() throws {
    let names = try identity("ggrycEBOq8u", "hello")
    let registration = try RegistrationRequest(
      names,
      random: Array("789".utf8).span,
      signMethod: .hmacSHA1
    )
    var request = MQTTRegistrationRequest(registration)
    let (client, instance) = (Array("ailink".utf8), Array("iot-06z00ez08936hvm".utf8))
    let known = try text {
      try request.writeClientID(client.span, instanceID: instance.span, into: &$0)
    }
    #expect(
      known == "ailink|securemode=2,authType=register,random=789,signmethod=hmacsha1,"
        + "instanceId=iot-06z00ez08936hvm|"
    )
    request.kind = .unregistered
    let none: [UInt8] = []
    let unknown = try text {
      try request.writeClientID(client.span, instanceID: none.span, into: &$0)
    }
    #expect(
      unknown == "ailink|securemode=-2,authType=regnwl,random=789,signmethod=hmacsha1|"
    )
    let user = try text { try MQTTConnectRequest.writeUserName(names, into: &$0) }
    #expect(user == "hello&ggrycEBOq8u")
  }

  @Test func `the form has the guide's fields in the guide's order`() throws {
    let signature = hex("0aff")
    let plain = try text { try request().writeForm(signature: signature.span, into: &$0) }
    #expect(
      plain == "productKey=1234556554&deviceName=deviceName1234&random=random123&sign=0aff"
        + "&signMethod=hmacmd5"
    )
    let escaped = try text {
      try request("a@b:c-d_e.f", .hmacSHA256).writeForm(signature: signature.span, into: &$0)
    }
    #expect(escaped.contains("&deviceName=a%40b%3Ac-d_e.f&"))
    #expect(escaped.hasSuffix("&signMethod=hmacsha256"))
  }

  @Test func `the JSON has the members of the platform's C SDK v4, and a random of 24 digits`()
    throws
  {
    var source = Counting()
    let request = RegistrationRequest(try identity("a1B2c3D4e5F", "device1"), drawing: &source)
    let signature = [UInt8](repeating: 0xAB, count: 32)
    let json = try text { try request.writeJSON(signature: signature.span, into: &$0) }
    #expect(
      json == #"{"signmethod":"hmacsha256","deviceName":"device1","productKey":"a1B2c3D4e5F","#
        + #""random":"000102030405060708090A0B","sign":""# + String(repeating: "ab", count: 32)
        + #""}"#
    )
  }

  @Test(arguments: ["", String(repeating: "r", count: 33), "a b", "a=b", "é"])
  func `another random is refused`(random: String) {
    #expect(throws: RegistrationRequestError.random) { try request(random: random) }
  }

  @Test func `an output without room stays as it was`() throws {
    let request = try request()
    let signature = [UInt8](repeating: 1, count: 32)
    var storage = [UInt8](repeating: 0xA5, count: 100)
    var writer = ByteWriter(storage.mutableSpan)
    try writer.append("before")
    #expect(throws: CapacityError()) {
      try request.writeForm(signature: signature.span, into: &writer)
    }
    let count = writer.count
    #expect(count == 6)
  }
}

@Suite("Device guide 6.2: the answer to a registration")
struct RegistrationAnswerTests {
  /// The result of parsing, in comparable values.
  struct Reading: Equatable {
    var secret = ""
    var code: UInt64?
    var message = ""
    var isSuccess = false
  }

  func read(_ json: [UInt8]) throws(RegistrationAnswerError) -> Reading {
    let answer = try RegistrationAnswer(json: json.span)
    return Reading(
      secret: String(decoding: array(answer.deviceSecret.bytes), as: UTF8.self),
      code: answer.code,
      message: String(decoding: array(answer.message.bytes), as: UTF8.self),
      isSuccess: answer.isSuccess
    )
  }

  @Test(arguments: [
    (
      #"{"code":200,"data":{"productKey":"1234556554","deviceName":"deviceName1234","#
        + #""deviceSecret":"adsfweafdsf"},"message":"success"}"#,
      Reading(secret: "adsfweafdsf", code: 200, message: "success", isSuccess: true)
    ),
    (
      #"{"code":"200","data":{"deviceSecret":"s","more":[1,{"deviceSecret":"x"}]}}"#,
      Reading(secret: "s", code: 200, isSuccess: true)
    ),
    (#" {"deviceSecret":"flat"} "#, Reading(secret: "flat", isSuccess: true)),
    (
      #"{"code":6288,"message":"no","data":null}"#,
      Reading(code: 6_288, message: "no", isSuccess: false)
    ),
    (#"{"code":460,"data":"text"}"#, Reading(code: 460, isSuccess: false)),
    (
      #"{"code":500,"data":{"deviceSecret":"s"}}"#,
      Reading(secret: "s", code: 500, isSuccess: false)
    ),
  ])
  func `an answer is taken in every form`(json: String, expected: Reading) throws {
    let reading = try read(Array(json.utf8))
    #expect(reading == expected)
  }

  @Test(arguments: [
    ("", RegistrationAnswerError.json(.truncated)), ("[]", .notAnObject), ("7", .notAnObject),
    ("{}", .deviceSecret), (#"{"code":200,"data":{}}"#, .deviceSecret),
    (#"{"deviceSecret":""}"#, .deviceSecret), (#"{"deviceSecret":7}"#, .deviceSecret),
    (#"{"code":true,"deviceSecret":"s"}"#, .code), (#"{"code":-1}"#, .code),
    (#"{"code":1,"code":2}"#, .repeated), (#"{"data":{},"data":{}}"#, .repeated),
    (#"{"deviceSecret":"a","data":{"deviceSecret":"b"}}"#, .repeated),
    (#"{"message":1,"message":2}"#, .repeated),
    (#"{"deviceName":"123456789012345678901234567890123"}"#, .names),
    (#"{"deviceSecret":"s"} x"#, .json(.unexpectedByte(offset: 21))),
  ])
  func `what is no answer is refused`(json: String, expected: RegistrationAnswerError) {
    #expect(throws: expected) { try read(Array(json.utf8)) }
  }

  @Test func `a secret of 128 bytes is taken and one of 129 is not`() throws {
    func json(_ count: Int) -> [UInt8] {
      Array(#"{"deviceSecret":"\#(String(repeating: "s", count: count))"}"#.utf8)
    }
    let reading = try read(json(128))
    #expect(reading.secret.count == 128)
    #expect(throws: RegistrationAnswerError.deviceSecret) { try read(json(129)) }
  }

  @Test func `an answer for another device is known`() throws {
    let json = Array(
      #"{"deviceSecret":"s","productKey":"pk","deviceName":"device"}"#.utf8
    )
    var answer = try RegistrationAnswer(json: json.span)
    let (own, other) = (try identity("pk", "device"), try identity("pk", "device2"))
    let fits = (answer.isFor(own), answer.isFor(other))
    #expect(fits == (true, false))
    answer.withDeviceSecretStorage { wipe(&$0) }
    let wiped = array(answer.deviceSecret.bytes)
    #expect(wiped == [0])
  }

  @Test func `no truncation and no flipped bit traps`() {
    let json = Array(
      (#"{"code":200,"data":{"productKey":"1234556554","deviceName":"deviceName1234","#
        + #""deviceSecret":"ads\u00fcf"},"message":"success"}"#).utf8
    )
    for count in 0..<json.count {
      #expect(throws: RegistrationAnswerError.self) { try read(Array(json[..<count])) }
    }
    for bit in 0..<json.count * 8 {
      var flipped = json
      flipped[bit / 8] ^= 1 << UInt8(bit % 8)
      _ = try? read(flipped)
    }
  }
}
