// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL
public import ConstrainedCore

/// AES-128 in CBC mode with PKCS #7 padding (FIPS 197, SP 800-38A, RFC 5652 Section 6.3), under one
/// key and one initialisation vector.
///
/// OpenSSL encrypts single blocks (ECB), which are chained here: its own CBC continues from the end of the last
/// message, and resetting the vector costs thousands of instructions per message. Both contexts are allocated once,
/// and no later call allocates. They are wiped with the value.
@safe
public struct AES128CBC: ~Copyable {
  /// The block size of AES in bytes.
  public static let blockSize = 16

  private let encryption: OpaquePointer?
  private let decryption: OpaquePointer?
  private let vector: Block

  /// Allocates the contexts.
  ///
  /// `key` and `vector` must have 16 bytes each.
  public init(key: Span<UInt8>, vector: Span<UInt8>) throws(OpenSSLError) {
    precondition(key.count == 16 && vector.count == 16, "AES-128 takes a key and a block")
    guard let encryption = unsafe Self.context(key, encrypts: true) else { throw .fromQueue() }
    guard let decryption = unsafe Self.context(key, encrypts: false) else {
      unsafe EVP_CIPHER_CTX_free(encryption)
      throw .fromQueue()
    }
    // SAFETY: the vector's 16 bytes were checked.
    self.vector = unsafe vector.withUnsafeBytes { unsafe Block($0, at: 0) }
    unsafe self.encryption = encryption
    unsafe self.decryption = decryption
  }

  /// Has no key; encrypting and decrypting fail until another value replaces it.
  ///
  /// An optional value would be compared as a whole wherever it is used.
  public init() {
    vector = Block()
    unsafe encryption = nil
    unsafe decryption = nil
  }

  /// Whether there is a key.
  public var hasKey: Bool { unsafe encryption != nil }

  deinit {
    // SAFETY: both contexts belong to this value alone; freeing one wipes its key.
    unsafe EVP_CIPHER_CTX_free(encryption)
    unsafe EVP_CIPHER_CTX_free(decryption)
  }

  /// The ciphertext's length for `count` bytes of plaintext: the next higher multiple of 16.
  public static func sealedCount(_ count: Int) -> Int { (count / blockSize + 1) * blockSize }

  /// Appends the ciphertext of `plaintext`; returns `false` and appends nothing if it does not fit
  /// or there is no key.
  public mutating func encrypt(
    _ plaintext: Span<UInt8>,
    into output: inout ByteWriter
  ) throws(OpenSSLError) -> Bool {
    guard let context = unsafe encryption else { return false }
    let count = plaintext.count
    let sealed = Self.sealedCount(count)
    guard output.remaining >= sealed else { return false }
    let padding = UInt8(truncatingIfNeeded: sealed - count)
    var isDone = true
    unsafe output.appendUnchecked { room in
      // SAFETY: the room has at least `sealed` bytes, at least 16.
      unsafe plaintext.withUnsafeBufferPointer { source in
        if let from = source.baseAddress {
          unsafe room.baseAddress?.update(from: from, count: count)
        }
      }
      for index in count..<sealed { unsafe room[index] = padding }
      let bytes = UnsafeMutableRawBufferPointer(room)
      let source = UnsafeRawBufferPointer(bytes)
      var chained = vector
      var start = 0
      while isDone, start < sealed {
        unsafe (Block(source, at: start) ^ chained).store(in: bytes, at: start)
        // EVP_CipherUpdate works in place.
        let block = unsafe room.baseAddress.map { unsafe $0 + start }
        isDone = unsafe Self.update(context, block, block, Self.blockSize)
        chained = unsafe Block(source, at: start)
        start &+= Self.blockSize
      }
      return isDone ? sealed : 0
    }
    if !isDone { throw .fromQueue() }
    return true
  }

