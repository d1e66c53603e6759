// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import OpenSSLSupport
import PayloadCoding
import Platform
import PlatformCoAP
import PlatformHTTPS
import PlatformMQTT
import TestSupport
import Testing

@Suite("Device guide 3.2 and 3.3: what an MQTT connection carries")
struct MQTTSigningTests {
  func names() throws -> DeviceIdentity { try identity("pk", "device", clientID: "12345") }

  @Test(arguments: [
    (SignMethod.hmacSHA1, Hash.sha1, "fafd82a3d602b37fb0fa8b7892f24a477f851a14"),
    (.hmacMD5, .md5, "14b198324fe55e1d3c88f2e705e201ee"),
    (
      .hmacSHA256, .sha256, "6074a46a91b1ebb2cc4ea42790ad0e80202c9843859fc292e57c4eb19fad9e57"
    ),
  ])
  func `the guide's example, and the same with the other methods`(
    method: SignMethod,
    hash: Hash,
    expected: String
  ) throws {
    let request = MQTTConnectRequest(signMethod: method, transport: .tcp, timestamp: 789)
    let names = try names()
    let content = try text { try request.writeSigningContent(names, into: &$0) }
    #expect(content == "clientId12345deviceNamedeviceproductKeypktimestamp789")
    let made = try sign(hash, secret: "secret", content)
    #expect(made == expected)
    let user = try text { try MQTTConnectRequest.writeUserName(names, into: &$0) }
    #expect(user == "device&pk")
  }

  @Test(
    arguments: [
      (MQTTTransport.tcp, 3, 1_883, nil), (.tls, 2, 1_883, nil), (.webSocket, 3, 443, "ws"),
      (.secureWebSocket, 2, 443, "wss"),
    ] as [(MQTTTransport, Int, UInt16, String?)]
  )
  func `the client id says how the platform is reached`(
    transport: MQTTTransport,
    mode: Int,
    port: UInt16,
    scheme: String?
  ) throws {
    let names = try names()
    var request = MQTTConnectRequest(signMethod: .hmacSHA1, transport: transport, timestamp: 789)
    let full = try text { try request.writeClientID(names, into: &$0) }
    #expect(full == "12345|securemode=\(mode),signmethod=hmacsha1,timestamp=789|")
    request.timestamp = nil
    let short = try text { try request.writeClientID(names, into: &$0) }
    #expect(short == "12345|securemode=\(mode),signmethod=hmacsha1|")
    #expect(transport.port == port)
    #expect(transport.scheme?.description == scheme)
    let region = Array("cn-shanghai".utf8)
    let host = try text {
      try MQTTConnectRequest.writeHost(names, region: region.span, into: &$0)
    }
    #expect(host == "pk.iot-as-mqtt.cn-shanghai.aliyuncs.com")
  }
}

@Suite("Device guide 3.2 and 3.8: authentication over HTTPS")
struct HTTPSSigningTests {
  @Test func `the guide's request for reports, with a synthetic sign`() throws {
    let names = try identity("ZG1EvTEa7NN", "NlwaSPXsCpTQuh8FxBGH", clientID: "mylight1000002")
    let request = HTTPSAuthenticationRequest(signMethod: .hmacSHA1, timestamp: 1_501_668_289_957)
    let content = try text { try request.writeSigningContent(names, into: &$0) }
    let made = try sign(.sha1, secret: "secret", content)
    #expect(made == "335bdc0fbd47de9bbf1f7f77fdf803ab1821f5ed")
    let printed = hex("4870141D4067227128CBB4377906C3731CAC221C")
    let json = try text { try request.writeJSON(names, signature: printed.span, into: &$0) }
    #expect(
      json == #"{"version":"default","clientId":"mylight1000002","signmethod":"hmacsha1","#
        + #""sign":"4870141D4067227128CBB4377906C3731CAC221C","productKey":"ZG1EvTEa7NN","#
        + #""deviceName":"NlwaSPXsCpTQuh8FxBGH","timestamp":"1501668289957"}"#
    )
  }

  @Test func `the form for MQTT has the guide's fields in the guide's order`() throws {
    let names = try identity("123", "test", clientID: "a&b|c")
    let request = HTTPSAuthenticationRequest(timestamp: 123)
    let signature = hex("0123")
    let form = try text { try request.writeForm(names, signature: signature.span, into: &$0) }
    #expect(
      form == "productKey=123&sign=0123&timestamp=123&version=default&clientId=a%26b%7Cc"
        + "&resources=mqtt&deviceName=test&signmethod=hmacmd5"
    )
    let content = try text { try request.writeSigningContent(names, into: &$0) }
    #expect(content == "clientIda&b|cdeviceNametestproductKey123timestamp123")
  }
}

