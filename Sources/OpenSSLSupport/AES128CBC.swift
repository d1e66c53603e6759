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
  private let vector: FixedBytes<16>

  /// Makes the contexts.
  ///
  /// `key` and `vector` must have 16 bytes each.
  public init(key: Span<UInt8>, vector: Span<UInt8>) throws(OpenSSLError) {
    precondition(key.count == 16 && vector.count == 16, "AES-128 takes a key and a block")
    guard let encryption = unsafe Self.context(key: key, encrypts: true) else {
      throw .fromQueue()
    }
    guard let decryption = unsafe Self.context(key: key, encrypts: false) else {
      unsafe EVP_CIPHER_CTX_free(encryption)
      throw .fromQueue()
    }
    do throws(CapacityError) {
      self.vector = try FixedBytes(copying: vector)
    } catch {
      preconditionFailure("the vector's 16 bytes were checked")
    }
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
  public func encrypt(
    _ plaintext: Span<UInt8>,
    into output: inout ByteWriter
  ) throws(OpenSSLError) -> Bool {
    guard output.remaining >= Self.sealedCount(plaintext.count) else { return false }
    let whole = plaintext.count / Self.blockSize * Self.blockSize
    let padding = UInt8(Self.blockSize - (plaintext.count - whole))
    var last = InlineArray<16, UInt8>(repeating: padding)
    for index in whole..<plaintext.count { last[index - whole] = plaintext[index] }
    let start = output.count
    do throws(OpenSSLError) {
      try unsafe restart(encryption)
      try unsafe update(encryption, plaintext.extracting(0..<whole), into: &output)
      try unsafe update(encryption, last.span, into: &output)
    } catch {
      output.truncate(to: start)
      throw error
    }
    return true
  }

  /// Appends the plaintext of `ciphertext`; `false`, and nothing appended, when its length is no
  /// multiple of 16 above 0, the padding is wrong anywhere, or there is no room: all alike.
  ///
  /// The padding is checked in a time that does not depend on it.
  public func decrypt(
    _ ciphertext: Span<UInt8>,
    into output: inout ByteWriter
  ) throws(OpenSSLError) -> Bool {
    let count = ciphertext.count
    guard count > 0, count % Self.blockSize == 0, output.remaining >= count else { return false }
    let start = output.count
    do throws(OpenSSLError) {
      try unsafe restart(decryption)
      try unsafe update(decryption, ciphertext, into: &output)
    } catch {
      output.truncate(to: start)
      throw error
    }
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

  private static func context(key: Span<UInt8>, encrypts: Bool) -> OpaquePointer? {
    guard let context = unsafe EVP_CIPHER_CTX_new() else { return nil }
    // SAFETY: the key has 16 bytes, which is what the cipher reads.
    let ready = unsafe key.withUnsafeBufferPointer {
      unsafe EVP_CipherInit_ex(
        context,
        EVP_aes_128_cbc(),
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

  private func restart(_ context: OpaquePointer) throws(OpenSSLError) {
    // SAFETY: the vector has 16 bytes, which is what the cipher reads.
    let ready = unsafe vector.bytes.withUnsafeBufferPointer {
      unsafe EVP_CipherInit_ex(context, nil, nil, nil, $0.baseAddress, -1)
    }
    guard ready == 1 else { throw .fromQueue() }
  }

  /// Passes whole blocks through; without padding, as many bytes come out as go in.
  private func update(
    _ context: OpaquePointer,
    _ input: Span<UInt8>,
    into output: inout ByteWriter
  ) throws(OpenSSLError) {
    guard input.count > 0 else { return }
    var made: Int32 = 0
    // SAFETY: the callers checked that the output has room for the input's whole blocks.
    let done = unsafe input.withUnsafeBufferPointer { source in
      var status: Int32 = 0
      unsafe output.appendUnchecked { room in
        status = unsafe EVP_CipherUpdate(
          context,
          room.baseAddress,
          &made,
          source.baseAddress,
          Int32(source.count)
        )
        return status == 1 ? Int(made) : 0
      }
      return status
    }
    guard done == 1, Int(made) == input.count else { throw .fromQueue() }
  }
}
