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
  public func digest(of content: Span<UInt8>) throws(OpenSSLError) -> FixedBytes<32> {
    try unsafe Self.output { (target, length) in
      unsafe content.withUnsafeBufferPointer {
        unsafe EVP_Digest($0.baseAddress, $0.count, target, length, function, nil) == 1
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
          unsafe HMAC(
            function,
            key.baseAddress,
            Int32(key.count),
            $0.baseAddress,
            $0.count,
            target,
            length
          )
            != nil
        }
      }
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
  static func output(
    _ body: (UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt32>) -> Bool
  ) throws(OpenSSLError) -> FixedBytes<32> {
    var result = FixedBytes<32>()
    var failed = false
    result.write { (writer: inout ByteWriter) in
      unsafe writer.appendUnchecked { room in
        var length: UInt32 = 0
        // SAFETY: the room has 32 bytes, the longest digest of the three.
        failed = unsafe !body(room.baseAddress, &length)
        return failed ? 0 : Int(length)
      }
    }
    if failed { throw .fromQueue() }
    return result
  }
}
