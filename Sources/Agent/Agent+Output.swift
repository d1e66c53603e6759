internal import AliyunIoT
internal import CoAPMessage
internal import CoAPSecurity
internal import ConstrainedCore
internal import DeviceSession
internal import DeviceStore
internal import UDPTransport

/// What is printed: results to standard output, all else to standard error, a line each.
extension Agent {
  /// Prints the line at hand, a result; who cannot read it any more ends the program, and nothing is lost.
  @inline(never)
  mutating func print() {
    guard !line.write(to: 1) else { return }
    hasNoOutput = true
    isOver = true
  }

  /// Prints what happened.
  @inline(never)
  mutating func show(_ event: DurableEvent) {
    switch event {
    case .authenticated:
      link.confirm()
      isUnauthenticated = false
      line.start(.authenticated)
    case .authenticationFailed(let failure):
      line.start(.authenticationFailed)
      add(failure)
      switch failure {
      case .refused, .putOff: link.confirm()
      default: break
      }
      isUnauthenticated = failure.isRefusal
    case .delivered(let id):
      link.confirm()
      line.start(.delivered)
      add(id)
      addAnswer()
      return print()
    case .rejected(let id):
      hasRejected = true
      line.start(.rejected)
      add(id)
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
      // A new address of the device, or of the platform, needs a new socket.
      if !device.result.isAnswered, link.fail(), device.result.isSilence { device.moveOn() }
      add(device.result.outcome)
      line.add(.id)
      add(id)
    case .storeFailed(let failure): return complain(failure)
    }
    log(&line)
  }

  /// Begins a line of a report that is not delivered and not kept.
  @inline(never)
  private mutating func finish(_ phrase: Phrase, _ id: UInt64) {
    hasRejected = true
    line.start(phrase)
    line.add(id)
  }

  /// Adds what is known of the report of an event.
  @inline(never)
  private mutating func add(_ id: UInt64) {
    line.add(id)
    let result = device.result
    if let code = result.code { add(code) }
    if let sequence = result.sequence { line.add(.sequence, sequence) }
    line.add(.bytesUp, result.bytesUp)
    line.add(.bytesDown, result.bytesDown)
    line.add(.transmissions, result.transmissions)
    line.add(.duration, UInt64(clamping: result.duration.count))
    guard let code = result.replyCode, result.outcome == .rejected else { return }
    line.add(.reply, UInt64(code))
    guard let reply = PlatformReply(device.answer), !reply.message.isEmpty else { return }
    line.add(.message)
    line.add(reply.message.bytes)
  }

  /// Adds why the device could not authenticate.
  @inline(never)
  private mutating func add(_ failure: AuthenticationFailure) {
    switch failure {
    case .handshake(let failure): add(failure)
    case .refused(let code), .putOff(let code, _):
      line.add(.refusal)
      add(code)
    default: line.add(failure.phrase)
    }
  }

  /// Adds what became of a report.
  @inline(never)
  private mutating func add(_ outcome: ReportOutcome) {
    switch outcome {
    case .handshake(let failure): add(failure)
    default: line.add(outcome.phrase)
    }
  }

  /// Adds why there is no secure channel.
  @inline(never)
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

  @inline(never)
  private mutating func addAnswer() {
    let messageID = device.result.messageID
    if !messageID.isEmpty {
      line.add(.id)
      switch PlatformMessageID(messageID.bytes) {
      case .digits: line.add(messageID.bytes)
      case .number(let number): line.add(number)
      case .opaque: line.add(hexadecimal: messageID.bytes)
      }
    }
    switch device.result.extent {
    case .whole: break
    case .cut, .incomplete, .inBlocks: return line.add(.cutAnswer)
    case .unreadable: return line.add(.unreadableAnswer)
    }
    let answer = device.answer
    guard answer.count > 0 else { return }
    line.add(.answer)
    line.add(answer)
  }

  /// As in RFC 7252: the class, a dot and the detail in two digits.
  @inline(never)
  private mutating func add(_ code: Code) {
    line.add(.space, UInt64(code.rawValue >> 5))
    line.add(code.rawValue & 0x1F < 10 ? .pointAndZero : .point, UInt64(code.rawValue & 0x1F))
  }

  /// Says that the disk refuses; with `--once` it is not waited for.
  @inline(never)
  mutating func complain(_ failure: StoreError) {
    if configuration.arguments.isOnce { hasDiskRefused = true }
    line.start(.diskRefuses)
    failure.describe(in: &line)
    log(&line)
  }

  /// Says why there is no link.
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

  /// Prints what was found on the disk.
  mutating func showStart() {
    let found = device.outboxFindings
    line.start(.started)
    line.add(device.sessionFinding.phrase)
    line.add(.pending, device.pendingReports)
    line.add(.damaged, found.damaged)
    line.add(.cut, found.cutBytes)
    log(&line)
  }

  /// Prints the counters.
  mutating func showCounters() {
    line.start(.counters)
    line.add(.pending, device.pendingReports)
    line.add(.acceptedReports, device.outboxCounters.accepted)
    line.add(.deliveredReports, device.deliveredReports)
    line.add(.rejectedReports, device.rejectedReports)
    line.add(.givenUpReports, device.outboxCounters.givenUp)
    line.add(.expiredReports, device.outboxCounters.expired)
    line.add(.droppedReports, device.outboxCounters.dropped)
    line.add(.supersededReports, device.outboxCounters.superseded)
    line.add(.authentications, device.sessionCounters.authentications)
    line.add(.handshakes, device.sessionCounters.handshakes)
    line.add(.resumptions, device.sessionCounters.resumptions)
    line.add(.requests, device.sessionCounters.requests)
    line.add(.datagramsUp, device.sessionCounters.datagramsUp)
    line.add(.allBytesUp, device.sessionCounters.bytesUp)
    line.add(.datagramsDown, device.sessionCounters.datagramsDown)
    line.add(.allBytesDown, device.sessionCounters.bytesDown)
    line.add(.diskSyncs, device.sessionWrites.syncs + device.outboxWrites.syncs)
    line.add(.diskBytes, device.sessionWrites.bytes + device.outboxWrites.bytes)
    log(&line)
  }
}

/// Prints a line that is known beforehand to standard error.
@inline(never)
func log(_ text: Span<UInt8>) {
  var line = TextLine()
  line.add(text)
  log(&line)
}

/// Prints a line to standard error; where that cannot be written, nothing can say so.
@inline(never)
func log(_ line: inout TextLine) {
  _ = line.write(to: 2)
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

  /// Whether another try will fare no better.
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
  /// Those with a number apart.
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
    }
  }
}

extension SessionFinding {
  fileprivate var phrase: Phrase {
    switch self {
    case .none: .nothing
    case .found: .found
    case .foreign: .foreign
    case .damaged: .damagedFile
    case .notPrivate: .notPrivateFile
    }
  }
}
