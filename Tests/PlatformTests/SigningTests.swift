// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import OpenSSLSupport
import Platform
import PlatformCoAP
import TestSupport
import Testing

/// An HMAC as lower-case digits.
func sign(_ hash: Hash, secret: String, _ content: String) throws -> String {
  let mac = try hash.hmac(key: Array(secret.utf8).span, content: Array(content.utf8).span)
  return hexText(mac.bytes)
}

func identity(
  _ productKey: String,
  _ deviceName: String,
  clientID: String? = nil
) throws -> DeviceIdentity {
  guard let clientID else {
    return try DeviceIdentity(
      productKey: Array(productKey.utf8).span,
      deviceName: Array(deviceName.utf8).span
    )
  }
  return try DeviceIdentity(
    productKey: Array(productKey.utf8).span,
    deviceName: Array(deviceName.utf8).span,
    clientID: Array(clientID.utf8).span
  )
}

func text(_ body: (inout ByteWriter) throws -> Void) throws -> String {
  var buffer = [UInt8](repeating: 0xA5, count: 1_024)
  var writer = ByteWriter(buffer.mutableSpan)
  try body(&writer)
  let count = writer.count
  return String(decoding: buffer[..<count], as: UTF8.self)
}

@Suite("Device guide 3.6: signing /auth")
struct SigningTests {
  let seed = AuthenticationRequest(sequence: 10)

  func seedIdentity() throws -> DeviceIdentity {
    try identity("a1NUjcVkHZS", "ff1a11e7c08d4b3db2b1500d8e0e55")
  }

  @Test func `the one signature that the guide prints in full`() throws {
    let content = "clientId12345deviceNamedeviceproductKeypktimestamp789"
    #expect(
      try sign(.sha1, secret: "secret", content)
        == "FAFD82A3D602B37FB0FA8B7892F24A477F851A14".lowercased()
    )
    #expect(
      try sign(.md5, secret: "secret", content)
        == "14B198324FE55E1D3C88F2E705E201EE".lowercased()
    )
    #expect(
      try sign(.sha256, secret: "secret", content)
        == "6074A46A91B1EBB2CC4EA42790AD0E80202C9843859FC292E57C4EB19FAD9E57".lowercased()
    )
    // The request with these fields gives the same content.
    let made = try text {
      try AuthenticationRequest(timestamp: 789)
        .writeSigningContent(try identity("pk", "device", clientID: "12345"), into: &$0)
    }
    #expect(made == content)
  }

  @Test(arguments: [
    (Hash.md5, "12401cf6b299f09d2fd84fbaa7f6dc5e"),
    (.sha1, "655ec9a9c50b4576ad9d6d5af9a17417ec9fa968"),
    (.sha256, "d4cff352aef45f929dbf2e8629a8447e275cc636d80b6c2e73ae590f6726cc5a"),
  ])
  func `the synthetic signs of the guide's symmetric example`(
    hash: Hash,
    expected: String
  ) throws {
    let content = try text { try seed.writeSigningContent(try seedIdentity(), into: &$0) }
    #expect(try sign(hash, secret: "secret", content) == expected)
  }

  @Test func `the synthetic sign of the guide's DTLS example`() throws {
    let content = try text {
      try AuthenticationRequest().writeSigningContent(
        try identity("ZG1EvTEa7NN", "NlwaSPXsCpTQuh8FxBGH", clientID: "mylight1000002"),
        into: &$0
      )
    }
    #expect(
      try sign(.md5, secret: "secret", content) == "d32ba354d8c78785536fe88f6310ba3f"
    )
  }

  @Test func `ackMode comes first and timestamp last in what is signed`() throws {
    let request = AuthenticationRequest(
      signMethod: .hmacSHA1,
      acknowledgementMode: .piggybacked,
      timestamp: 1_524_448_722_000,
      sequence: 123
    )
    #expect(
      try text {
        try request.writeSigningContent(try identity("123", "test", clientID: "123"), into: &$0)
      } == "ackMode0clientId123deviceNametestproductKey123seq123timestamp1524448722000"
    )
  }

  @Test func `the payload has the guide's fields in the guide's order`() throws {
    let signature = hex("F9FD53EE0CD010FCA40D14A9FEAB81E0")
    #expect(
      try text {
        try seed.writePayload(try seedIdentity(), signature: signature.span, into: &$0)
      }
        == #"{"productKey":"a1NUjcVkHZS","deviceName":"ff1a11e7c08d4b3db2b1500d8e0e55","#
        + #""clientId":"a1NUjcVkHZS&ff1a11e7c08d4b3db2b1500d8e0e55","#
        + #""sign":"F9FD53EE0CD010FCA40D14A9FEAB81E0","seq":"10"}"#
    )
    let full = AuthenticationRequest(
      signMethod: .hmacSHA256,
      acknowledgementMode: .separate,
      timestamp: 5,
      sequence: 0
    )
    #expect(
      try text {
        try full.writePayload(
          try identity("p", "dddd", clientID: "c\""),
          signature: [1].span,
          into: &$0
        )
      }
        == #"{"productKey":"p","deviceName":"dddd","clientId":"c\"","sign":"01","#
        + #""signmethod":"hmacsha256","ackMode":"1","seq":"0","timestamp":"5"}"#
    )
  }
}