  /// Appends the plaintext of `ciphertext`; returns `false` and appends nothing if the length is
  /// not a positive multiple of 16, the padding is wrong, or there is no room or no key, without
  /// telling these apart.
  ///
  /// The padding check takes constant time.
  public mutating func decrypt(
    _ ciphertext: Span<UInt8>,
    into output: inout ByteWriter
  ) throws(OpenSSLError) -> Bool {
    guard let context = unsafe decryption else { return false }
    let count = ciphertext.count
    guard count > 0, count % Self.blockSize == 0, output.remaining >= count else { return false }
    let start = output.count
    var isDone = false
    unsafe output.appendUnchecked { room in
      // SAFETY: the room has at least `count` bytes, at least 16, and does not overlap the
      // ciphertext.
      unsafe ciphertext.withUnsafeBytes { source in
        isDone = unsafe Self.update(
          context,
          room.baseAddress,
          source.assumingMemoryBound(to: UInt8.self).baseAddress,
          count
        )
        let bytes = UnsafeMutableRawBufferPointer(room)
        var chained = vector
        var start = 0
        while start < count {
          let plain = unsafe Block(UnsafeRawBufferPointer(bytes), at: start) ^ chained
          unsafe plain.store(in: bytes, at: start)
          chained = unsafe Block(source, at: start)
          start &+= Self.blockSize
        }
      }
      return isDone ? count : 0
    }
    if !isDone { throw .fromQueue() }
    let padding = Self.padding(of: output.written.extracting(droppingFirst: start))
    output.truncate(to: padding == 0 ? start : start + count - padding)
    return padding != 0
  }

  /// The length of the padding at the end of `bytes`, a whole number of blocks; 0 if it is wrong.
  private static func padding(of bytes: Span<UInt8>) -> Int {
    let count = bytes.count
    let length = Int(bytes[count - 1])
    var wrong = (length - 1) >> 8 | (blockSize - length) >> 8
    for distance in 1...blockSize {
      // All ones inside the padding, otherwise zero.
      let within = (distance - length - 1) >> 8
      wrong |= within & (Int(bytes[count - distance]) ^ length)
    }
    return wrong == 0 ? length : 0
  }

  private static func context(_ key: Span<UInt8>, encrypts: Bool) -> OpaquePointer? {
    guard let context = unsafe EVP_CIPHER_CTX_new() else { return nil }
    // SAFETY: the cipher reads 16 bytes of the key, and it has 16.
    let ready = unsafe key.withUnsafeBufferPointer {
      unsafe EVP_CipherInit_ex(
        context,
        EVP_aes_128_ecb(),
        nil,
        $0.baseAddress,
        nil,
        encrypts ? 1 : 0
      )
    }
    guard ready == 1, unsafe EVP_CIPHER_CTX_set_padding(context, 0) == 1 else {
      unsafe EVP_CIPHER_CTX_free(context)
      return nil
    }
    return unsafe context
  }

  /// Processes `count` bytes, a multiple of 16; without padding the output is as long as the input.
  private static func update(
    _ context: OpaquePointer,
    _ output: UnsafeMutablePointer<UInt8>?,
    _ input: UnsafePointer<UInt8>?,
    _ count: Int
  ) -> Bool {
    var made: Int32 = 0
    // SAFETY: both callers pass `count` bytes to read and room for `count` bytes.
    let status = unsafe EVP_CipherUpdate(context, output, &made, input, Int32(count))
    return status == 1 && Int(made) == count
  }
}

/// A block of 16 bytes as two numbers in native byte order.
private struct Block {
  private var first: UInt64
  private var second: UInt64

  init(_ first: UInt64 = 0, _ second: UInt64 = 0) {
    self.first = first
    self.second = second
  }

  /// Reads the block; there must be 16 bytes at `offset`.
  init(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
    // SAFETY: the caller guarantees 16 bytes there.
    first = unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    second = unsafe bytes.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self)
  }

  /// Writes the block; there must be room for 16 bytes at `offset`.
  func store(in bytes: UnsafeMutableRawBufferPointer, at offset: Int) {
    // SAFETY: the caller guarantees 16 bytes there.
    unsafe bytes.storeBytes(of: first, toByteOffset: offset, as: UInt64.self)
    unsafe bytes.storeBytes(of: second, toByteOffset: offset + 8, as: UInt64.self)
  }

  /// The exclusive or of both blocks.
  static func ^ (left: Block, right: Block) -> Block {
    Block(left.first ^ right.first, left.second ^ right.second)
  }
}
