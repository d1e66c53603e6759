internal import CBORPayload
public import CoAPMessage
public import ConstrainedCore
internal import PayloadCoding
internal import PayloadValues
public import PlatformCore

/// What one request was, and what the platform made of it.
public struct RequestRecord: Sendable {
  /// What kind of datagram came in.
  public enum Kind: String, Sendable {
    /// `POST /auth`.
    case authentication
    /// `POST /topic/…`.
    case report
    /// `POST /pull`.
    case pull
    /// `POST /auth/register/device`.
    case registration
    /// A request for anything else.
    case other
    /// A request that came again and was answered as the first time.
    case duplicate
    /// Bytes that are no CoAP message.
    case malformed
    /// A DTLS association began or ended; the note says how.
    case association
  }

  /// What the platform has found out about it.
  package var notes = RequestNotes()

  /// What came in.
  public var kind: Kind
  /// When it came in.
  public var time: Instant
  /// Where it came from.
  public var peer: String
  /// The request's CoAP message ID.
  public var messageID: UInt16 = 0
  /// The method of the request: 0.02 POST is the only one that the platform has.
  public var requestMethod: Code?
  /// The path of the request.
  public var path = ""
  /// The decrypted sequence number of a report.
  public var sequence: UInt64?
  /// The decrypted payload of a report.
  public var payload: [UInt8] = []
  /// The code of the answer; `nil` when there was none.
  public var code: Code?
  /// The message id in the answer's option 2090.
  public var platformMessageID: UInt64?
  /// Bytes of UDP payload received.
  ///
  /// In the DTLS mode those of the message, and of the whole handshake.
  public var bytesUp = 0
  /// Bytes of UDP payload sent in answer, without retransmissions.
  public var bytesDown = 0
  /// Whether the request's Content-Format says that its payload is CBOR.
  public var isCBOR = false

  /// Product key and device name with a slash between, once known.
  public var device: String? { notes.device }
  /// The Alink method of a report on one of the guide's topics.
  public var method: String? { notes.method }
  /// The code of the Alink reply, or what it would be where there is none.
  public var replyCode: ReplyCode? { notes.replyCode }
  /// Why a report's topic was refused; `nil` where it was not.
  public var topicRefusal: TopicVerdict? { notes.topicRefusal }
  /// What would have had the topic taken.
  public var topicRemedies: TopicRemedies { notes.topicRemedies }
  /// Why the request was refused, or what the platform did not take of it.
  public var note: String {
    get { notes.note }
    set { notes.note = newValue }
  }

  /// Whether the platform took a report with this record.
  public var isAcceptedReport: Bool { kind == .report && code?.isSuccess == true }

  /// The record in one line for a person.
  public var line: String {
    var parts = [peer]
    if kind == .association {
      return Self.shown("\(peer) DTLS \(note) (\(bytesUp) B up, \(bytesDown) B down)")
    }
    if let device { parts.append(device) }
    switch kind {
    case .duplicate: parts.append("again")
    case .malformed: parts.append("malformed")
    default: parts.append(requestMethodName)
    }
    if !path.isEmpty { parts.append(path) }
    if let sequence { parts.append("seq \(sequence)") }
    if !payload.isEmpty { parts.append(payloadText) }
    parts.append("->")
    parts.append(code?.description ?? "nothing")
    if let platformMessageID { parts.append("id \(platformMessageID)") }
    if let method { parts.append(method) }
    if let replyCode { parts.append("\(replyCode.rawValue)") }
    parts.append("(\(bytesUp) B up, \(bytesDown) B down)")
    if !note.isEmpty { parts.append("- \(note)") }
    return Self.shown(parts.joined(separator: " "))
  }

  /// The name of the method, or its code where it has none.
  public var requestMethodName: String { requestMethod.map { $0.name ?? $0.dotted } ?? "" }

  /// The payload as the log shows it: CBOR in diagnostic notation where the request says so or nothing else
  /// fits, text as it is, anything else in hexadecimal digits.
  public var payloadText: String {
    if isCBOR {
      do throws(CBORError) { return try CBORDiagnosticNotation.text(of: payload.span) } catch {
        // It is not what it says.
      }
    }
    return ReadableText.unlabelled(payload)
  }

  /// What devices have written, fit for one line of a terminal.
  static func shown(_ line: String) -> String { ReadableText.line(line.utf8Span.span) }
}
