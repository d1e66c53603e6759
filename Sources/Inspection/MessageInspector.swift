internal import CoAPMessage
public import CoAPSecurity
internal import ConstrainedCore
internal import SymmetricSecurity

/// Shows CoAP messages to a person or a program, whoever made their bytes.
///
/// Time and memory grow with the message's length, whatever is in it.
public struct MessageInspector: ~Copyable {
  private var security: SymmetricSecurity?

  /// Shows messages as they are on the wire.
  public init() {
    security = nil
  }

  /// Shows to a person also what is inside the reports and answers of a session in symmetric mode:
  /// the session of that device secret, and of the random that `/auth` gave, 1 to 32 bytes.
  public init(secret: Span<UInt8>, random: Span<UInt8>) throws(SecurityError) {
    var security = SymmetricSecurity()
    try security.establish(secret: secret, random: random)
    self.security = consume security
  }

  /// The message for a person: some lines of text without a line feed at the end.
  ///
  /// Nothing in it steers a terminal, whatever the message holds.
  public mutating func text(_ message: Span<UInt8>) -> String {
    do throws(MessageFormatError) {
      return text(try MessageView(message))
    } catch {
      return "not a CoAP message: \(error)\(HexText.dump(message, indent: 2))"
    }
  }

  /// The message for a program: one JSON object on one line, without a line feed.
  public func json(_ message: Span<UInt8>) -> [UInt8] {
    JSONReport.message(message)
  }

  private mutating func text(_ view: MessageView) -> String {
    var text = Self.header(view)
    var iterator = view.options
    var previous: OptionNumber?
    var isOpened: Bool?
    while let option = iterator.next() {
      text += "\n  " + OptionText.line(option, after: previous, in: view.code)
      if option.number == .platformSequence, security != nil {
        let inside = sequence(option.value)
        isOpened = inside != nil && isOpened != false
        text += "\n    inside: " + (inside ?? Self.notOpened)
      }
      previous = option.number
    }
    if let path = Self.path(view) { text += "\n  path \(path)" }
    guard view.payload.count > 0 else { return text }
    return text + payload(of: view, isSequenceOpened: isOpened)
  }

  /// Type, code, message ID, token and length.
  private static func header(_ view: MessageView) -> String {
    let type =
      switch view.type {
      case .confirmable: "CON"
      case .nonConfirmable: "NON"
      case .acknowledgement: "ACK"
      case .reset: "RST"
      }
    let code = view.code.isRequest ? view.code.name ?? view.code.dotted : view.code.description
    var token = view.token.count == 0 ? "no token" : "token "
    for index in 0..<view.token.count {
      token += HexText.string([view.token[index]].span)
    }
    return "\(type) \(code), message ID \(view.messageID), \(token), \(view.count) bytes"
  }

  /// The path of the Uri-Path options; `nil` without any.
  private static func path(_ view: MessageView) -> String? {
    guard view.first(.uriPath) != nil else { return nil }
    // Each byte becomes at most three, and each option, of at least one byte, begins with a slash.
    var buffer = [UInt8](repeating: 0, count: 3 * view.count)
    var writer = ByteWriter(buffer.mutableSpan)
    do throws(CapacityError) { try view.writePath(into: &writer) } catch { return nil }
    let count = writer.count
    return String(decoding: buffer[..<count], as: UTF8.self)
  }

  private mutating func payload(of view: MessageView, isSequenceOpened: Bool?) -> String {
    let format = view.contentFormat
    let payload = view.payload
    if isPlain(view) { return PayloadText.line("payload", payload, format) }
    guard security != nil else {
      guard view.first(.platformSequence) != nil else {
        return PayloadText.line("payload", payload, format)
      }
      return PayloadText.dump("payload", payload, "encrypted")
        + "\n  inside: give --device-secret-file and --random to see it"
    }
    let sealed = PayloadText.dump("payload", payload, "encrypted")
    // A number that does not open tells of a wrong key, where the payload might open by chance.
    guard isSequenceOpened != false, let inside = opened(payload) else {
      return
        (view.first(.platformSequence) == nil
        ? PayloadText.line("payload", payload, format) : sealed) + "\n  inside: " + Self.notOpened
    }
    return sealed + PayloadText.line("inside", inside.span, format)
  }

  /// Whether the payload is in the clear even in symmetric mode: in `/auth` and what is below it
  /// (device guide 3.6), and where it is JSON as it stands, which ciphertext is not.
  private func isPlain(_ view: MessageView) -> Bool {
    if view.code.isRequest, view.first(.uriPath)?.value.isEqual(to: "auth") == true { return true }
    return PayloadText.isJSON(view.payload)
  }

  /// The decimal digits of a sequence number; `nil` when they do not come out.
  private mutating func sequence(_ value: Span<UInt8>) -> String? {
    guard let digits = opened(value), !digits.isEmpty, digits.count <= 20,
      digits.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 })
    else { return nil }
    return String(decoding: digits, as: UTF8.self)
  }

  private mutating func opened(_ bytes: Span<UInt8>) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: bytes.count)
    var writer = ByteWriter(buffer.mutableSpan)
    do throws(SecurityError) {
      guard try security?.open(payload: bytes, into: &writer) != nil else { return nil }
    } catch {
      return nil
    }
    let count = writer.count
    return Array(buffer[..<count])
  }

  private static let notOpened =
    "cannot be opened: another device secret or random, altered on the way, or not encrypted"
}
