internal import COpenSSL
public import ConstrainedCore

/// AES-128 in CBC mode with PKCS #7 padding (FIPS 197, SP 800-38A, RFC 5652 Section 6.3), under one
/// key and one initialisation vector.
///
/// The two contexts are made once; no call after that allocates. They are wiped when the value ends.
@safe
public struct AES128CBC: ~Copyable {
  /// AES works on blocks of 16 bytes.
  public static let blockSize = 16

  private let encryption: OpaquePointer
  private let decryption: OpaquePointer
  private let vector: InlineArray<16, UInt8>

  /// The block that each context chains the next one to: the last ciphertext, at first the vector.
  ///
  /// A message starts over from the vector. To set it anew in the context costs thousands of
  /// instructions, and to take the difference out of the first block 16: CBC adds the chained block
  /// by exclusive or, so that (block + vector + chained) + chained is block + vector.
  private var encryptionChain: InlineArray<16, UInt8>
  private var decryptionChain: InlineArray<16, UInt8>

  /// Makes the contexts.
  ///
  /// `key` and `vector` must have 16 bytes each.
  public init(key: Span<UInt8>, vector: Span<UInt8>) throws(OpenSSLError) {
    precondition(key.count == 16 && vector.count == 16, "AES-128 takes a key and a block")
    guard let encryption = unsafe Self.context(key, vector, encrypts: true) else {
      throw .fromQueue()
    }
    guard let decryption = unsafe Self.context(key, vector, encrypts: false) else {
      unsafe EVP_CIPHER_CTX_free(encryption)
      throw .fromQueue()
    }
    var start = InlineArray<16, UInt8>(repeating: 0)
    for index in 0..<16 { start[index] = vector[index] }
    self.vector = start
    encryptionChain = start
    decryptionChain = start
    unsafe self.encryption = encryption
    unsafe self.decryption = decryption
  }

  deinit {
    // SAFETY: both contexts belong to this value alone; freeing one wipes its key.
    unsafe EVP_CIPHER_CTX_free(encryption)
    unsafe EVP_CIPHER_CTX_free(decryption)
  }

  /// How many bytes `count` bytes become: the next multiple of 16 above.
  public static func sealedCount(_ count: Int) -> Int { (count / blockSize + 1) * blockSize }

  /// Appends the ciphertext of `plaintext`; `false`, and nothing appended, without room for it.
  public mutating func encrypt(
    _ plaintext: Span<UInt8>,
    into output: inout ByteWriter
  ) throws(OpenSSLError) -> Bool {
    let count = plaintext.count
    let sealed = Self.sealedCount(count)
    guard output.remaining >= sealed else { return false }
    let padding = UInt8(truncatingIfNeeded: sealed - count)
    let (vector, chain) = (vector, encryptionChain)
    let context = unsafe encryption
    var last = InlineArray<16, UInt8>(repeating: 0)
    var isDone = false
    unsafe output.appendUnchecked { room in
      // SAFETY: the room has `sealed` bytes or more, 16 at least. EVP_CipherUpdate works in place
      // when input and output are the same, and gives as many whole blocks as it gets.
      for index in 0..<count { unsafe room[index] = plaintext[index] }
      for index in count..<sealed { unsafe room[index] = padding }
      for index in 0..<16 { unsafe room[index] ^= vector[index] ^ chain[index] }
      isDone = unsafe Self.update(context, room.baseAddress, room.baseAddress, sealed)
      for index in 0..<16 { unsafe last[index] = room[sealed - 16 + index] }
      return isDone ? sealed : 0
    }
    guard isDone else {
      let error = OpenSSLError.fromQueue()
      encryptionChain = vector
      try unsafe restart(encryption)
      throw error
    }
    encryptionChain = last
    return true
  }

  /// Appends the plaintext of `ciphertext`; `false`, and nothing appended, when its length is no
  /// multiple of 16 above 0, the padding is wrong anywhere, or there is no room: all alike.
  ///
  /// The padding is checked in a time that does not depend on it.
  public mutating func decrypt(
    _ ciphertext: Span<UInt8>,
    into output: inout ByteWriter
  ) throws(OpenSSLError) -> Bool {
    let count = ciphertext.count
    guard count > 0, count % Self.blockSize == 0, output.remaining >= count else { return false }
    let start = output.count
    let (vector, chain) = (vector, decryptionChain)
    let context = unsafe decryption
    var isDone = false
    unsafe output.appendUnchecked { room in
      // SAFETY: the room has `count` bytes or more, 16 at least, and is not where the ciphertext lies.
      isDone = unsafe ciphertext.withUnsafeBufferPointer { source in
        unsafe Self.update(context, room.baseAddress, source.baseAddress, count)
      }
      for index in 0..<16 { unsafe room[index] ^= vector[index] ^ chain[index] }
      return isDone ? count : 0
    }
    guard isDone else {
      let error = OpenSSLError.fromQueue()
      decryptionChain = vector
      try unsafe restart(decryption)
      throw error
    }
    for index in 0..<16 { decryptionChain[index] = ciphertext[count - 16 + index] }
    let padding = Self.padding(of: output.written.extracting(droppingFirst: start))
    output.truncate(to: padding == 0 ? start : start + count - padding)
    return padding != 0
  }

  /// How many bytes of padding end `bytes`, a whole number of blocks; 0 when they are wrong.
  private static func padding(of bytes: Span<UInt8>) -> Int {
    let count = bytes.count
    let length = Int(bytes[count - 1])
    var wrong = (length - 1) >> 8 | (blockSize - length) >> 8
    for distance in 1...blockSize {
      // All ones within the padding, else zero.
      let within = (distance - length - 1) >> 8
      wrong |= within & (Int(bytes[count - distance]) ^ length)
    }
    return wrong == 0 ? length : 0
  }

  private static func context(
    _ key: Span<UInt8>,
    _ vector: Span<UInt8>,
    encrypts: Bool
  ) -> OpaquePointer? {
    guard let context = unsafe EVP_CIPHER_CTX_new() else { return nil }
    // SAFETY: key and vector have 16 bytes each, which is what the cipher reads.
    let ready = unsafe key.withUnsafeBufferPointer { key in
      unsafe vector.withUnsafeBufferPointer { vector in
        unsafe EVP_CipherInit_ex(
          context,
          EVP_aes_128_cbc(),
          nil,
          key.baseAddress,
          vector.baseAddress,
          encrypts ? 1 : 0
        )
      }
    }
    guard ready == 1, unsafe EVP_CIPHER_CTX_set_padding(context, 0) == 1 else {
      unsafe EVP_CIPHER_CTX_free(context)
      return nil
    }
    return unsafe context
  }

  /// Sets the vector in a context.
  private func restart(_ context: OpaquePointer) throws(OpenSSLError) {
    // SAFETY: the vector has 16 bytes, which is what the cipher reads.
    let ready = unsafe vector.span.withUnsafeBufferPointer {
      unsafe EVP_CipherInit_ex(context, nil, nil, nil, $0.baseAddress, -1)
    }
    guard ready == 1 else { throw .fromQueue() }
  }

  /// Passes `count` bytes, a multiple of 16, through; without padding, as many come out as go in.
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
