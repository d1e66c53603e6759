// SPDX-License-Identifier: Apache-2.0
internal import CoAPLink
internal import CoAPMessage
internal import ConstrainedCore
internal import DeviceDriver
internal import DeviceStore
internal import DurableReports
internal import Platform
internal import PlatformCoAP
internal import SecurityLayer
internal import UDPTransport

/// What the agent over CoAP says of its link.
extension Agent {
  /// Prints an event.
  mutating func show(_ event: DurableEvent) {
    driver.note(event)
    switch event {
    case .authenticated:
      isUnauthenticated = false
      line.start(.authenticated)
    case .authenticationFailed:
      let failure = driver.reports.link.failure
      line.start(.authenticationFailed)
      add(failure)
      if case .refused = failure { addPayload() }
      isUnauthenticated = failure.isRefusal
    case .delivered(let id):
      line.start(.delivered)
      add(id)
      addAnswer()
      return print()
    case .rejected(let id):
      hasRejected = true
      line.start(.rejected)
      add(id)
      if driver.reports.link.result.replyCode == nil { addPayload() }
      return print()
    case .givenUp(let id, let reason):
      finish(.givenUp, id)
      line.add(reason == .maxAge ? .maxAge : .maxAttempts)
      return print()
    case .expired(let id):
      finish(.expired, id)
      return print()
    case .dropped(let id):
      finish(.dropped, id)
      return print()
    case .superseded(let id):
      line.start(.superseded)
      line.add(id)
      return print()
    case .postponed(let id):
      line.start(.postponed)
      add(driver.reports.link.result.outcome)
      line.add(.id)
      add(id)
    case .downlink: return
    case .storeFailed(let failure): return complain(failure)
    }
    log(&line)
  }

  /// Appends the details of an event's report.
  private mutating func add(_ id: UInt64) {
    line.add(id)
    let result = driver.reports.link.result
    if let code = result.code { add(code) }
    if let sequence = result.sequence { line.add(.sequence, sequence) }
    line.add(.bytesUp, result.bytesUp)
    line.add(.bytesDown, result.bytesDown)
    line.add(.transmissions, result.transmissions)
    line.add(.duration, UInt64(clamping: result.duration.count))
    guard let code = result.replyCode, result.outcome == .rejected else { return }
    line.add(.reply, UInt64(code))
    guard let reply = PlatformReply(driver.reports.link.answer), !reply.message.isEmpty else {
      return
    }
    line.add(.message)
    line.add(reply.message.bytes)
  }

  /// Appends why the device could not authenticate.
  private mutating func add(_ failure: AuthenticationFailure) {
    switch failure {
    case .handshake(let failure): add(failure)
    case .refused(let code), .putOff(let code, _):
      line.add(.refusal)
      add(code)
    default: line.add(failure.phrase)
    }
  }

  /// Appends the outcome of a report.
  private mutating func add(_ outcome: ReportOutcome) {
    switch outcome {
    case .handshake(let failure): add(failure)
    default: line.add(outcome.phrase)
    }
  }

  /// Appends why there is no secure channel.
  private mutating func add(_ failure: HandshakeFailure) {
    #if !SYMMETRIC_ONLY
    switch failure {
    case .certificate(let code): line.add(.badCertificate, UInt64(clamping: code))
    case .alert(let number): line.add(.alert, UInt64(number))
    case .library(let code): line.add(.badHandshake, UInt64(code))
    default: line.add(failure.phrase)
    }
    #endif
  }

  private mutating func addAnswer() {
    let messageID = driver.reports.link.result.messageID
    if !messageID.isEmpty {
      line.add(.id)
      switch PlatformMessageID(messageID.bytes) {
      case .digits: line.add(messageID.bytes)
      case .number(let number): line.add(number)
      case .opaque: line.add(hexadecimal: messageID.bytes)
      }
    }
    switch driver.reports.link.result.extent {
    case .whole: break
    case .cut, .incomplete, .inBlocks: return line.add(.cutAnswer)
    case .unreadable: return line.add(.unreadableAnswer)
    }
    addPayload()
  }

  /// Appends the platform's answer, for a refusal its reason.
  @inline(never)
  private mutating func addPayload() {
    let answer = driver.reports.link.answer
    guard answer.count > 0 else { return }
    line.add(.answer)
    line.add(answer)
  }

