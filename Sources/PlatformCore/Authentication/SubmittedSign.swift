// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import OpenSSLSupport

/// The signs that devices submit with their fields (device guide 3.6, 6.2 and 6.3).
enum SubmittedSign {
  /// The hash function that a sign method names, in the guide's spelling.
  static func hash(named method: some StringProtocol) -> Hash? {
    switch method {
    case "hmacmd5": .md5
    case "hmacsha1": .sha1
    case "hmacsha256": .sha256
    default: nil
    }
  }

  /// Whether hexadecimal digits of either case are the HMAC of names and values, sorted by name.
  static func isValid(
    _ digits: String,
    of fields: [String: String],
    _ hash: Hash,
    _ secret: [UInt8]
  ) -> Bool {
    let content = fields.sorted { $0.key < $1.key }.map { $0.key + $0.value }.joined()
    let bytes = Array(content.utf8)
    guard let expected = try? hash.hmac(key: secret.span, content: bytes.span) else { return false }
    let text = [UInt8](hexadecimal: expected.bytes)
    return constantTimeEqual(text.span, Array(digits.lowercased().utf8).span)
  }
}
