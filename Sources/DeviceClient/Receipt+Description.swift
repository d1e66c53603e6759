// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import CBORPayload
internal import CoAPLink
internal import CoAPMessage
internal import ConstrainedCore
internal import PayloadCoding
internal import Platform

extension Receipt: CustomStringConvertible {
  /// The report's result, cost and answer on one line.
  public var description: String {
    var text = result.description
    if !answer.isEmpty { text += ", answer " + Readable.text(answer) }
    return text
  }
}

extension AlinkAnswer: CustomStringConvertible {
  /// The reply's code, text and data on one line; its cost is in the receipt.
  public var description: String {
    guard !receipt.answer.isEmpty else { return "taken without a reply" }
    var parts = [code.map { "\($0)" } ?? "without a code"]
    if !idBytes.isEmpty { parts.append("id \(shownID)") }
    if !message.isEmpty {
      parts.append("message \(ReadableText.quoted(message.utf8Span.span) ?? "that is no text")")
    }
    if !data.isEmpty { parts.append("data " + Readable.text(data)) }
    return parts.joined(separator: ", ")
  }
}

extension AlinkAnswer.Desired: CustomStringConvertible {
  /// The property, its value and its version.
  public var description: String {
    let name = ReadableText.plain(identifier.utf8Span.span, keepsLines: false) ?? "that is no text"
    return "\(name) = \(Readable.text(value))" + (version.map { ", version \($0)" } ?? "")
  }
}

extension DeviceTraffic.Count: CustomStringConvertible {
  /// Bytes and datagrams in each direction.
  public var description: String {
    "\(bytesUp) B in \(datagramsUp) up, \(bytesDown) B in \(datagramsDown) down"
  }
}

extension DeviceTraffic: CustomStringConvertible {
  /// The cost of each purpose on one line.
  public var description: String {
    let tokens = tokenRequests > 0 ? "\(tokenRequests) /auth/devicename \(tokens); " : ""
    return "reports \(reports); \(tokens)\(authenticationRequests) /auth \(authentication); "
      + "handshakes \(handshakes)"
  }
}

/// Bytes from others, shown to people.
enum Readable {
  /// Text unchanged, on one line; CBOR in diagnostic notation; anything else in hexadecimal.
  static func text(_ bytes: [UInt8]) -> String {
    if ReadableText.isReadable(bytes.span),
      let text = ReadableText.plain(bytes.span, keepsLines: false)
    {
      return text
    }
    if let notation = CBORDiagnosticNotation.text(ofUnlabelled: bytes.span) { return notation }
    return String(hexadecimal: bytes.span)
  }
}
