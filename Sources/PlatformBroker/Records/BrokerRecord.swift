// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
internal import PayloadCoding
internal import PayloadValues
public import PlatformCore

/// What happened on the MQTT side, and what the platform made of it.
public struct BrokerRecord: Sendable {
  /// What happened.
  public enum Kind: String, Sendable {
    /// A CONNECT.
    case connect
    /// A connection is gone.
    case disconnect
    /// A PUBLISH of a device.
    case publish
    /// A SUBSCRIBE.
    case subscribe
    /// An UNSUBSCRIBE.
    case unsubscribe
    /// A message of the platform.
    case deliver
    /// The platform closes a connection.
    case close
    /// The broker itself.
    case broker
  }

  /// What the platform has found out about it.
  package var notes = RequestNotes()
  /// What happened.
  public var kind: Kind
  /// When.
  public var time: Instant
  /// How the device reaches the platform; `nil` for the broker itself.
  public var transport: BrokerTransport?
  /// Where it is.
  public var peer = ""
  /// The topic or topic filter.
  public var topic = ""
  /// The quality of service.
  public var qos: UInt8?
  /// The payload.
  public var payload: [UInt8] = []
  /// What follows: `CONNACK 0`, `PUBACK`, `closed` and the like.
  public var outcome = ""

  package init(_ kind: Kind, at time: Instant) {
    self.kind = kind
    self.time = time
  }

  /// Product key and device name with a slash between, once known.
  public var device: String? { notes.device }
  /// The Alink method of a report on one of the guide's topics.
  public var method: String? { notes.method }
  /// The code of the Alink reply, or what it would be where there is none.
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

  /// The record in one line for a person, with the front's name first.
  public var line: String {
    var parts = [transport?.rawValue ?? "mqtt", peer, device ?? ""].filter { !$0.isEmpty }
    parts.append(kind == .broker ? "broker" : kind.rawValue.uppercased())
    if !topic.isEmpty { parts.append(topic) }
    if let qos { parts.append("qos \(qos)") }
    if !payload.isEmpty { parts.append(payloadText) }
    if !outcome.isEmpty { parts.append("-> \(outcome)") }
    if let method { parts.append(method) }
    if let replyCode { parts.append("\(replyCode.rawValue)") }
    if !note.isEmpty { parts.append("- \(note)") }
    return ReadableText.line(parts.joined(separator: " ").utf8Span.span)
  }

  /// A line of its own for each leniency.
  public var toleratedLines: [String] {
    let parts = [transport?.rawValue ?? "mqtt", peer] + (device.map { [$0] } ?? [])
    return tolerated.map { entry in
      let text = (parts + ["tolerated in CONNECT: \(entry.note)"]).joined(separator: " ")
      return ReadableText.line(text.utf8Span.span)
    }
  }

  /// The payload as the log shows it.
  public var payloadText: String { ReadableText.unlabelled(payload) }
}
