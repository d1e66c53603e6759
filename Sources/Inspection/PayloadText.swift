internal import CBORPayload
internal import CoAPMessage
internal import ConstrainedCore
internal import PayloadCoding

/// A payload as text, as JSON, as CBOR in diagnostic notation, or as bytes.
///
/// Each function gives lines that begin with a line feed and two spaces.
enum PayloadText {
  /// The payload as its content format says, or as it looks where none is given.
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
      guard ReadableText.isReadable(payload) else { return dump(label, payload, nil) }
      return text(label, payload, isJSON(payload) ? "of JSON" : "of text")
        ?? dump(label, payload, nil)
    }
  }

  /// The payload's bytes.
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
    var buffer = [UInt8](
      repeating: 0,
      count: CBORDiagnosticNotation.maxCount(for: payload.count)
    )
    var writer = ByteWriter(buffer.mutableSpan)
    do throws(CBORError) {
      try CBORDiagnosticNotation.write(payload, into: &writer)
    } catch {
      return dump(label, payload, "labelled CBOR, but \(error)")
    }
    let written = writer.count
    let notation = String(decoding: buffer[..<written], as: UTF8.self)
    return "\n  \(label), \(count(payload)) of CBOR: \(notation)"
  }

  private static func count(_ payload: Span<UInt8>) -> String {
    payload.count == 1 ? "1 byte" : "\(payload.count) bytes"
  }
}
