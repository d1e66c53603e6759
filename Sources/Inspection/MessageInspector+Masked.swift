// SPDX-License-Identifier: Apache-2.0
internal import CoAPMessage

extension MessageInspector {
  /// Describes a message of the user's own device, with tokens, signatures and secrets masked; DTLS
  /// records are only named.
  ///
  /// Otherwise the text is that of `text`: sessions are followed, and decrypted content is masked
  /// as well.
  public mutating func maskedText(_ datagram: Span<UInt8>) -> String {
    if let lines = DTLSRecords.lines(datagram) { return lines.joined(separator: "\n") }
    do throws(MessageFormatError) {
      let view = try MessageView(datagram)
      let opened = masked(view)
      let bytes = SecretMask.masked(view)
      return Self.text(try MessageView(bytes.span), opened)
    } catch {
      // Unreadable bytes may contain anything.
      return "not a CoAP message: \(error), \(datagram.count) bytes"
    }
  }

  /// JSON, CBOR or a form as text, with tokens, signatures and secrets masked; the number of bytes
  /// if they are not text.
  public static func maskedText(ofPayload payload: Span<UInt8>) -> String {
    let bytes = SecretMask.masked(payload: payload)
    return PayloadLines.line("payload", bytes.span, nil)
  }
}
