// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import Platform
import TestSupport
import Testing

@Suite("Topics, and the replies that come on some of them")
struct PlatformReplyTests {
  private func reply(_ text: String) -> PlatformReply? {
    let bytes = hex(text)
    return PlatformReply(bytes.span)
  }

  @Test(arguments: [
    // {"code": 460}; as a text; in a map of indefinite length; after other members of every kind.
    "a1 64 636f6465 19 01cc", "a1 64 636f6465 63 343630", "bf 64 636f6465 19 01cc ff",
    "a3 62 6964 1b 0000010000000000 64 64617461 82 a1 01 f6 9f fb 0000000000000000 f9 0000 ff 64 636f6465 1901cc",
    "a4 61 61 5f 41 00 ff 61 62 c1 00 61 63 7f 61 78 ff 64 636f6465 1901cc",
    "a2 64 636f6465 1901cc 67 6d657373616765 f6",
  ])
  func `a code in CBOR is found`(text: String) {
    #expect(reply(text)?.code == 460)
  }

  @Test(arguments: [
    // Not a map, no code, two codes, negative, too large, an empty text, letters,
    // truncated, trailing bytes.
    "82 01 02", "a0", "a2 64636f6465 01 64636f6465 02", "a1 64636f6465 20",
    "a1 64636f6465 1b0000000100000000", "a1 64636f6465 60", "a1 64636f6465 6161",
    "a1 64636f6465 19 01",
    "a1 64636f6465 1901cc 00", "a1 64636f646519", "bf 64636f6465 1901cc",
    "a1 7f 64636f6465 ff 1901cc",
    "bf ff", "ff", "a1 64636f6465 64 39393939 39", "bb ffffffffffffffff 61 61 00", "a1 1c 00",
    "a1 61 61 9b ffffffffffffffff 00",
  ])
  func `what is no reply in CBOR is none`(text: String) {
    #expect(reply(text) == nil)
  }

  /// Floats of 16, 32 and 64 bits (RFC 8949 Section 3.3).
  @Test(arguments: [
    ("f95f30", 460), ("fa43e60000", 460), ("fb407cc00000000000", 460), ("f95a40", 200),
    ("f93c00", 1),
    ("f90000", 0), ("f97bff", 65_504), ("fa4b7fffff", 16_777_215), ("fb41efffffffe00000", .max),
    // 0.5, 460.5, negative, infinity, NaN, the smallest one, 2^32, 1e300, false, and cut.
    ("f93800", nil), ("fa43e64000", nil), ("f9df30", nil), ("fac3e60000", nil), ("f9bc00", nil),
    ("f97c00", nil), ("f97e00", nil), ("fa7f800000", nil), ("f90001", nil), ("f98000", nil),
    ("fb41f0000000000000", nil), ("fb7e37e43c8800759c", nil), ("f4", nil), ("f95f", nil),
  ])
  func `a code in CBOR may be a float, as in JSON`(text: String, code: UInt32?) {
    #expect(reply("a1 64636f6465" + text)?.code == code)
    // Behind another member, and with one behind it.
    #expect(reply("a2 6161 f95f30 64636f6465" + text)?.code == code)
    #expect(reply("a2 64636f6465" + text + "6161 01")?.code == code)
  }

  @Test(arguments: [
    ("460", 460), ("460.0", 460), ("4.6e2", 460), ("46E+1", 460), ("4600e-1", 460),
    (#""460""#, 460),
    ("460.5", nil), ("-460", nil), ("4.6e1", 46), ("4.6e0", nil), ("1e10", nil), (#""460.0""#, nil),
    ("true", nil),
  ])
  func `a code in JSON may be written as any number is`(text: String, code: UInt32?) {
    let payload = Array(#"{"id":"1","code":\#(text),"data":{}}"#.utf8)
    #expect(PlatformReply(payload.span)?.code == code)
  }

  @Test func `no truncation and no flipped bit of a reply traps`() {
    let whole = hex(
      "bf 62 6964 1b 0000010000000000 64 64617461 82 a1 01 f6 9f c1 7f 61 78 ff 5f 41 00 ff fb 0000000000000000 ff"
        + "67 6d657373616765 65 776f726473 64 636f6465 19 01cc ff"
    )
    #expect(PlatformReply(whole.span)?.code == 460)
    for count in 0..<whole.count {
      let cut = Array(whole[..<count])
      #expect(PlatformReply(cut.span) == nil)
    }
    for bit in 0..<8 * whole.count {
      var flipped = whole
      flipped[bit / 8] ^= 1 << (bit % 8)
      _ = PlatformReply(flipped.span)
    }
    // Deeper than any real reply.
    let deep = [UInt8](repeating: 0x81, count: 1_400)
    #expect(PlatformReply(deep.span) == nil)
  }

  @Test func `words are read, and cut behind a character`() {
    let json = Array(#"{"code":460,"message":"\#(String(repeating: "温", count: 40))"}"#.utf8)
    // The same in CBOR: 120 bytes of text.
    let cbor =
      hex("a2 64 636f6465 1901cc 67 6d657373616765 78 78") + (0..<40).flatMap { _ in "温".utf8 }
    for payload in [json, cbor, Array(#"{"message":"a\u6e29b","code":"1"}"#.utf8)] {
      guard let reply = PlatformReply(payload.span) else {
        Issue.record("no reply")
        continue
      }
      let told = reply.message.bytes.indices.map { reply.message.bytes[$0] }
      let words = String(decoding: told, as: UTF8.self)
      #expect(words == (reply.code == 1 ? "a温b" : String(repeating: "温", count: 21)))
    }
  }

  @Test func `topics are UTF-8`() throws {
    let good = Array("/a1B2c3D4e5F/device1/user/温度".utf8)
    #expect(try Topic(good.span).bytes.count == good.count)
    for bad: [UInt8] in [[0xFF], [0xC3], [0xE6, 0xB8], [0xED, 0xA0, 0x80], [0xC0, 0xAF], [0x80]] {
      let topic = Array("/a1B2c3D4e5F/device1/user/x".utf8) + bad
      #expect(throws: TopicError.notUTF8) { _ = try Topic(topic.span) }
    }
  }

  @Test func `client ids are UTF-8`() {
    let (key, name, id) = (
      Array("a1B2c3D4e5F".utf8), Array("device1".utf8), [0x61, 0xFF] as [UInt8]
    )
    #expect(throws: IdentityError.clientIDCharacter) {
      _ = try DeviceIdentity(productKey: key.span, deviceName: name.span, clientID: id.span)
    }
  }
}
