// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
internal import PayloadCoding
internal import PayloadValues
public import PlatformCore

/// A request over HTTPS, and what the platform made of it.
public struct WebRecord: Sendable {
  /// What it was.
  public enum Kind: String, Sendable {
    /// `POST /auth`.
    case authentication
    /// `POST /topic/…`.
    case report
    /// `POST /auth/devicename`.
    case connection
    /// `POST /auth/register/device`.
    case registration
    /// `GET` or `HEAD` of a file.
    case file
    /// A request for anything else.
    case other
    /// The end of a connection that did not keep to the rules; the note says why.
    case close
  }

  /// What the platform has found out about it.
  package var notes = RequestNotes()
  /// What it was.
  public var kind: Kind
  /// When it came.
  public var time: Instant
  /// Where the device is.
  public var peer = ""
  /// The method's name.
  public var method = ""
  /// The path, without a query.
  public var path = ""
  /// The payload of a report.
  public var payload: [UInt8] = []
  /// The HTTP status; `nil` where there was no answer.
  public var status: Int?
  /// The code in the answer; `nil` for a file.
  public var code: Int?
  /// The message id in the answer to a report.
  public var messageID: UInt64?

  package init(_ kind: Kind, at time: Instant) {
    self.kind = kind
    self.time = time
  }

  /// Product key and device name with a slash between, once known.
  public var device: String? { notes.device }
  /// The Alink method of a report on one of the guide's topics.
  public var alinkMethod: String? { notes.method }
  /// The code that an Alink reply would have; over HTTPS there is none.
  public var replyCode: ReplyCode? { notes.replyCode }
  /// Why it was refused, or what there is to know.
  public var note: String {
    get { notes.note }
    set { notes.note = newValue }
  }
  /// What would have had a refused topic taken.
  public var topicRemedies: TopicRemedies { notes.topicRemedies }
  /// The leniencies that it has needed.
  public var tolerated: [ToleratedForm] { notes.leniencies.entries }

  /// Whether this is an accepted report.
  public var isAcceptedReport: Bool { kind == .report && code == 0 }

  /// The record in one line for a person, with the front's name first.
  public var line: String {
    var parts = ["https", peer, device ?? ""].filter { !$0.isEmpty }
    parts.append(kind == .close ? "CLOSED" : method)
    if !path.isEmpty { parts.append(path) }
    if !payload.isEmpty { parts.append(payloadText) }
    if let status { parts.append("-> \(status)") }
    if let code { parts.append("code \(code)") }
    if let messageID { parts.append("id \(messageID)") }
    if let alinkMethod { parts.append(alinkMethod) }
    if let replyCode { parts.append("\(replyCode.rawValue)") }
    if !note.isEmpty { parts.append("- \(note)") }
    return ReadableText.line(parts.joined(separator: " ").utf8Span.span)
  }

  /// A line of its own for each leniency.
  public var toleratedLines: [String] {
    let parts = ["https", peer] + (device.map { [$0] } ?? [])
    return tolerated.map { entry in
      let text = (parts + ["tolerated in \(method) \(path): \(entry.note)"]).joined(separator: " ")
      return ReadableText.line(text.utf8Span.span)
    }
  }

  /// The payload as the log shows it, at most 4,096 bytes of it.
  public var payloadText: String {
    let limit = 4_096
    guard payload.count > limit else { return ReadableText.unlabelled(payload) }
    return ReadableText.unlabelled(Array(payload.prefix(limit))) + "… (\(payload.count) bytes)"
  }
}
