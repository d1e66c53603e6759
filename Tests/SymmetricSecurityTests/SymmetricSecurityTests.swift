// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import OpenSSLSupport
import SecurityLayer
import SymmetricSecurity
import TestSupport
import Testing

/// The bytes that `body` writes into a pre-filled buffer.
func output<E: Error>(
  capacity: Int = 2_048,
  _ body: (inout ByteWriter) throws(E) -> Void
) throws(E) -> [UInt8] {
  var buffer = [UInt8](repeating: 0xA5, count: capacity)
  var writer = ByteWriter(buffer.mutableSpan)
  try body(&writer)
  let count = writer.count
  return Array(buffer[..<count])
}

@Suite("Protocol facts 1.20 and 2.1: the symmetric mode's values")
struct SymmetricSecurityTests {
  func layer() throws -> SymmetricSecurity {
    var layer = SymmetricSecurity()
    try layer.establish(
      secret: Array("secret".utf8).span,
      random: Array("ad2b3a5eb51d64f7".utf8).span
    )
    return layer
  }

  @Test func `the key is bytes 8 to 23 of the digest`() throws {
    let digest = try Hash.sha256.digest(of: Array("secret,ad2b3a5eb51d64f7".utf8).span)
    let text = hexText(digest.bytes)
    #expect(
      text == "4fcabc8f2b75880c668a5d40cf032ffd9af8465310559cb8cb5b8f9ad74b8d75"
    )
    // The layer does not reveal its key; a cipher with the worked example's key gives the same
    // bytes.
    let key = hex("668a5d40cf032ffd9af8465310559cb8")
    var cipher = try AES128CBC(key: key.span, vector: Array("543yhjy97ae7fyfg".utf8).span)
    let expected = try output { _ = try cipher.encrypt([1, 2, 3].span, into: &$0) }
    var layer = try layer()
    #expect(try output { try layer.seal(payload: [1, 2, 3].span, into: &$0) } == expected)
  }

  @Test(arguments: [
    (1 as UInt64, "ef68e36baeab9b700d856d623e6b5f79"), (2, "20c8c5ceef3b2d67298ba0f421993c02"),
    (10, "e67d3b6a592d261cba73e35cdc820476"), (9_999, "a65cabd22c92874024c3240090258bda"),
    (4_294_967_295, "580f98e5bd13505519d98890e1e437c0"),
  ])
  func `a sequence number is its digits, encrypted`(sequence: UInt64, expected: String) throws {
    var layer = try layer()
    #expect(try output { try layer.sealSequence(sequence, into: &$0) } == hex(expected))
  }

  @Test func `a sequence number of 20 digits takes 32 bytes, nothing takes one block`() throws {
    var layer = try layer()
    #expect(try output { try layer.sealSequence(.max, into: &$0) }.count == 32)
    #expect(
      try output { try layer.seal(payload: [UInt8]().span, into: &$0) }
        == hex("f5bbe366b80abda030a3a34d77ff325e")
    )
  }

  @Test func `every length comes back, and needs exactly its room`() throws {
    var layer = try layer()
    for length in 0...80 {
      let plain = (0..<length).map { UInt8($0) }
      let sealed = try output { try layer.seal(payload: plain.span, into: &$0) }
      #expect(sealed.count == (length / 16 + 1) * 16)
      #expect(
        try output(capacity: sealed.count) { try layer.open(payload: sealed.span, into: &$0) }
          == plain
      )
      #expect(throws: SecurityError.capacity) {
        try output(capacity: sealed.count - 1) { try layer.seal(payload: plain.span, into: &$0) }
      }
    }
  }

  @Test func `a cipher without a key does nothing`() throws {
    var cipher = AES128CBC()
    let hasKey = cipher.hasKey
    #expect(!hasKey)
    let block = [UInt8](repeating: 1, count: 16)
    var isDone = true
    #expect(try output { isDone = try cipher.encrypt(block.span, into: &$0) }.isEmpty)
    #expect(!isDone)
    isDone = true
    #expect(try output { isDone = try cipher.decrypt(block.span, into: &$0) }.isEmpty)
    #expect(!isDone)
  }

  @Test func `wrong padding, a broken length and no bytes fail alike`() throws {
    let key = hex("668a5d40cf032ffd9af8465310559cb8")
    let vector = Array("543yhjy97ae7fyfg".utf8)
    // Every last byte with every kind of padding before it, encrypted as raw blocks.
    var raw = try AES128CBC(key: key.span, vector: vector.span)
    var layer = try layer()
    var accepted: Set<UInt8> = []
    for last in UInt8.min...UInt8.max {
      for fill in [0, last, last &+ 1] as [UInt8] {
        let block = [UInt8](repeating: fill, count: 15) + [last]
        let sealed = try output { _ = try raw.encrypt(block.span, into: &$0) }.prefix(16)
        let isValid = last == 1 || (last <= 16 && last > 0 && fill == last)
        if isValid {
          accepted.insert(last)
          let plain = try output { try layer.open(payload: Array(sealed).span, into: &$0) }
          #expect(plain == Array(block.prefix(16 - Int(last))))
        } else {
          #expect(throws: SecurityError.openFailed) {
            try output { try layer.open(payload: Array(sealed).span, into: &$0) }
          }
        }
      }
    }
    #expect(accepted == Set(1...16))
    for length in [0, 1, 15, 17, 31] {
      #expect(throws: SecurityError.openFailed) {
        try output {
          try layer.open(payload: [UInt8](repeating: 1, count: length).span, into: &$0)
        }
      }
    }
  }

  @Test func `one wrong byte anywhere in the padding is found`() throws {
    let key = hex("668a5d40cf032ffd9af8465310559cb8")
    var raw = try AES128CBC(key: key.span, vector: Array("543yhjy97ae7fyfg".utf8).span)
    var layer = try layer()
    for padding in 2...16 {
      for wrong in 1..<padding {
        var block =
          [UInt8](repeating: 0, count: 16 - padding)
          + [UInt8](repeating: UInt8(padding), count: padding)
        block[15 - wrong] ^= 0x10
        let sealed = try output { _ = try raw.encrypt(block.span, into: &$0) }.prefix(16)
        #expect(throws: SecurityError.openFailed) {
          try output { try layer.open(payload: Array(sealed).span, into: &$0) }
        }
      }
    }
  }

  @Test func `without a key nothing is sealed or opened`() {
    var layer = SymmetricSecurity()
    #expect(throws: SecurityError.notEstablished) {
      try output { try layer.seal(payload: [1].span, into: &$0) }
    }
    #expect(throws: SecurityError.notEstablished) {
      try output { try layer.open(payload: [UInt8](repeating: 0, count: 16).span, into: &$0) }
    }
  }

  @Test func `AES-128-CBC gives the bytes of SP 800-38A F-2-1`() throws {
    let key = hex("2b7e151628aed2a6abf7158809cf4f3c")
    let vector = hex("000102030405060708090a0b0c0d0e0f")
    let plain = hex(
      "6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51"
        + "30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710"
    )
    let expected = hex(
      "7649abac8119b246cee98e9b12e9197d 5086cb9b507219ee95db113a917678b2"
        + "73bed6b8e3c1743b7116e69e22229516 3ff1caa1681fac09120eca307586e1a7"
    )
    var cipher = try AES128CBC(key: key.span, vector: vector.span)
    let sealed = try output { _ = try cipher.encrypt(plain.span, into: &$0) }
    #expect(Array(sealed.prefix(64)) == expected)
  }

  @Test func `each message starts over from the vector, whatever went through before`() throws {
    let key = hex("668a5d40cf032ffd9af8465310559cb8")
    let vector = Array("543yhjy97ae7fyfg".utf8)
    var used = try AES128CBC(key: key.span, vector: vector.span)
    var random = SeededRandom(seed: 5)
    for _ in 0..<500 {
      let plain = (0..<Int.random(in: 0...100, using: &random)).map { _ in
        UInt8.random(in: 0...255, using: &random)
      }
      var fresh = try AES128CBC(key: key.span, vector: vector.span)
      let sealed = try output { _ = try used.encrypt(plain.span, into: &$0) }
      #expect(try output { _ = try fresh.encrypt(plain.span, into: &$0) } == sealed)
      #expect(try output { _ = try used.decrypt(sealed.span, into: &$0) } == plain)
      // Garbage, a wrong length or lack of room append nothing.
      let garbage = [UInt8](repeating: UInt8.random(in: 0...255, using: &random), count: 32)
      _ = try output { _ = try used.decrypt(garbage.span, into: &$0) }
      _ = try output { _ = try used.decrypt(garbage.span.extracting(0..<31), into: &$0) }
      _ = try output(capacity: 8) { _ = try used.encrypt(plain.span, into: &$0) }
    }
  }

  @Test func `a constant-time comparison compares`() {
    do {
      let same = constantTimeEqual([1, 2].span, [1, 2].span)
      #expect(same)
    }
    do {
      let same = constantTimeEqual([1, 2].span, [1, 3].span)
      #expect(!same)
    }
    do {
      let same = constantTimeEqual([1, 2].span, [1].span)
      #expect(!same)
    }
  }
}
