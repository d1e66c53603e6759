// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
internal import Platform
internal import CoAPMessage
internal import ConstrainedCore

extension ReportResult: CustomStringConvertible {
  /// The result of the report and its cost, on one line; `advice` says what to do.
  public var description: String {
    var parts = [outcome.description]
    if let code { parts.append(code.description) }
    if let replyCode { parts.append("reply \(replyCode)") }
    if !messageID.isEmpty { parts.append("id \(PlatformMessageID.text(messageID.bytes))") }
    if let sequence { parts.append("seq \(sequence)") }
    parts.append(
      "\(bytesUp) B up, \(bytesDown) B down, \(transmissions) sent, \(duration.count) ms"
    )
    return parts.joined(separator: ", ")
  }
}

extension ReportOutcome: CustomStringConvertible {
  /// The outcome in a word or two, with its reason if it has one.
  public var description: String {
    switch self {
    case .acknowledged: "acknowledged"
    case .rejected: "rejected"
    case .timedOut: "timed out"
    case .interrupted: "interrupted"
    case .reset: "refused with a Reset"
    case .unauthenticated(let failure): "unauthenticated (\(failure))"
    case .unsealable(let error): "not sealed (\(error))"
    case .handshake(let failure): "without a secure channel (\(failure))"
    case .sequenceExhausted: "out of sequence numbers"
    case .unreadable: "answered by what is not the platform's"
    }
  }
}

extension ReportID: CustomStringConvertible {
  /// The report's number.
  public var description: String { "\(number)" }
}

extension DeviceCounters: CustomStringConvertible {
  /// The traffic and its purposes, on one line.
  public var description: String {
    "\(bytesUp) B in \(datagramsUp) datagrams up, \(bytesDown) B in \(datagramsDown) down, \(requests) requests, "
      + "\(transmissions) transmissions, \(roundTrips) answered, \(authentications) tokens, \(handshakes) handshakes, "
      + "\(resumptions) of them resumed"
  }
}
#endif
