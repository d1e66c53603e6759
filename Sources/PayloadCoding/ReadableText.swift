#if !hasFeature(Embedded)
/// Text from the network made fit for a terminal: what would steer the terminal, or hide or turn
/// around what a person reads, becomes an escape of RFC 8259 Section 7.
package enum ReadableText {
  /// The text between quotation marks, a JSON string; `nil` when the bytes are not UTF-8.
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

  /// The text as it stands, for the most part; `nil` when the bytes are not UTF-8.
  ///
  /// Line feeds stay only where `keepsLines` says so: the caller indents what follows them.
  package static func plain(_ bytes: Span<UInt8>, keepsLines: Bool) -> String? {
    guard let text = decoded(bytes) else { return nil }
    var result = ""
    for scalar in text.unicodeScalars {
      if keepsLines, scalar == "\n" { result += "\n" } else { append(scalar, to: &result) }
    }
    return result
  }

  /// A line of JSON with its strings' harmful characters escaped, so that it is the same value; any other
  /// text on one line, what is not UTF-8 replaced by U+FFFD.
  package static func line(_ bytes: Span<UInt8>) -> String {
    if let text = plain(bytes, keepsLines: false) { return text }
    let text = String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self)
    return plain(text.utf8Span.span, keepsLines: false) ?? ""
  }

  /// Whether the bytes are UTF-8 without anything that has to be escaped, white space apart.
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

  /// Whether a terminal shows the scalar and does nothing else: no control characters (C0, DEL, C1),
  /// no invisible or direction-changing format characters, no separators of lines and paragraphs.
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
