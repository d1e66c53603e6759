// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL
public import ConstrainedCore

/// A hash function used in the platform's signatures.
public enum Hash: Sendable {
  /// MD5, 16 bytes (RFC 1321); kept because it is the platform's default for HMAC.
  case md5
  /// SHA-1, 20 bytes (FIPS 180-4).
  case sha1
  /// SHA-256, 32 bytes (FIPS 180-4).
  case sha256

  /// The digest of `content`.
  @inline(never)
  public func digest(of content: Span<UInt8>) throws(OpenSSLError) -> FixedBytes<32> {
    try unsafe Self.output { (target, length) in
      unsafe content.withUnsafeBufferPointer {
        unsafe EVP_Q_digest(nil, name, nil, $0.baseAddress, $0.count, target, length) == 1
      }
    }
  }

  /// The HMAC of `content` (RFC 2104), keyed with `key`.
  public func hmac(
    key: Span<UInt8>,
    content: Span<UInt8>
  ) throws(OpenSSLError) -> FixedBytes<32> {
    try unsafe Self.output { (target, length) in
      unsafe key.withUnsafeBufferPointer { key in
        unsafe content.withUnsafeBufferPointer {
          unsafe nbiot_hmac(
            name,
            key.baseAddress,
            key.count,
            $0.baseAddress,
            $0.count,
            target,
            length
          ) == 1
        }
      }
    }
  }

  /// OpenSSL's name for the function.
  private var name: UnsafePointer<CChar> {
    switch self {
    case .md5: unsafe cString("MD5")
    case .sha1: unsafe cString("SHA1")
    case .sha256: unsafe cString("SHA256")
    }
  }

  /// OpenSSL's object for the function.
  var function: OpaquePointer? {
    switch self {
    case .md5: unsafe EVP_md5()
    case .sha1: unsafe EVP_sha1()
    case .sha256: unsafe EVP_sha256()
    }
  }

  /// Lets `body` write a digest, at most 32 bytes, and its length; `body` returns `false` on
  /// failure.
  @inline(never)
  static func output(
    _ body: (UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<Int>) -> Bool
  ) throws(OpenSSLError) -> FixedBytes<32> {
    var result = FixedBytes<32>()
    var failed = false
    result.write { (writer: inout ByteWriter) in
      unsafe writer.appendUnchecked { room in
        var length = 0
        // SAFETY: the room has 32 bytes, the longest digest of the three.
        failed = unsafe !body(room.baseAddress, &length)
        return failed ? 0 : length
      }
    }
    if failed { throw .fromQueue() }
    return result
  }
}
