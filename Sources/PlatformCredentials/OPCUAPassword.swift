public import ConstrainedCore
internal import OpenSSLSupport

/// The field `password` in what the platform configures a gateway with for an OPC UA server: AES in
/// CBC mode under the device secret, in Base64 (device guide 6.7).
///
/// Whoever knows the device secret reads the password. The initialisation vector is part of the key
/// and nothing authenticates the text: this is the platform's design.
public enum OPCUAPassword {
  /// The longest password that is taken, in bytes.
  public static let maxCount = 255

  /// The longest encrypted password, in characters.
  public static let maxEncryptedCount = 344

  /// Appends the encrypted password in Base64.
  ///
  /// `secret` is the key, its first 16 bytes the initialisation vector.
  public static func encrypt(
    _ password: Span<UInt8>,
    secret: Span<UInt8>,
    into output: inout ByteWriter
  ) throws(OPCUAPasswordError) {
    try check(secret)
    guard password.count <= maxCount else { throw .tooLong(password.count) }
    var ciphertext = FixedBytes<256>()
    do throws(OpenSSLError) {
      try ciphertext.write { (writer: inout ByteWriter) throws(OpenSSLError) in
        let vector = secret.extracting(0..<16)
        let isDone = try AESMessage.encrypt(password, key: secret, vector: vector, into: &writer)
        precondition(isDone, "255 bytes and their padding are 256")
      }
    } catch {
      throw .library(code: error.code)
    }
    do throws(CapacityError) {
      try output.append(base64: ciphertext.bytes)
    } catch {
      throw .capacity
    }
  }

  /// Appends the password that an encrypted one stands for; the caller wipes it after use.
  ///
  /// A wrong secret is found by the padding in 255 of 256 cases; in the others the password is
  /// nonsense.
  public static func decrypt(
    _ text: Span<UInt8>,
    secret: Span<UInt8>,
    into output: inout ByteWriter
  ) throws(OPCUAPasswordError) {
    try check(secret)
    var ciphertext = FixedBytes<256>()
    var isBase64 = false
    do throws(CapacityError) {
      try ciphertext.write { (writer: inout ByteWriter) throws(CapacityError) in
        isBase64 = try writer.append(decodingBase64: text)
      }
    } catch {
      throw .tooLong(text.count)
    }
    guard isBase64 else { throw .notBase64 }
    var plaintext = FixedBytes<272>()
    defer { plaintext.withStorage { wipe(&$0) } }
    var isReadable = false
    do throws(OpenSSLError) {
      try plaintext.write { (writer: inout ByteWriter) throws(OpenSSLError) in
        let vector = secret.extracting(0..<16)
        isReadable = try AESMessage.decrypt(
          ciphertext.bytes,
          key: secret,
          vector: vector,
          into: &writer
        )
      }
    } catch {
      throw .library(code: error.code)
    }
    guard isReadable else { throw .unreadable }
    do throws(CapacityError) {
      try output.append(plaintext.bytes)
    } catch {
      throw .capacity
    }
  }

  private static func check(_ secret: Span<UInt8>) throws(OPCUAPasswordError) {
    switch secret.count {
    case 16, 24, 32: return
    default: throw .secret(secret.count)
    }
  }
}

/// Why a password of OPC UA could not be encrypted or decrypted.
public enum OPCUAPasswordError: Error, Equatable, Sendable {
  /// The device secret has so many bytes, and an AES key 16, 24 or 32.
  case secret(Int)
  /// The password, or the encrypted one, has so many bytes, which are too many.
  case tooLong(Int)
  /// What should be an encrypted password is not Base64.
  case notBase64
  /// It is Base64, and was not encrypted with this secret.
  case unreadable
  /// The output has no room for the result.
  case capacity
  /// The cryptographic library refused, with its error code.
  case library(code: UInt)
}
