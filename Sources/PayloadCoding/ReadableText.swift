// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
/// Makes text from the network safe for a terminal: characters that would control the terminal, or
/// hide or reorder text, become escapes of RFC 8259 Section 7.
package enum ReadableText {
  /// The text as a JSON string in quotation marks; `nil` if the bytes are not UTF-8.
  package static func quoted(_ bytes: Span<UInt8>) -> String? {
    guard let text = decoded(bytes) else { return nil }
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      default: append(scalar, to: &result)
      }
    }
    return result + "\""
  }

  /// The text with only its harmful characters escaped; `nil` if the bytes are not UTF-8.
  ///
  /// Line feeds stay if `keepsLines` is `true`; the caller then indents the following lines.
  package static func plain(_ bytes: Span<UInt8>, keepsLines: Bool) -> String? {
    guard let text = decoded(bytes) else { return nil }
    var result = ""
    for scalar in text.unicodeScalars {
      if keepsLines, scalar == "\n" { result += "\n" } else { append(scalar, to: &result) }
    }
    return result
  }

  /// The text on one line.
  ///
  /// JSON stays the same value, the harmful characters in its strings escaped. In other text, bytes
  /// that are not UTF-8 become U+FFFD.
  package static func line(_ bytes: Span<UInt8>) -> String {
    if let text = plain(bytes, keepsLines: false) { return text }
    let text = String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self)
    return plain(text.utf8Span.span, keepsLines: false) ?? ""
  }

  /// Whether the bytes are UTF-8 and need no escapes, apart from white space.
  package static func isReadable(_ bytes: Span<UInt8>) -> Bool {
    guard let text = decoded(bytes) else { return false }
    return text.unicodeScalars.allSatisfy {
      $0 == "\n" || $0 == "\r" || $0 == "\t" || isHarmless($0)
    }
  }

  private static func decoded(_ bytes: Span<UInt8>) -> String? {
    do throws(UTF8.ValidationError) {
      return String(copying: try UTF8Span(validating: bytes))
    } catch {
      return nil
    }
  }

  private static func append(_ scalar: Unicode.Scalar, to result: inout String) {
    switch scalar {
    case "\n": result += "\\n"
    case "\r": result += "\\r"
    case "\t": result += "\\t"
    case _ where isHarmless(scalar): result.unicodeScalars.append(scalar)
    default: for unit in scalar.utf16 { appendEscape(unit, to: &result) }
    }
  }

  private static func appendEscape(_ unit: UInt16, to result: inout String) {
    let digits = String(unit, radix: 16)
    result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
  }

  /// Whether a terminal merely displays the scalar: not a control character (C0, DEL, C1), not an
  /// invisible or direction-changing format character, not a line or paragraph separator.
  private static func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
    if SteeringText.steers(scalar.value) { return false }
    if scalar.value < 0x7F { return true }
    return switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse,
      .unassigned:
      false
    default: true
    }
  }
}
#endif