@Suite("Device guide 3.5, 3.6 and 6.2: names, topics and numbers")
struct LimitTests {
  @Test(arguments: ["abcd", "A.b_c@d-e:9", String(repeating: "n", count: 32)])
  func `a device name of the allowed characters is taken`(name: String) throws {
    let made = array(try identity("a1B2c3D4e5F", name).deviceName.bytes)
    #expect(made == Array(name.utf8))
  }

  @Test(arguments: [
    ("abc", IdentityError.deviceNameLength(3)), ("", .deviceNameLength(0)),
    (String(repeating: "n", count: 33), .deviceNameLength(33)), ("ab/cd", .deviceNameCharacter),
    ("ab cd", .deviceNameCharacter), ("abcé", .deviceNameCharacter),
    ("abc&", .deviceNameCharacter),
  ])
  func `any other device name is refused`(name: String, expected: IdentityError) {
    #expect(throws: expected) { try identity("a1B2c3D4e5F", name) }
  }

  @Test func `product key and client id have their limits`() throws {
    #expect(throws: IdentityError.productKey) { try identity("", "device") }
    #expect(throws: IdentityError.productKey) { try identity("a/b", "device") }
    #expect(throws: IdentityError.productKey) {
      try identity(String(repeating: "k", count: 65), "device")
    }
    _ = try identity("k", "device", clientID: String(repeating: "c", count: 64))
    #expect(throws: IdentityError.clientIDLength(65)) {
      try identity("k", "device", clientID: String(repeating: "c", count: 65))
    }
    #expect(throws: IdentityError.clientIDLength(0)) { try identity("k", "device", clientID: "") }
    #expect(throws: IdentityError.clientIDCharacter) {
      try identity("k", "device", clientID: "a\nb")
    }
    #expect(throws: IdentityError.clientIDLength(67)) {
      try identity(String(repeating: "k", count: 60), "device")
    }
  }

  @Test(arguments: [
    ("/a", nil), ("/a1GFjLP3xxC/device/pub", nil), ("/" + String(repeating: "t", count: 127), nil),
    ("", TopicError.noLeadingSlash), ("a/b", .noLeadingSlash), ("/", .emptySegment(offset: 1)),
    ("/a//b", .emptySegment(offset: 3)), ("/a/", .emptySegment(offset: 3)),
    ("/" + String(repeating: "t", count: 128), .tooLong(129)), ("/a/+", .wildcard(offset: 3)),
    ("/#", .wildcard(offset: 1)), ("/a b", .unprintable(offset: 2)),
    ("/a/../b", .dotSegment(offset: 3)), ("/.", .dotSegment(offset: 1)),
  ])
  func `a topic is taken or refused`(topic: String, expected: TopicError?) throws {
    do throws(TopicError) {
      let made = try Topic(Array(topic.utf8).span)
      #expect(expected == nil)
      let bytes = array(made.bytes.bytes)
      #expect(bytes == Array(topic.utf8))
    } catch {
      #expect(error == expected)
    }
  }

  @Test func `sequence numbers start above the offset, increase and never wrap`() {
    var tracker = SequenceTracker(offset: 1)
    #expect(tracker.next() == 2)
    #expect(tracker.next() == 3)
    var last = SequenceTracker(offset: .max - 1)
    #expect(last.next() == .max)
    #expect(last.next() == nil)
    #expect(last.next() == nil)
  }
}