@Suite("Device guide 6.3: a sub-device's place in the topology")
struct SubDeviceSigningTests {
  @Test func `the guide's signed text and entry`() throws {
    let names = try identity("1234556554", "deviceName1234", clientID: "xxxxxx")
    var request = SubDeviceRequest(timestamp: 1_524_448_722_000)
    let content = try text { try request.writeSigningContent(names, into: &$0) }
    #expect(
      content
        == "clientIdxxxxxxdeviceNamedeviceName1234productKey1234556554timestamp1524448722000"
    )
    let signature = hex("0A1B")
    var buffer = [UInt8](repeating: 0xA5, count: 512)
    var json = JSONWriter(buffer.mutableSpan)
    try request.writeTopologyEntry(names, signature: signature.span, into: &json)
    let count = json.count
    let entry = String(decoding: buffer[..<count], as: UTF8.self)
    #expect(
      entry == #"{"deviceName":"deviceName1234","productKey":"1234556554","sign":"0a1b","#
        + #""signmethod":"hmacSha1","timestamp":"1524448722000","clientId":"xxxxxx"}"#
    )
    request.includesClientID = false
    let short = try text { try request.writeSigningContent(names, into: &$0) }
    #expect(short == "deviceNamedeviceName1234productKey1234556554timestamp1524448722000")
  }
}

@Suite("Device guide 6.4: a sub-device's login")
struct LoginSigningTests {
  @Test func `the guide's params of a login`() throws {
    let names = try identity("123", "test", clientID: "123")
    let request = SubDeviceRequest(signMethod: .hmacMD5, timestamp: 123)
    let content = try text { try request.writeSigningContent(names, into: &$0) }
    #expect(content == "clientId123deviceNametestproductKey123timestamp123")
    let signature = hex("AB")
    var buffer = [UInt8](repeating: 0xA5, count: 512)
    var json = JSONWriter(buffer.mutableSpan)
    try request.writeLogin(names, signature: signature.span, into: &json)
    let count = json.count
    let params = String(decoding: buffer[..<count], as: UTF8.self)
    #expect(
      params == #"{"productKey":"123","deviceName":"test","clientId":"123","timestamp":"123","#
        + #""signMethod":"hmacmd5","sign":"ab","cleanSession":"true"}"#
    )
  }

  @Test func `a login without the client id is a mistake of the caller's`() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let request = SubDeviceRequest(timestamp: 123, includesClientID: false)
      var buffer = [UInt8](repeating: 0xA5, count: 512)
      var json = JSONWriter(buffer.mutableSpan)
      try request.writeLogin(try identity("123", "test"), signature: [1].span, into: &json)
    }
    let said = complaint(result?.standardErrorContent)
    #expect(said.contains("a login has a client id"))
  }
}

@Suite("Device guide 6.11: the digest of a firmware")
struct FirmwareDigestTests {
  @Test(arguments: [
    "93230c3bde425a9d7984a594ac55ea1e", String(repeating: "0aF9", count: 16),
  ])
  func `digits of either case are read and written in lower case`(digits: String) throws {
    let bytes = Array(digits.utf8)
    let read = FirmwareDigest(hexadecimal: bytes.span)
    let digest = try #require(read)
    let written = try text { try digest.writeHexadecimal(into: &$0) }
    #expect(written == digits.lowercased())
  }

  @Test(arguments: ["", "93230c3bde425a9d7984a594ac55ea1", String(repeating: "0g", count: 16)])
  func `anything else is no digest`(digits: String) {
    let bytes = Array(digits.utf8)
    let digest = FirmwareDigest(hexadecimal: bytes.span)
    #expect(digest == nil)
  }
}
