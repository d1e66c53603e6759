// SPDX-License-Identifier: Apache-2.0
internal import CBORPayload
internal import ConstrainedCore
package import PayloadCoding

extension ReadableText {
  /// Bytes of unknown format on one line: as text if a terminal can show it unchanged, in
  /// diagnostic notation if they are CBOR, otherwise in hexadecimal.
  package static func unlabelled(_ bytes: [UInt8]) -> String {
    if let text = String(validating: bytes, as: UTF8.self),
      plain(bytes.span, keepsLines: false) == text
    {
      return text
    }
    if let notation = CBORDiagnosticNotation.text(ofUnlabelled: bytes.span) { return notation }
    return "0x" + String(hexadecimal: bytes.span)
  }
}
