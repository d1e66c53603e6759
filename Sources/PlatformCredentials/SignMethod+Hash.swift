// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
package import OpenSSLSupport
public import Platform
public import SecurityLayer

extension SignMethod {
  /// The hash function of the HMAC.
  package var hash: Hash {
    switch self {
    case .hmacMD5: .md5
    case .hmacSHA1: .sha1
    case .hmacSHA256: .sha256
    }
  }

  /// The HMAC under `key` of the bytes that `write` appends: at most 640, names and values in the
  /// platform's signing order.
  @inline(never)
  public func signature(
    key: Span<UInt8>,
    over write: (inout ByteWriter) throws(CapacityError) -> Void
  ) throws(SecurityError) -> FixedBytes<32> {
    var content = FixedBytes<640>()
    do throws(CapacityError) {
      try content.write(write)
    } catch {
      throw .capacity
    }
    do throws(OpenSSLError) {
      return try hash.hmac(key: key, content: content.bytes)
    } catch {
      throw .library(code: error.code)
    }
  }
}
