// SPDX-License-Identifier: Apache-2.0
internal import CoAPMessage
internal import ConstrainedCore
public import SecurityLayer

/// Shows CoAP messages of any origin to a person or a program.
///
/// Pass the messages in the order in which they were sent. If the device secret is known, the
/// answer to an `/auth` reveals the random of a new session, and the session's reports and their
/// answers are decrypted from then on. Time and memory grow with a message's length, whatever its
/// content; the state kept for earlier messages is bounded.
public struct MessageInspector: ~Copyable {
  private var sessions: SessionTable

  /// Shows messages as they are on the wire.
  public init() {
    sessions = SessionTable()
  }

  /// Also decrypts reports and answers of sessions in symmetric mode, for devices that have this
  /// secret, 1 to 128 bytes, once their `/auth` has been seen.
  public init(secret: Span<UInt8>) throws(SecurityError) {
    sessions = try SessionTable(secret: secret)
  }

  /// Also decrypts a session whose `/auth` was not seen; `random` is the platform's answer to it, 1
  /// to 32 bytes.
  public init(secret: Span<UInt8>, random: Span<UInt8>) throws(SecurityError) {
    sessions = try SessionTable(secret: secret, random: random)
  }

  /// Describes the message for a person: some lines of text without a final line feed.
  ///
  /// Nothing in the message can control the terminal.
  public mutating func text(_ message: Span<UInt8>) -> String {
    text(message, on: nil)
  }

  /// Describes the message for a program: a JSON object on one line, without a line feed.
  public mutating func json(_ message: Span<UInt8>) -> [UInt8] {
    json(message, on: nil, after: "")
  }

  /// As above, for a message whose sender and receiver are known.
  mutating func text(_ message: Span<UInt8>, on link: Link?) -> String {
    do throws(MessageFormatError) {
      let view = try MessageView(message)
      return Self.text(view, sessions.open(view, on: link))
    } catch {
      return "not a CoAP message: \(error)\(HexText.dump(message, indent: 2))"
    }
  }

  /// As above, for a message whose sender and receiver are known; `members` come first in the
  /// object.
  mutating func json(_ message: Span<UInt8>, on link: Link?, after members: String) -> [UInt8] {
    do throws(MessageFormatError) {
      let view = try MessageView(message)
      return JSONReport.message(view, sessions.open(view, on: link), after: members)
    } catch {
      return JSONReport.invalid(error.description, offset: error.offset, after: members)
    }
  }

  /// Opens a message, and masks its decrypted payload.
  mutating func masked(_ view: MessageView) -> OpenedMessage {
    var opened = sessions.open(view, on: nil)
    if case .opened(let inside) = opened.payload {
      opened.payload = .opened(SecretMask.masked(payload: inside.span))
    }
    return opened
  }

  static func text(_ view: MessageView, _ opened: OpenedMessage) -> String {
    var text = header(view)
    var iterator = view.options
    var previous: OptionNumber?
    var sequences = opened.sequences.makeIterator()
    while let option = iterator.next() {
      text += "\n  " + OptionText.line(option, after: previous, in: view.code)
      if option.number == .platformSequence {
        if let sequence = sequences.next() {
          text += "\n    inside: \(sequence)"
        } else if let obstacle = opened.obstacle, obstacle == .anotherKey {
          text += "\n    inside: \(obstacle)"
        }
      }
      previous = option.number
    }
    if let path = path(view) { text += "\n  path \(path)" }
    guard view.payload.count > 0 else { return text }
    return text + payload(of: view, opened)
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
      token += String(hexadecimal: [view.token[index]].span)
    }
    return "\(type) \(code), message ID \(view.messageID), \(token), \(view.count) bytes"
  }

  /// The path of the Uri-Path options; `nil` if there are none.
  static func path(_ view: MessageView) -> String? {
    guard view.first(.uriPath) != nil else { return nil }
    // Each byte becomes at most three; each option adds a slash, and has at least one byte of its
    // own.
    var buffer = [UInt8](repeating: 0, count: 3 * view.count)
    var writer = ByteWriter(buffer.mutableSpan)
    do throws(CapacityError) { try view.writePath(into: &writer) } catch { return nil }
    let count = writer.count
    return String(decoding: buffer[..<count], as: UTF8.self)
  }

  private static func payload(of view: MessageView, _ opened: OpenedMessage) -> String {
    let (payload, format) = (view.payload, view.contentFormat)
    switch opened.payload {
    case .plain: return PayloadLines.line("payload", payload, format)
    case .opened(let inside):
      return PayloadLines.dump("payload", payload, "encrypted")
        + PayloadLines.line("inside", inside.span, format)
    case .unopened(let obstacle, let isEncrypted):
      let line =
        isEncrypted
        ? PayloadLines.dump("payload", payload, "encrypted")
        : PayloadLines.line("payload", payload, format)
      return line + "\n  inside: \(obstacle)"
    }
  }
}
