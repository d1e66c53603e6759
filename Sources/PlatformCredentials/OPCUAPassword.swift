// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
internal import OpenSSLSupport

/// The field `password` in the platform's configuration of a gateway for an OPC UA server: AES in
/// CBC mode under the device secret, in Base64 (device guide 6.7).
///
/// Anyone with the device secret can read the password. The initialisation vector is part of the
/// key, and the ciphertext is not authenticated; this is the platform's design.
public enum OPCUAPassword {
  /// The longest password accepted, in bytes.
  public static let maxCount = 255

  /// The longest encrypted password, in characters.
  public static let maxEncryptedCount = 344

  /// Appends the encrypted password in Base64.
  ///
  /// `secret` is the key, and its first 16 bytes are the initialisation vector.
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

  /// Appends the decrypted password; the caller wipes it after use.
  ///
  /// The padding reveals a wrong secret in 255 of 256 cases; otherwise the password is garbage.
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

/// Why an OPC UA password could not be encrypted or decrypted.
public enum OPCUAPasswordError: Error, Equatable, Sendable {
  /// The device secret has this many bytes; an AES key has 16, 24 or 32.
  case secret(Int)
  /// The password, plain or encrypted, has this many bytes, which is too many.
  case tooLong(Int)
  /// The encrypted password is not Base64.
  case notBase64
  /// The encrypted password is Base64, but was not encrypted with this secret.
  case unreadable
  /// The output has no room for the result.
  case capacity
  /// The cryptographic library refused, with its error code.
  case library(code: UInt)
}
