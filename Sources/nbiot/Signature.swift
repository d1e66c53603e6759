// SPDX-License-Identifier: Apache-2.0
internal import CoAPLink
internal import ConstrainedCore
internal import OpenSSLSupport
internal import Platform
internal import PlatformCredentials

/// An HMAC over a text without secrets.
struct Signature {
  /// The signed text.
  let content: String
  /// The HMAC.
  let bytes: [UInt8]

  /// Signs a text with a secret.
  init(_ content: String, _ method: SignMethod, _ secret: [UInt8]) throws {
    let text = Array(content.utf8)
    do throws(OpenSSLError) {
      let mac = try method.hash.hmac(key: secret.span, content: text.span)
      bytes = mac.bytes.indices.map { mac.bytes[$0] }
    } catch {
      throw Complaint("OpenSSL could not sign (error \(error.code))", .undelivered)
    }
    self.content = content
  }

  /// The HMAC in hexadecimal.
  func digits(uppercase: Bool) throws -> String {
    try Self.text { (writer: inout ByteWriter) throws(CapacityError) in
      try writer.append(hexadecimal: bytes.span, uppercase: uppercase)
    }
  }

  /// The output of a writer, as text.
  static func text(
    _ body: (inout ByteWriter) throws(CapacityError) -> Void
  ) throws -> String {
    var buffer = [UInt8](repeating: 0, count: 2_048)
    let count: Int
    do throws(CapacityError) {
      var writer = ByteWriter(buffer.mutableSpan)
      try body(&writer)
      count = writer.count
    } catch {
      throw Complaint("the names are too long: together they may have about 2,000 bytes")
    }
    return String(decoding: buffer[..<count], as: UTF8.self)
  }
}
