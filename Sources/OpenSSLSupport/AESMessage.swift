// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL
public import ConstrainedCore

/// AES-128, AES-192 or AES-256 in CBC mode with PKCS #7 padding, for single messages under a key
/// each; `AES128CBC` is for many messages under one key.
public enum AESMessage {
  /// Appends the ciphertext, padded to the next higher multiple of 16; returns `false` and appends
  /// nothing if it does not fit.
  ///
  /// `key` must have 16, 24 or 32 bytes, `vector` 16.
  public static func encrypt(
    _ plaintext: Span<UInt8>,
    key: Span<UInt8>,
    vector: Span<UInt8>,
    into output: inout ByteWriter
  ) throws(OpenSSLError) -> Bool {
    guard output.remaining >= AES128CBC.sealedCount(plaintext.count) else { return false }
    guard try run(plaintext, key, vector, encrypts: true, &output) else { throw .fromQueue() }
    return true
  }

  /// Appends the plaintext; returns `false` and appends nothing if the ciphertext's length is not a
  /// positive multiple of 16, the padding is wrong, or the output has too little room for the
  /// padded text.
  ///
  /// `key` must have 16, 24 or 32 bytes, `vector` 16.
  public static func decrypt(
    _ ciphertext: Span<UInt8>,
    key: Span<UInt8>,
    vector: Span<UInt8>,
    into output: inout ByteWriter
  ) throws(OpenSSLError) -> Bool {
    let count = ciphertext.count
    guard count > 0, count % AES128CBC.blockSize == 0 else { return false }
    // OpenSSL may write one block more than the result.
    guard output.remaining >= count + AES128CBC.blockSize else { return false }
    return try run(ciphertext, key, vector, encrypts: false, &output)
  }

  private static func run(
    _ input: Span<UInt8>,
    _ key: Span<UInt8>,
    _ vector: Span<UInt8>,
    encrypts: Bool,
    _ output: inout ByteWriter
  ) throws(OpenSSLError) -> Bool {
    precondition(vector.count == AES128CBC.blockSize, "the vector has the size of a block")
    guard let context = unsafe EVP_CIPHER_CTX_new() else { throw .fromQueue() }
    // SAFETY: the context is used in this function alone; freeing it wipes the key.
    defer { unsafe EVP_CIPHER_CTX_free(context) }
    // SAFETY: the cipher was chosen by the length of the key, and reads as many bytes of it, and 16
    // of the vector.
    let ready = unsafe key.withUnsafeBufferPointer { key in
      unsafe vector.withUnsafeBufferPointer { vector in
        unsafe EVP_CipherInit_ex(
          context,
          cipher(keyCount: key.count),
          nil,
          key.baseAddress,
          vector.baseAddress,
          encrypts ? 1 : 0
        )
      }
    }
    guard ready == 1 else { throw .fromQueue() }
    var isDone = false
    unsafe output.appendUnchecked { room in
      var (first, last): (Int32, Int32) = (0, 0)
      // SAFETY: the callers have checked for room for the result and one block more.
      let updated = unsafe input.withUnsafeBufferPointer {
        unsafe EVP_CipherUpdate(context, room.baseAddress, &first, $0.baseAddress, Int32($0.count))
      }
      guard updated == 1 else { return 0 }
      let rest = unsafe room.baseAddress.map { unsafe $0 + Int(first) }
      isDone = unsafe EVP_CipherFinal_ex(context, rest, &last) == 1
      return isDone ? Int(first + last) : 0
    }
    // Wrong padding is not a failure of the library.
    if !isDone, !encrypts { OpenSSLError.emptyQueue() }
    return isDone
  }

  private static func cipher(keyCount: Int) -> OpaquePointer? {
    switch keyCount {
    case 16: unsafe EVP_aes_128_cbc()
    case 24: unsafe EVP_aes_192_cbc()
    case 32: unsafe EVP_aes_256_cbc()
    default: preconditionFailure("AES takes keys of 16, 24 and 32 bytes")
    }
  }
}
