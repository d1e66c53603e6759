// SPDX-License-Identifier: Apache-2.0
internal import CoAPMessage
internal import ConstrainedCore
internal import PayloadCoding
internal import Platform

/// One option on one line: its name, its value in the defined format, and any violation.
enum OptionText {
  /// The line for an option that follows one of the number `previous`, in a message with that code.
  static func line(_ option: OptionView, after previous: OptionNumber?, in code: Code) -> String {
    var parts = [label(option.number)]
    let value = text(option, in: code)
    if !value.isEmpty { parts.append(value) }
    if let definition = option.number.definition {
      let (shortest, longest) = (definition.minLength, definition.maxLength)
      if option.value.count < shortest || option.value.count > longest {
        let range = shortest == longest ? "\(shortest)" : "\(shortest) to \(longest)"
        let plural = option.value.count == 1 ? "" : "s"
        parts.append("(\(option.value.count) byte\(plural), and \(range) are defined)")
      }
      if !definition.isRepeatable, previous == option.number {
        parts.append("(must not occur again)")
      }
    }
    return parts.joined(separator: " ")
  }

  private static func label(_ number: OptionNumber) -> String {
    guard number.name == nil else { return number.description }
    // RFC 7252 Section 5.4.6: the number says how a receiver treats an option that it does not
    // know.
    let forward = number.isUnsafeToForward ? "unsafe to forward" : "safe to forward"
    return "\(number) (\(number.isCritical ? "critical" : "elective"), \(forward))"
  }

  private static func text(_ option: OptionView, in code: Code) -> String {
    switch option.number {
    case .platformToken, .legacyPlatformToken: opaqueText(option.value)
    case .platformSequence:
      "(\(option.value.count) bytes, encrypted) \(String(hexadecimal: option.value))"
    case .platformMessageID: platformMessageID(option)
    default:
      switch option.number.definition?.format {
      case .string: ReadableText.quoted(option.value) ?? hex(option.value, "not UTF-8")
      case .uint: number(option, in: code)
      case .empty, .opaque, nil: String(hexadecimal: option.value)
      }
    }
  }

  private static func number(_ option: OptionView, in code: Code) -> String {
    guard let value = option.uintValue else { return hex(option.value, "not a number of 64 bits") }
    switch option.number {
    case .contentFormat, .accept:
      guard let format = UInt16(exactly: value) else { return "\(value)" }
      return ContentFormat(rawValue: format).description
    case .block1, .block2: return block(value)
    case .maxAge: return "\(value) s"
    case .size1, .size2: return "\(value) bytes"
    case .observe where code.isRequest && value == 0: return "0 (register)"
    case .observe where code.isRequest && value == 1: return "1 (deregister)"
    case .noResponse: return noResponse(value)
    default: return "\(value)"
    }
  }

  /// RFC 7959 Section 2.2: number, M, SZX.
  private static func block(_ value: UInt64) -> String {
    let size = value & 7 == 7 ? "size 7 (reserved)" : "size \(16 << (value & 7))"
    return "num \(value >> 4), \(value & 8 == 0 ? "last" : "more"), \(size)"
  }

  /// RFC 7967 Section 2.1: one bit for each class of responses that the client does not want.
  private static func noResponse(_ value: UInt64) -> String {
    let classes = [2, 4, 5].filter { value >> UInt64($0 - 1) & 1 == 1 }
    guard !classes.isEmpty else { return "\(value) (all responses wanted)" }
    return "\(value) (no \(classes.map { "\($0).xx" }.joined(separator: ", ")) wanted)"
  }

  /// The id as every command shows it; a number is followed by the bytes that it was read from.
  private static func platformMessageID(_ option: OptionView) -> String {
    guard case .number = PlatformMessageID(option.value) else {
      return PlatformMessageID.text(option.value)
    }
    return "\(PlatformMessageID.text(option.value)) (\(String(hexadecimal: option.value)))"
  }

  /// Bytes that are usually text: in quotation marks if they are, otherwise in hexadecimal.
  private static func opaqueText(_ value: Span<UInt8>) -> String {
    guard ReadableText.isReadable(value), let text = ReadableText.quoted(value) else {
      return String(hexadecimal: value)
    }
    return text
  }

  private static func hex(_ value: Span<UInt8>, _ reason: String) -> String {
    "\(String(hexadecimal: value)) (\(reason))"
  }
}
