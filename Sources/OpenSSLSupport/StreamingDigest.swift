// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL
public import ConstrainedCore

/// The digest of data that arrives in pieces, such as a firmware.
///
/// The context is allocated once and freed with the value.
@safe
public struct StreamingDigest: ~Copyable {
  private let context: OpaquePointer

  /// Starts a digest of that kind.
  public init(_ hash: Hash) throws(OpenSSLError) {
    guard let context = unsafe EVP_MD_CTX_new() else { throw .fromQueue() }
    guard unsafe EVP_DigestInit_ex(context, hash.function, nil) == 1 else {
      unsafe EVP_MD_CTX_free(context)
      throw .fromQueue()
    }
    unsafe self.context = context
  }

  deinit {
    // SAFETY: the context belongs to this value alone.
    unsafe EVP_MD_CTX_free(context)
  }

  /// Hashes the next bytes.
  public mutating func update(_ bytes: Span<UInt8>) throws(OpenSSLError) {
    // SAFETY: exactly the bytes of the span are read.
    let status = unsafe bytes.withUnsafeBufferPointer {
      unsafe EVP_DigestUpdate(context, $0.baseAddress, $0.count)
    }
    guard status == 1 else { throw .fromQueue() }
  }

  /// The digest of all the bytes: 16, 20 or 32 bytes.
  public consuming func finish() throws(OpenSSLError) -> FixedBytes<32> {
    let context = unsafe context
    return try unsafe Hash.output { (target, length) in
      var count: UInt32 = 0
      guard unsafe EVP_DigestFinal_ex(context, target, &count) == 1 else { return false }
      unsafe length.pointee = Int(count)
      return true
    }
  }
}