  /// Appends a code as in RFC 7252: the class, a dot and two digits of detail.
  private mutating func add(_ code: Code) {
    line.add(.space, UInt64(code.rawValue >> 5))
    line.add(code.rawValue & 0x1F < 10 ? .pointAndZero : .point, UInt64(code.rawValue & 0x1F))
  }

  /// Reports why there is no link.
  mutating func showLink(_ failure: TransportError) {
    line.start(.noLink)
    switch failure {
    case .unknownHost: line.add(.unknownHost)
    case .refused: line.add(.portUnreachable)
    case .unreachable(let code):
      line.add(.unreachable)
      line.add(errno: code)
    case .system(let code):
      line.add(.noSocket)
      line.add(errno: code)
    }
    log(&line)
  }

  /// Prints the counters.
  mutating func showCounters() {
    line.start(.counters)
    line.add(.pending, driver.reports.pendingReports)
    line.add(.acceptedReports, driver.reports.outboxCounters.accepted)
    line.add(.deliveredReports, driver.reports.deliveredReports)
    line.add(.rejectedReports, driver.reports.rejectedReports)
    line.add(.givenUpReports, driver.reports.outboxCounters.givenUp)
    line.add(.expiredReports, driver.reports.outboxCounters.expired)
    line.add(.droppedReports, driver.reports.outboxCounters.dropped)
    line.add(.supersededReports, driver.reports.outboxCounters.superseded)
    line.add(.authentications, driver.reports.link.counters.authentications)
    line.add(.handshakes, driver.reports.link.counters.handshakes)
    line.add(.resumptions, driver.reports.link.counters.resumptions)
    line.add(.requests, driver.reports.link.counters.requests)
    line.add(.datagramsUp, driver.reports.link.counters.datagramsUp)
    line.add(.allBytesUp, driver.reports.link.counters.bytesUp)
    line.add(.datagramsDown, driver.reports.link.counters.datagramsDown)
    line.add(.allBytesDown, driver.reports.link.counters.bytesDown)
    line.add(.diskSyncs, driver.reports.sessionWrites.syncs + driver.reports.outboxWrites.syncs)
    line.add(.diskBytes, driver.reports.sessionWrites.bytes + driver.reports.outboxWrites.bytes)
    log(&line)
    #if LEDGER
    showLedger()
    #endif
  }
}

extension AuthenticationFailure {
  fileprivate var phrase: Phrase {
    switch self {
    case .refused, .putOff: .refusal
    case .timedOut: .timedOut
    case .reset: .reset
    case .unusableAnswer(.tokenTooLong): .tokenTooLong
    case .unusableAnswer, .unusableRegistration, .registrationRefused: .unusableAnswer
    case .security: .noKey
    case .handshake: .handshake
    }
  }

  /// Whether a retry would fail in the same way.
  var isRefusal: Bool {
    switch self {
    case .refused(let code): code.class == 4
    case .handshake(let failure): failure != .noAnswer
    default: false
    }
  }
}

#if !SYMMETRIC_ONLY
extension HandshakeFailure {
  /// The phrase, except for outcomes with a number.
  var phrase: Phrase {
    switch self {
    case .noAnswer: .timedOut
    case .unconfirmed: .unconfirmed
    case .unknownAuthority: .unknownAuthority
    case .wrongName: .wrongName
    case .expired: .expiredCertificate
    case .notYetValid: .notYetValid
    case .invalidAuthority: .invalidAuthority
    case .weakSignature: .weakSignature
    case .weakKey: .weakKey
    case .wrongPurpose: .wrongPurpose
    case .certificate: .badCertificate
    case .oldVersion: .oldVersion
    case .nothingInCommon: .nothingInCommon
    case .certificateWanted: .certificateWanted
    case .unknownIdentity: .unknownIdentity
    case .wrongKey: .wrongKey
    case .alert: .alert
    case .library: .badHandshake
    }
  }
}
#endif

extension ReportOutcome {
  fileprivate var phrase: Phrase {
    switch self {
    case .acknowledged: .acknowledged
    case .rejected: .rejection
    case .timedOut: .timedOut
    case .interrupted: .interrupted
    case .reset: .reset
    case .unauthenticated: .unauthenticated
    case .unsealable: .unsealable
    case .handshake: .handshake
    case .sequenceExhausted: .sequenceExhausted
    #if !hasFeature(Embedded)
    case .unreadable: .unusableAnswer
    #endif
    }
  }
}
