internal import CoAPMessage

extension MessageInspector {
  /// A message of one's own device for a person, with tokens, signs and secrets written over; records of DTLS are
  /// named.
  ///
  /// As `text` shows it otherwise: the session is followed, and what is inside is masked, too.
  public mutating func maskedText(_ datagram: Span<UInt8>) -> String {
    if let lines = DTLSRecords.lines(datagram) { return lines.joined(separator: "\n") }
    do throws(MessageFormatError) {
      let view = try MessageView(datagram)
      let opened = masked(view)
      let bytes = SecretMask.masked(view)
      return Self.text(try MessageView(bytes.span), opened)
    } catch {
      // Bytes that cannot be read may hold anything.
      return "not a CoAP message: \(error), \(datagram.count) bytes"
    }
  }

  /// Bytes of JSON, CBOR or a form as text, with tokens, signs and secrets written over; the number of bytes where
  /// they are no text.
  public static func maskedText(ofPayload payload: Span<UInt8>) -> String {
    let bytes = SecretMask.masked(payload: payload)
    return PayloadLines.line("payload", bytes.span, nil)
  }
}
