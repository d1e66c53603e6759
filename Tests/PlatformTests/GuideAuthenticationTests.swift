// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import ConstrainedCore
import OpenSSLSupport
import PayloadCoding
import Platform
import PlatformCoAP
import PlatformHTTPS
import TestSupport
import Testing

@Suite("Device guide 3.6: /auth and its answers as they are printed")
struct GuideAuthenticationTests {
  /// The signature is in upper-case digits; the guide prints it so for the symmetric mode only.
  @Test func `the payload of the DTLS example, apart from the case of the sign`() throws {
    let names = try identity("ZG1EvTEa7NN", "NlwaSPXsCpTQuh8FxBGH", clientID: "mylight1000002")
    let sign = "bccb3d2618afe74b3eab12b94042f87b"
    let printed =
      #"{"productKey":"ZG1EvTEa7NN","deviceName":"NlwaSPXsCpTQuh8FxBGH","#
      + #""clientId":"mylight1000002","sign":"\#(sign)"}"#
    let signature = hex(sign)
    let made = try text {
      try AuthenticationRequest().writePayload(names, signature: signature.span, into: &$0)
    }
    #expect(made == printed.replacing(sign, with: sign.uppercased()))
  }

  @Test func `the answer of the symmetric example`() throws {
    let json = Array(
      #"{"random":"ad2b3a5eb51d64f7","seqOffset":1,"token":"MZ8m37hp01w1SSqoDFzo0010500d00.ad2b"}"#
        .utf8
    )
    let answer = try AuthenticationAnswer(json: json.span)
    let (random, token) = (array(answer.random.bytes), array(answer.token.bytes))
    #expect(random == Array("ad2b3a5eb51d64f7".utf8))
    #expect(token == Array("MZ8m37hp01w1SSqoDFzo0010500d00.ad2b".utf8))
    #expect(answer.sequenceOffset == 1)
  }

