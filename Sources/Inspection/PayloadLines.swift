// SPDX-License-Identifier: Apache-2.0
internal import CBORPayload
internal import CoAPMessage
internal import ConstrainedCore
internal import PayloadCoding

/// A payload as text, JSON, CBOR in diagnostic notation, or bytes.
///
/// The functions return lines that begin with a line feed and two spaces.
enum PayloadLines {
  /// The payload in its Content-Format, or in the format that it appears to have if there is none.
  static func line(_ label: String, _ payload: Span<UInt8>, _ format: ContentFormat?) -> String {
    switch kind(format) {
    case .json:
      let note = isJSON(payload) ? "of JSON" : "labelled JSON, but not well-formed"
      return text(label, payload, note) ?? dump(label, payload, "labelled JSON, but not text")
    case .cbor:
      return diagnostics(label, payload)
    case .text:
      return text(label, payload, "of text") ?? dump(label, payload, "labelled text, but not UTF-8")
    case .bytes:
      return dump(label, payload, nil)
    case nil:
      guard ReadableText.isReadable(payload) else {
        guard let notation = CBORDiagnosticNotation.text(ofUnlabelled: payload) else {
          return dump(label, payload, nil)
        }
        return "\n  \(label), \(count(payload)) of CBOR: \(notation)"
      }
      return text(label, payload, isJSON(payload) ? "of JSON" : "of text")
        ?? dump(label, payload, nil)
    }
  }

  /// The payload in one piece, as in `line`: JSON and other text unchanged, CBOR in diagnostic
  /// notation; `nil` if it is neither.
  static func text(_ payload: Span<UInt8>, _ format: ContentFormat?) -> [UInt8]? {
    switch kind(format) {
    case .cbor: return notation(payload).map { Array($0.utf8) }
    case .bytes: return nil
    case .json, .text:
      guard payload.isUTF8 else { return nil }
    case nil:
      guard ReadableText.isReadable(payload) else {
        return CBORDiagnosticNotation.text(ofUnlabelled: payload).map { Array($0.utf8) }
      }
    }
    return payload.indices.map { payload[$0] }
  }

  /// Whether decrypted bytes make sense, as the key may be the wrong one: they match the format, or
  /// without a format are readable.
  static func saysSomething(_ payload: Span<UInt8>, _ format: ContentFormat?) -> Bool {
    switch kind(format) {
    case .json: isJSON(payload)
    case .cbor: notation(payload) != nil
    case .text, .bytes, nil:
      ReadableText.isReadable(payload) || CBORDiagnosticNotation.text(ofUnlabelled: payload) != nil
    }
  }

  /// A hexadecimal dump of the payload.
  static func dump(_ label: String, _ payload: Span<UInt8>, _ note: String?) -> String {
    "\n  \(label), \(count(payload))\(note.map { ", " + $0 } ?? "")"
      + HexText.dump(payload, indent: 4)
  }

  /// Whether the payload is one JSON text (RFC 8259).
  static func isJSON(_ payload: Span<UInt8>) -> Bool {
    var reader = JSONReader(payload)
    do throws(JSONError) {
      while try reader.next() != nil {}
      return true
    } catch {
      return false
    }
  }

  private enum Kind {
    case json, cbor, text, bytes
  }

  private static func kind(_ format: ContentFormat?) -> Kind? {
    guard let format else { return nil }
    guard let mediaType = format.mediaType else { return .bytes }
    if mediaType.hasSuffix("json") { return .json }
    if mediaType.hasSuffix("cbor") || mediaType.hasSuffix("cwt") { return .cbor }
    return mediaType.hasPrefix("text/") || mediaType.hasSuffix("xml")
      || mediaType.hasSuffix("link-format") ? .text : .bytes
  }

  private static func text(
    _ label: String,
    _ payload: Span<UInt8>,
    _ note: String
  ) -> String? {
    guard let text = ReadableText.plain(payload, keepsLines: true) else { return nil }
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let head = "\n  \(label), \(count(payload)) \(note):"
    guard lines.count > 1 else { return "\(head) \(text)" }
    return head + lines.map { "\n    " + $0 }.joined()
  }

  private static func diagnostics(_ label: String, _ payload: Span<UInt8>) -> String {
    do throws(CBORError) {
      let notation = try CBORDiagnosticNotation.text(of: payload)
      return "\n  \(label), \(count(payload)) of CBOR: \(notation)"
    } catch {
      return dump(label, payload, "labelled CBOR, but \(error)")
    }
  }

  private static func notation(_ payload: Span<UInt8>) -> String? {
    do throws(CBORError) {
      return try CBORDiagnosticNotation.text(of: payload)
    } catch {
      return nil
    }
  }

  private static func count(_ payload: Span<UInt8>) -> String {
    payload.count == 1 ? "1 byte" : "\(payload.count) bytes"
  }
}
