// SPDX-License-Identifier: Apache-2.0
import CBORPayload
import ConstrainedCore
import PayloadCoding
import Platform
import PlatformCoAP
import PlatformHTTPS
import PlatformMQTT
import TestSupport
import Testing

/// The bytes as text.
private func text<let capacity: Int>(_ bytes: FixedBytes<capacity>) -> String {
  String(decoding: array(bytes.bytes), as: UTF8.self)
}

@Suite("Device guide 3.2 and 3.8: the answers over HTTPS")
struct PlatformHTTPSAnswerTests {
  @Test func `the printed answer to an authentication of 3.8`() throws {
    let json = Array(
      #"{"code": 0, "message": "success", "info": {"token": "6944e5bfb92e4d4ea3918d1eda3942f6"}}"#
        .utf8
    )
    let answer = try PlatformHTTPSAnswer(authentication: json.span)
    #expect(answer.code == .success)
    #expect(text(answer.message) == "success")
    #expect(text(answer.token) == "6944e5bfb92e4d4ea3918d1eda3942f6")
    #expect(answer.messageID.isEmpty)
  }

  /// 892687627916247040 is above 2^53: the neighbouring integer distinguishes an exact integer from
  /// a Double.
  @Test(arguments: [
    (
      #"{"code": 0, "message": "success", "info": {"messageId": 892687627916247040,}}"#,
      "892687627916247040"
    ),
    (#"{"code":"0","info":{"messageId":892687627916247041,},}"#, "892687627916247041"),
    (#"{"code":0,"info":{"messageId":"892687627916247042"}}"#, "892687627916247042"),
    (#"{"code":0,"info":{"messageId":18446744073709551615}}"#, "18446744073709551615"),
    // What is no id does not undo a report that was accepted.
    (#"{"code":0,"info":{"messageId":-5}}"#, ""), (#"{"code":0,"info":{"messageId":1.5}}"#, ""),
    (#"{"code":0,"info":{"messageId":{"a":[1]},"x":1}}"#, ""),
    (#"{"code":0,"info":{"messageId":""}}"#, ""),
    (#"{"code":0,"info":{"messageId":"\#(String(repeating: "1", count: 65))"}}"#, ""),
    (#"{"code":0}"#, ""), (#"{"code":0,"info":null,"x":[[{}]]}"#, ""),
  ])
  func `the printed answer to a report, its comma and its message id`(
    json: String,
    messageID: String
  ) throws {
    let bytes = Array(json.utf8)
    let answer = try PlatformHTTPSAnswer(report: bytes.span)
    #expect(answer.code == .success)
    #expect(text(answer.messageID) == messageID)
  }

  @Test(arguments: [
    ("", HTTPSAnswerError.json(.truncated)), ("[]", .notAnObject), ("{}", .member(.code)),
    (#"{"code":0}"#, .member(.token)), (#"{"code":0,"info":{"token":""}}"#, .member(.token)),
    (#"{"code":1.5}"#, .member(.code)), (#"{"code":0,"code":0}"#, .repeated(.code)),
    (#"{"code":0,"info":{},"info":{}}"#, .repeated(.info)),
    (#"{"code":0,"info":{"token":"a","token":"a"}}"#, .repeated(.token)),
    (#"{"code":0,"info":{"messageId":1.5}}"#, .member(.messageID)),
    (#"{"code":0,"info":{"messageId":18446744073709551616}}"#, .member(.messageID)),
    (#"{"code":0,,}"#, .json(.unexpectedByte(offset: 10))),
    (#"{"code":0} x"#, .json(.unexpectedByte(offset: 11))),
  ])
  func `what is no answer of 3.8 is refused`(json: String, error: HTTPSAnswerError) {
    let bytes = Array(json.utf8)
    #expect(throws: error) { _ = try PlatformHTTPSAnswer(authentication: bytes.span) }
    #expect(!error.description.isEmpty)
  }

  @Test(
    arguments: [
      (0, ResponseMeaning.success), (10_000, .retryLater), (10_001, .refusal), (20_000, .refusal),
      (20_001, .authenticateAgain), (20_002, .refusal), (20_003, .authenticateAgain),
      (20_004, .retryLater), (30_001, .retryLater), (40_000, .retryLater), (1, .refusal),
    ] as [(UInt64, ResponseMeaning)]
  )
  func `each code of 3.8 has words and a meaning`(number: UInt64, meaning: ResponseMeaning) {
    let code = HTTPSCode(rawValue: number)
    #expect(code.meaning == meaning)
    #expect(code.description.hasPrefix("\(number) "))
    #expect(code.description.contains("unknown to the device guide") == (number == 1))
  }

  @Test func `the printed answer of 3.2, with host and port, and without`() throws {
    let json = Array(
      #"{"code":200,"data":{"iotId":"42Ze0mk3556498a1AlTP","iotToken":"0d7fdeb9dc1f4344a2cc0d45edcb0bcb","#
        .utf8
    )
    let resources = Array(
      #""resources":{"mqtt":{"host":"xxx.iot-as-mqtt.cn-shanghai.aliyuncs.com","port":1883}}},"message":"success"}"#
        .utf8
    )
    let whole = json + resources
    let answer = try MQTTAuthenticationAnswer(json: whole.span)
    #expect(answer.isSuccess)
    #expect(text(answer.iotID) == "42Ze0mk3556498a1AlTP")
    #expect(text(answer.iotToken) == "0d7fdeb9dc1f4344a2cc0d45edcb0bcb")
    #expect(text(answer.host) == "xxx.iot-as-mqtt.cn-shanghai.aliyuncs.com")
    #expect(answer.port == 1_883)
    let bare = json.dropLast() + Array("}}".utf8)
    let other = try MQTTAuthenticationAnswer(json: Array(bare).span)
    #expect(other.isSuccess && other.host.isEmpty && other.port == nil)
    let refusal = Array(#"{"code":"5001","data":"","message":"meta device not found"}"#.utf8)
    let refused = try MQTTAuthenticationAnswer(json: refusal.span)
    #expect(refused.code == 5_001 && !refused.isSuccess)
    #expect(text(refused.message) == "meta device not found")
  }

  @Test(arguments: [
    (#"{"code":200}"#, HTTPSAnswerError.member(.iotID)),
    (#"{"code":200,"data":{"iotId":"a"}}"#, .member(.iotToken)),
    (#"{"data":{"iotId":"a","iotToken":"b"}}"#, .member(.code)),
    (
      #"{"code":200,"data":{"iotId":"a","iotToken":"b","resources":{"mqtt":{"port":65536}}}}"#,
      .member(.port)
    ),
    (#"{"code":200,"data":{"iotId":"a","iotId":"a"}}"#, .repeated(.iotID)),
    (#"{"code":200,"data":{},"data":{}}"#, .repeated(.data)),
  ])
  func `what is no answer of 3.2 is refused`(json: String, error: HTTPSAnswerError) {
    let bytes = Array(json.utf8)
    #expect(throws: error) { _ = try MQTTAuthenticationAnswer(json: bytes.span) }
  }

  @Test func `no flipped bit and no cut of an answer traps`() {
    let json = Array(
      #"{"code":200,"data":{"iotId":"a","iotToken":"b","resources":{"mqtt":{"host":"h","port":1}}}}"#
        .utf8
    )
    let report = Array(#"{"code":0,"info":{"messageId":892687627916247040,"token":"t",}}"#.utf8)
    for bytes in [json, report] {
      for bit in 0..<bytes.count * 8 {
        var flipped = bytes
        flipped[bit / 8] ^= 1 << (bit % 8)
        _ = try? MQTTAuthenticationAnswer(json: flipped.span)
        _ = try? PlatformHTTPSAnswer(report: flipped.span)
      }
      for count in bytes.indices {
        let cut = Array(bytes[..<count])
        #expect(throws: HTTPSAnswerError.self) { try MQTTAuthenticationAnswer(json: cut.span) }
        #expect(throws: HTTPSAnswerError.self) { try PlatformHTTPSAnswer(report: cut.span) }
      }
    }
  }
}

@Suite("Option 2090: the platform's message id as it is shown")
struct PlatformMessageIDTests {
  @Test(arguments: [
    // ASCII digits.
    ("383932363837363237393136323437303430", "892687627916247040"), ("30", "0"), ("303031", "001"),
    ("3132333435363738", "12345678"),
    // Numbers of up to 8 bytes.
    ("0c6376aafd646a86", "892687627917224582"), ("01", "1"), ("0100", "256"),
    ("ffffffffffffffff", "18446744073709551615"), ("2f", "47"), ("3a", "58"), ("00", "0"),
    // Neither of the two.
    ("010203040506070809", "010203040506070809"), ("61626364656667686970", "61626364656667686970"),
    ("", ""),
  ])
  func `digits as they stand, up to 8 bytes as a number, else hexadecimal`(
    value: String,
    shown: String
  ) {
    let bytes = hex(value)
    #expect(PlatformMessageID.text(bytes.span) == shown)
  }
}

@Suite("Device guide 3.6: /auth in CBOR")
struct CBORAuthenticationTests {
  @Test func `the request has the same members, and the answer is read`() throws {
    let names = try identity("pk", "device", clientID: "c")
    let signature = hex("00ff")
    var storage = [UInt8](repeating: 0xA5, count: 256)
    var writer = ByteWriter(storage.mutableSpan)
    let request = AuthenticationRequest(signMethod: .hmacSHA1, sequence: 10)
    try request.writePayload(names, signature: signature.span, as: CBORWriter.self, into: &writer)
    let count = writer.count
    // A map of 6, all of them texts.
    #expect(
      Array(storage[..<count])
        == hex("a6 6a 70726f647563744b6579 62 706b 6a 6465766963654e616d65 66 646576696365")
        + hex("68 636c69656e744964 61 63 64 7369676e 64 30304646")
        + hex("6a 7369676e6d6574686f64 68 686d616373686131 63 736571 62 3130")
    )
    // {"random": "ad", "seqOffset": 1, "token": "t"}
    let answer = hex("a3 66 72616e646f6d 62 6164 69 7365714f6666736574 01 65 746f6b656e 61 74")
    let read = try AuthenticationAnswer(CBORReader(received: answer.span))
    #expect(text(read.token) == "t" && text(read.random) == "ad")
    #expect(read.sequenceOffset == 1)
  }

  @Test(arguments: [
    ("", AuthenticationAnswerError.malformed), ("80", .notAnObject), ("a0", .token),
    ("a1 65 746f6b656e 60", .token), ("a1 65 746f6b656e 01", .token),
    ("a2 65 746f6b656e 61 74 65 746f6b656e 61 74", .repeated),
    ("a2 65 746f6b656e 61 74 69 7365714f6666736574 20", .sequenceOffset),
    ("a1 65 746f6b656e 61 74 00", .malformed),
  ])
  func `what is no answer is refused`(item: String, expected: AuthenticationAnswerError) {
    let bytes = hex(item)
    #expect(throws: expected) {
      _ = try AuthenticationAnswer(CBORReader(received: bytes.span))
    }
  }
}

@Suite("Device guide 6.3: the rule for device names")
struct DeviceNameRuleTests {
  @Test(arguments: [
    ("ab@c_1.2", true, true), ("ab-cd", true, false), ("ab:cd", true, false), ("abc", false, false),
    ("ab cd", false, false), ("ab/cd", false, false), ("äbcd", false, false),
  ])
  func `the newer rule adds - and :`(name: String, isCurrent: Bool, isGuides: Bool) {
    let bytes = Array(name.utf8)
    let key = Array("pk".utf8)
    func allows(_ rule: DeviceNameRule) -> Bool {
      let made = try? DeviceIdentity(
        productKey: key.span,
        deviceName: bytes.span,
        deviceNames: rule
      )
      return made != nil
    }
    #expect(allows(.current) == isCurrent)
    #expect(allows(.guide) == isGuides)
  }
}