  @Test func `the answer of the DTLS example, a token alone`() throws {
    let json = Array(#"{"token":"f13102810756432e85dfd351eeb41c04"}"#.utf8)
    let answer = try AuthenticationAnswer(json: json.span)
    let token = array(answer.token.bytes)
    #expect(token == Array("f13102810756432e85dfd351eeb41c04".utf8))
    #expect(answer.random.isEmpty)
    #expect(answer.sequenceOffset == nil)
  }

  @Test(arguments: [
    ("", AuthenticationAnswerError.json(.truncated)), ("[]", .notAnObject), ("{}", .token),
    (#"{"token":""}"#, .token), (#"{"token":1}"#, .token),
    (#"{"token":"a","token":"b"}"#, .repeated),
    (#"{"random":"r","random":"r","token":"t"}"#, .repeated),
    (#"{"random":"","token":"t"}"#, .random),
    (#"{"seqOffset":-1,"token":"t"}"#, .sequenceOffset),
    (#"{"seqOffset":1,"seqOffset":1,"token":"t"}"#, .repeated),
    (#"{"token":"t"} x"#, .json(.unexpectedByte(offset: 14))),
  ])
  func `what is no answer is refused`(json: String, expected: AuthenticationAnswerError) {
    let json = Array(json.utf8)
    #expect(throws: expected) { _ = try AuthenticationAnswer(json: json.span) }
  }

  /// The guide's table of codes.
  @Test(arguments: [
    (Code.content, ResponseMeaning.success), (.badRequest, .refusal), (.unauthorized, .refusal),
    (.forbidden, .refusal), (.notFound, .refusal), (.methodNotAllowed, .refusal),
    (.notAcceptable, .refusal), (.unsupportedContentFormat, .refusal),
    (.internalServerError, .retryLater),
  ])
  func `what each code of the table means`(code: Code, meaning: ResponseMeaning) {
    #expect(ResponseMeaning(ofAuthentication: code) == meaning)
  }

  @Test func `the printed endpoints`() {
    #expect(
      PlatformAddress.host(productKey: "a1GFjLP3xxC")
        == "a1GFjLP3xxC.coap.cn-shanghai.link.aliyuncs.com"
    )
    #expect(PlatformAddress.symmetricPort == 5_682)
    #expect(PlatformAddress.dtlsPort == 5_684)
    #expect(
      PlatformAddress.registrationURL()
        == "https://iot-auth.cn-shanghai.aliyuncs.com/auth/register/device"
    )
    #expect(
      PlatformAddress.mqttAuthenticationURL()
        == "https://iot-auth.cn-shanghai.aliyuncs.com/auth/devicename"
    )
    #expect(
      PlatformAddress.httpsAuthenticationURL()
        == "https://iot-as-http.cn-shanghai.aliyuncs.com/auth"
    )
  }
}

/// Each text printed in the guide has an error; protocol facts 1.21 lists them by number.
@Suite("Device guide 3.2, 3.6, 3.8 and 6.2 to 6.4: the printed texts that are signed")
struct GuideSigningTextTests {
  @Test func `the text of 3.6, whose device name has an e too many (3)`() throws {
    let names = try identity("123", "test", clientID: "123")
    let request = AuthenticationRequest(timestamp: 1_524_448_722_000, sequence: 123)
    let made = try text { try request.writeSigningContent(names, into: &$0) }
    let printed = "clientId123deviceNameetestproductKey123seq123timestamp1524448722000"
    #expect(made == printed.replacing("etest", with: "test"))
  }

  @Test func `the text of 3.8, whose product key lacks its p (4)`() throws {
    let names = try identity("pk", "device", clientID: "12345")
    let request = HTTPSAuthenticationRequest(signMethod: .hmacSHA1, timestamp: 789)
    let made = try text { try request.writeSigningContent(names, into: &$0) }
    let printed = "clientId12345deviceNamedeviceproductKeyktimestamp789"
    #expect(made == printed.replacing("Keyktime", with: "Keypktime"))
  }

  @Test func `the text of 3.2, whose device name has a 1 too many (5)`() throws {
    let names = try identity("123", "test", clientID: "123")
    let request = HTTPSAuthenticationRequest(timestamp: 123)
    let made = try text { try request.writeSigningContent(names, into: &$0) }
    let printed = "clientId123deviceName1testproductKey123timestamp123"
    #expect(made == printed.replacing("Name1test", with: "Nametest"))
  }

  @Test func `the text of 6.2, which lacks the word deviceName (21)`() throws {
    let names = try identity("1234556554", "deviceName1234")
    let random = Array("123".utf8)
    let request = try RegistrationRequest(names, random: random.span)
    let made = try text { try request.writeSigningContent(into: &$0) }
    #expect(made == "deviceName" + "deviceName1234productKey1234556554random123")
  }

  /// The printed name 123 is too short by the guide's own rule (6.3, code 6280).
  @Test(
    arguments: [
      ("clientId123deviceName123productKey123timestamp1524448722000", 1_524_448_722_000),
      ("clientId123deviceName123productKey123timestamp123", 123),
    ] as [(String, UInt64)]
  )
  func `the texts of 6.3 and 6.4, with a name of four letters`(
    printed: String,
    timestamp: UInt64
  ) throws {
    #expect(throws: IdentityError.deviceNameLength(3)) { try identity("123", "123") }
    let names = try identity("123", "test", clientID: "123")
    let request = SubDeviceRequest(signMethod: .hmacMD5, timestamp: timestamp)
    let made = try text { try request.writeSigningContent(names, into: &$0) }
    #expect(made == printed.replacing("Name123", with: "Nametest"))
  }
}

@Suite("Device guide 3.2 and 6.2: forms as they are printed")
struct GuideFormTests {
  /// The sign method is included, because the signature may use another than the default.
  @Test func `the form of 3.2, apart from the sign method, and a sign of whole bytes`() throws {
    let names = try identity("123", "test", clientID: "123")
    let request = HTTPSAuthenticationRequest(timestamp: 123)
    let signature = hex("0123")
    let made = try text { try request.writeForm(names, signature: signature.span, into: &$0) }
    let printed =
      "productKey=123&sign=123&timestamp=123&version=default&clientId=123"
      + "&resources=mqtt&deviceName=test"
    #expect(made == printed.replacing("sign=123", with: "sign=0123") + "&signmethod=hmacmd5")
  }

  /// The guide's table spells the method as this library does; the printed signature is not
  /// hexadecimal.
  @Test func `the form of 6.2, apart from the method's case and the sign`() throws {
    let names = try identity("1234556554", "deviceName1234")
    let random = Array("567345".utf8)
    let request = try RegistrationRequest(names, random: random.span, signMethod: .hmacMD5)
    let signature = hex("adf123")
    let made = try text { try request.writeForm(signature: signature.span, into: &$0) }
    let printed =
      "productKey=1234556554&deviceName=deviceName1234&random=567345&sign=adfv123hdfdh"
      + "&signMethod=HmacMD5"
    let expected = printed.replacing("adfv123hdfdh", with: "adf123")
    #expect(made == expected.replacing("HmacMD5", with: "hmacmd5"))
  }

  @Test func `the answer of 6.2 as it is printed, white space and all`() throws {
    let json = Array(
      """
      {
        "code": 200,
        "data": {
          "productKey": "1234556554",
          "deviceName": "deviceName1234",
          "deviceSecret": "adsfweafdsf"
        },
        "message": "success"
      }
      """.utf8
    )
    let answer = try RegistrationAnswer(json: json.span)
    let secret = array(answer.deviceSecret.bytes)
    let isSuccess = answer.isSuccess
    let isForDevice = answer.isFor(try identity("1234556554", "deviceName1234"))
    #expect(secret == Array("adsfweafdsf".utf8))
    #expect(isSuccess && isForDevice)
  }
}
