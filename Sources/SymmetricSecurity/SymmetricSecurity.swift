// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
internal import OpenSSLSupport
public import SecurityLayer

/// The platform's symmetric mode on port 5682: AES-128-CBC on payload and sequence number.
///
/// Key: bytes 8 to 23 of SHA-256 of `deviceSecret,random`; initialisation vector: a constant
/// (protocol facts 2.1, from the platform's help page 57697). The platform's design has two
/// weaknesses: key and vector stay the same for the life of a token, and the bytes are not
/// authenticated.
public struct SymmetricSecurity: ~Copyable, SecurityLayer {
  private var cipher = AES128CBC()

  /// Starts without a key.
  public init() {}

  /// `true`: reports carry option 2089.
  public var usesSequence: Bool { true }

  /// Derives the key; `random` has at most 32 bytes.
  public mutating func establish(
    secret: Span<UInt8>,
    random: Span<UInt8>
  ) throws(SecurityError) {
    cipher = AES128CBC()
    var material = InlineArray<192, UInt8>(repeating: 0)
    defer {
      var bytes = material.mutableSpan
      wipe(&bytes)
    }
    var writer = ByteWriter(material.mutableSpan)
    do throws(CapacityError) {
      try writer.append(secret)
      try writer.append(UInt8(ascii: ","))
      try writer.append(random)
    } catch {
      throw .capacity
    }
    do throws(OpenSSLError) {
      var digest = try Hash.sha256.digest(of: writer.written)
      defer { digest.withStorage { wipe(&$0) } }
      let vector = Span("543yhjy97ae7fyfg" as StaticString)
      cipher = try AES128CBC(key: digest.bytes.extracting(8..<24), vector: vector)
    } catch {
      throw .library(code: error.code)
    }
  }

  /// Appends the ciphertext of `payload`, 1 to 16 bytes longer.
  public mutating func seal(
    payload: Span<UInt8>,
    into output: inout ByteWriter
  ) throws(SecurityError) {
    guard cipher.hasKey else { throw .notEstablished }
    let sealed: Bool
    do throws(OpenSSLError) {
      sealed = try cipher.encrypt(payload, into: &output)
    } catch {
      throw .library(code: error.code)
    }
    guard sealed else { throw .capacity }
  }

  /// Appends the plaintext of `payload`.
  public mutating func open(
    payload: Span<UInt8>,
    into output: inout ByteWriter
  ) throws(SecurityError) {
    guard cipher.hasKey else { throw .notEstablished }
    let opened: Bool
    do throws(OpenSSLError) {
      opened = try cipher.decrypt(payload, into: &output)
    } catch {
      throw .library(code: error.code)
    }
    guard opened else { throw .openFailed }
  }

  /// Appends the ciphertext of the number's decimal digits: 16 bytes for up to 15 digits, else 32.
  public mutating func sealSequence(
    _ sequence: UInt64,
    into output: inout ByteWriter
  ) throws(SecurityError) {
    var digits = InlineArray<20, UInt8>(repeating: 0)
    var writer = ByteWriter(digits.mutableSpan)
    do throws(CapacityError) {
      try writer.append(decimal: sequence)
    } catch {
      preconditionFailure("a UInt64 has at most 20 digits")
    }
    try seal(payload: writer.written, into: &output)
  }
}
