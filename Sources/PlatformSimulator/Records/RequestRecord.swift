// SPDX-License-Identifier: Apache-2.0
internal import CBORPayload
public import CoAPMessage
public import ConstrainedCore
internal import PayloadCoding
internal import PayloadValues
public import PlatformCore

/// A request, and how the platform handled it.
public struct RequestRecord: Sendable {
  /// The kind of datagram.
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
    /// A repeated request, answered with the first response.
    case duplicate
    /// Bytes that are not a CoAP message.
    case malformed
    /// A DTLS association began or ended; the note says how.
    case association
  }

  /// The platform core's findings.
  package var notes = RequestNotes()
  /// The request as it came, over DTLS without its record; empty in the records kept for duplicates.
  package var request: [UInt8] = []
  /// The response, not the acknowledgement in front of a separate one; empty if there was none.
  package var response: [UInt8] = []

  /// The kind of input.
  public var kind: Kind
  /// The time of arrival.
  public var time: Instant
  /// The sender.
  public var peer: String
  /// The request's CoAP message ID.
  public var messageID: UInt16 = 0
  /// The request's method; the platform has only 0.02 POST.
  public var requestMethod: Code?
  /// The request's path.
  public var path = ""
  /// The decrypted sequence number of a report.
  public var sequence: UInt64?
  /// The decrypted payload of a report.
  public var payload: [UInt8] = []
  /// The response's code; `nil` if there was no response.
  public var code: Code?
  /// The message id in the response's option 2090.
  public var platformMessageID: UInt64?
  /// The UDP payload received, in bytes.
  ///
  /// Over DTLS, the bytes of the message, or of the whole handshake.
  public var bytesUp = 0
  /// The UDP payload sent in response, in bytes, without retransmissions.
  public var bytesDown = 0
  /// Whether the request's Content-Format says that its payload is CBOR.
  public var isCBOR = false

  /// Product key and device name separated by a slash, once they are known.
  public var device: String? { notes.device }
  /// The Alink method of a report on one of the guide's topics.
  public var method: String? { notes.method }
  /// The code of the Alink reply; if there is no reply, the code that it would have.
  public var replyCode: ReplyCode? { notes.replyCode }
  /// Why the report's topic was refused; `nil` if it was not.
  public var topicRefusal: TopicVerdict? { notes.topicRefusal }
  /// The changes that would make the topic acceptable.
  public var topicRemedies: TopicRemedies { notes.topicRemedies }
  /// Why the request was refused, or which parts of it were not accepted.
  public var note: String {
    get { notes.note }
    set { notes.note = newValue }
  }

  /// Whether this is an accepted report.
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

  /// The name of the method, or its dotted code if it has none.
  public var requestMethodName: String { requestMethod.map { $0.name ?? $0.dotted } ?? "" }

  /// The payload as shown in the log.
  ///
  /// CBOR is in diagnostic notation, if the request declares it or no other format fits; text is
  /// unchanged, and anything else is in hexadecimal.
  public var payloadText: String {
    if isCBOR {
      do throws(CBORError) { return try CBORDiagnosticNotation.text(of: payload.span) } catch {
        // The payload is not CBOR, although it is labelled so.
      }
    }
    return ReadableText.unlabelled(payload)
  }

  /// A text from a device, made safe for one line of a terminal.
  static func shown(_ line: String) -> String { ReadableText.line(line.utf8Span.span) }
}
