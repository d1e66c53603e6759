// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import OpenSSLSupport
import TestSupport
import Testing

@Suite("NIST SP 800-38A F.2: AES in CBC mode")
struct MessageCipherTests {
  static let vector = hex("000102030405060708090a0b0c0d0e0f")
  static let plaintext = hex(
    "6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51"
  )

  @Test(arguments: [
    (
      "2b7e151628aed2a6abf7158809cf4f3c",
      "7649abac8119b246cee98e9b12e9197d 5086cb9b507219ee95db113a917678b2"
    ),
    (
      "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
      "4f021db243bc633d7178183a9fa071e8 b4d9ada9ad7dedf4e5e738763f69145a"
    ),
    (
      "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
      "f58c4c04d6e5f1ba779eabfb5f7bfbd6 9cfc4e967edb808d679f777bc6702c7d"
    ),
  ])
  func `the published vectors, with a block of padding`(key: String, expected: String) throws {
    let key = hex(key)
    let sealed = try encrypt(Self.plaintext, key)
    #expect(sealed.count == 48)
    #expect(Array(sealed.prefix(32)) == hex(expected))
    let opened = try decrypt(sealed, key)
    #expect(opened == Self.plaintext)
  }

  @Test func `what is not whole blocks with right padding is refused, whatever its length`() throws
  {
    let key = [UInt8](repeating: 7, count: 32)
    let sealed = try encrypt(Array("password".utf8), key)
    for count in 0..<16 {
      let opened = try decrypt(Array(sealed.prefix(count)), key)
      #expect(opened == nil)
    }
    var altered = sealed
    altered[15] ^= 0x80
    let opened = try decrypt(altered, key)
    #expect(opened == nil)
  }

  @Test func `without room nothing is written`() throws {
    let key = [UInt8](repeating: 7, count: 16)
    var storage = [UInt8](repeating: 0xA5, count: 31)
    var writer = ByteWriter(storage.mutableSpan)
    let text = [UInt8](repeating: 1, count: 16)
    let isDone = try AESMessage.encrypt(
      text.span,
      key: key.span,
      vector: Self.vector.span,
      into: &writer
    )
    let count = writer.count
    #expect(!isDone && count == 0)
  }

  private func encrypt(_ bytes: [UInt8], _ key: [UInt8]) throws -> [UInt8] {
    var storage = [UInt8](repeating: 0xA5, count: 64)
    var writer = ByteWriter(storage.mutableSpan)
    let isDone = try AESMessage.encrypt(
      bytes.span,
      key: key.span,
      vector: Self.vector.span,
      into: &writer
    )
    #expect(isDone)
    return array(writer.written)
  }

  private func decrypt(_ bytes: [UInt8], _ key: [UInt8]) throws -> [UInt8]? {
    var storage = [UInt8](repeating: 0xA5, count: 64)
    var writer = ByteWriter(storage.mutableSpan)
    let isDone = try AESMessage.decrypt(
      bytes.span,
      key: key.span,
      vector: Self.vector.span,
      into: &writer
    )
    return isDone ? array(writer.written) : nil
  }
}

@Suite("RFC 1321 A.5 and FIPS 180-4: digests of what comes piece by piece")
struct StreamingDigestTests {
  static let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

  @Test(arguments: [
    (Hash.md5, "", "d41d8cd98f00b204e9800998ecf8427e"),
    (.md5, "abc", "900150983cd24fb0d6963f7d28e17f72"),
    (.md5, alphabet, "d174ab98d277d9f5a5611c2c9f419d9f"),
    (.sha256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      .sha256, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
  ])
  func `the published digests, however the text is cut`(
    hash: Hash,
    content: String,
    expected: String
  ) throws {
    let bytes = Array(content.utf8)
    for size in 1...max(1, bytes.count) {
      var digest = try StreamingDigest(hash)
      var start = 0
      while start < bytes.count {
        let piece = Array(bytes[start..<min(start + size, bytes.count)])
        try digest.update(piece.span)
        start += piece.count
      }
      let made = try digest.finish()
      let digits = hexText(made.bytes)
      #expect(digits == expected)
    }
  }
}

@Suite("Mistakes of a caller's that end the program")
struct CipherPreconditionTests {
  @Test(arguments: [
    ("CBC with a key of 15 bytes", "AES-128 takes a key and a block"),
    ("CBC with a vector of 17 bytes", "AES-128 takes a key and a block"),
    ("a message with a key of 17 bytes", "AES takes keys of 16, 24 and 32 bytes"),
    ("a message with a vector of 15 bytes", "the vector has the size of a block"),
    ("a message over DTLS before the handshake", "seal needs an established association"),
  ])
  func `what the cipher cannot use is a mistake`(mistake: String, words: String) async {
    let result = await #expect(
      processExitsWith: .failure,
      observing: [\.standardErrorContent]
    ) { [mistake = mistake as String] in
      let bytes = [UInt8](repeating: 7, count: 32)
      func some(_ count: Int) -> [UInt8] { Array(bytes[..<count]) }
      var buffer = [UInt8](repeating: 0xA5, count: 256)
      var output = ByteWriter(buffer.mutableSpan)
      switch mistake {
      case "CBC with a key of 15 bytes":
        _ = try AES128CBC(key: some(15).span, vector: some(16).span)
      case "CBC with a vector of 17 bytes":
        _ = try AES128CBC(key: some(16).span, vector: some(17).span)
      case "a message with a key of 17 bytes":
        _ = try AESMessage.encrypt(
          bytes.span,
          key: some(17).span,
          vector: some(16).span,
          into: &output
        )
      case "a message with a vector of 15 bytes":
        _ = try AESMessage.encrypt(
          bytes.span,
          key: some(16).span,
          vector: some(15).span,
          into: &output
        )
      default:
        var connection = try DTLSConnection(
          try DTLSContext(.client),
          patience: DTLSConnection.Patience(timeout: Milliseconds(1_000), limit: 1),
          clock: .virtual
        )
        try connection.seal(bytes.span, into: &output)
      }
    }
    let said = complaint(result?.standardErrorContent)
    #expect(said.contains(words))
  }
}
