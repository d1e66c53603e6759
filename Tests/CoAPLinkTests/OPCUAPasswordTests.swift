// SPDX-License-Identifier: Apache-2.0
import CoAPLink
import ConstrainedCore
import PlatformCredentials
import TestSupport
import Testing

@Suite("Device guide 6.7: the password of an OPC UA server")
struct OPCUAPasswordTests {
  static let secret = Array("testTNmjyWHQzniA8wEkTNmjyWH01234".utf8)

  static func encrypt(_ text: [UInt8], _ secret: [UInt8]) throws(OPCUAPasswordError) -> String {
    var storage = [UInt8](repeating: 0xA5, count: 400)
    var writer = ByteWriter(storage.mutableSpan)
    try OPCUAPassword.encrypt(text.span, secret: secret.span, into: &writer)
    return String(decoding: array(writer.written), as: UTF8.self)
  }

  static func decrypt(_ text: String, _ secret: [UInt8]) throws(OPCUAPasswordError) -> [UInt8] {
    var storage = [UInt8](repeating: 0xA5, count: 400)
    var writer = ByteWriter(storage.mutableSpan)
    let text = Array(text.utf8)
    try OPCUAPassword.decrypt(text.span, secret: secret.span, into: &writer)
    return array(writer.written)
  }

  @Test func `the guide's example with a secret of its form`() throws {
    let made = try Self.encrypt(Array("test123".utf8), Self.secret)
    #expect(made == "sYpAYctBQhN0/iE8ndwkAA==")
    let read = try Self.decrypt("sYpAYctBQhN0/iE8ndwkAA==", Self.secret)
    #expect(read == Array("test123".utf8))
  }

  @Test(arguments: [16, 24, 32])
  func `every length of password comes back under every length of secret`(count: Int) throws {
    let secret = Array(Self.secret.prefix(count))
    for length in 0...255 {
      let password = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 37) }
      let encrypted = try Self.encrypt(password, secret)
      #expect(encrypted.count % 4 == 0 && encrypted.count <= OPCUAPassword.maxEncryptedCount)
      let read = try Self.decrypt(encrypted, secret)
      #expect(read == password)
    }
  }

  @Test(arguments: [0, 1, 15, 17, 31, 33, 64])
  func `a secret of another length is refused`(count: Int) {
    let secret = [UInt8](repeating: 0x61, count: count)
    #expect(throws: OPCUAPasswordError.secret(count)) { try Self.encrypt([1], secret) }
    #expect(throws: OPCUAPasswordError.secret(count)) { try Self.decrypt("", secret) }
  }

  @Test(arguments: [
    ("sYpAYctBQhN0/iE8ndwkAA=", OPCUAPasswordError.notBase64),
    ("sYpAYctBQhN0/iE8ndwkAA", .notBase64), ("sYpAYctBQhN0/iE8ndwkAA==\n", .notBase64),
    (" sYpAYctBQhN0/iE8ndwkAA==", .notBase64), ("sYpAYctBQhN0/iE8ndwkAB==", .notBase64),
    ("sYpAYctBQhN0_iE8ndwkAA==", .notBase64), ("====", .notBase64), ("A===", .notBase64),
    ("AA=A", .notBase64), ("AA==AAAA", .notBase64), ("AAA=", .unreadable), ("", .unreadable),
    ("sYpAYctBQhN0/iE8ndwkAQ==", .unreadable),
    (String(repeating: "A", count: 348), .tooLong(348)),
  ])
  func `what is no encrypted password is refused`(text: String, expected: OPCUAPasswordError) {
    #expect(throws: expected) { try Self.decrypt(text, Self.secret) }
  }

  @Test func `another secret does not open it`() throws {
    var secret = Self.secret
    secret[31] ^= 1
    #expect(throws: OPCUAPasswordError.unreadable) {
      try Self.decrypt("sYpAYctBQhN0/iE8ndwkAA==", secret)
    }
  }

  @Test func `a password of 256 bytes is too long`() {
    let password = [UInt8](repeating: 0x61, count: 256)
    #expect(throws: OPCUAPasswordError.tooLong(256)) { try Self.encrypt(password, Self.secret) }
  }
}
