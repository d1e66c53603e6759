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
    status = .output
    isOver = true
  }

  /// Prints what happened.
  @inline(never)
  mutating func show(_ event: DurableEvent) {
    switch event {
    case .authenticated: line.start("info authenticated")
    case .authenticationFailed(let failure):
      line.start("warning authentication-failed reason=")
      line.add(word: Int(failure.number), of: failureNames)
      if case .refused(let code) = failure { add(code) }
      if failure.isRefusal { status = .unauthenticated }
    case .delivered(let id):
      status = .success
      line.start("delivered ")
      add(id)
      addAnswer()
      return print()
    case .rejected(let id):
      hasRejected = true
      line.start("rejected ")
      add(id)
      return print()
    case .postponed(let id):
      hasPostponed = true
      if status == .success { status = .undelivered }
      line.start("warning postponed reason=")
      // A new address of the device, or of the platform, needs a new socket.
      if device.result.code == nil { socket.close() }
      line.add(word: Int(device.result.outcome.number), of: outcomeNames)
      line.add(" id=")
      add(id)
    case .storeFailed(let failure): return complain(failure)
    }
    log(&line)
  }

  /// Adds what is known of the report of an event.
  @inline(never)
  private mutating func add(_ id: UInt64) {
    line.add(id)
    let result = device.result
    if let code = result.code { add(code) }
    if let sequence = result.sequence { line.add(" seq=", sequence) }
    line.add(" up=", UInt64(result.bytesUp))
    line.add(" down=", UInt64(result.bytesDown))
    line.add(" sent=", UInt64(result.transmissions))
    line.add(" ms=", UInt64(clamping: result.duration.count))
  }

  @inline(never)
  private mutating func addAnswer() {
    let messageID = device.result.messageID
    if !messageID.isEmpty {
      line.add(" id=")
      line.add(hexadecimal: messageID.bytes)
    }
    let answer = device.answer
    guard answer.count > 0, device.result.extent == .whole else { return }
    line.add(" answer=")
    line.add(answer)
  }

  /// As in RFC 7252: the class, a dot and the detail in two digits.
  @inline(never)
  private mutating func add(_ code: Code) {
    line.add(" ", UInt64(code.rawValue >> 5))
    line.add(code.rawValue & 0x1F < 10 ? ".0" : ".", UInt64(code.rawValue & 0x1F))
  }

  /// Says that the disk refuses.
  @inline(never)
  mutating func complain(_ failure: StoreError) {
    line.start("error disk-refuses ")
    failure.describe(in: &line)
    log(&line)
  }

  /// Says why there is no link.
  mutating func showLink(_ failure: TransportError) {
    line.start("warning no-link reason=")
    switch failure {
    case .unknownHost: line.add("unknown-host")
    case .refused: line.add("port-unreachable")
    case .unreachable(let code): line.add("unreachable errno=", UInt64(clamping: code))
    case .system(let code): line.add("no-socket errno=", UInt64(clamping: code))
    }
    log(&line)
  }

  /// Prints what was found on the disk.
  mutating func showStart() {
    let found = device.outboxFindings
    line.start("info started session=")
    line.add(word: Int(device.sessionFinding.number), of: findingNames)
    line.add(" pending=", UInt64(device.pendingReports))
    line.add(" damaged=", UInt64(found.damaged))
    line.add(" cut=", UInt64(found.cutBytes))
    log(&line)
  }

  /// Prints the counters.
  mutating func showCounters() {
    line.start("info counters")
    add(0, device.pendingReports)
    add(1, device.outboxCounters.accepted)
    add(2, device.deliveredReports)
    add(3, device.rejectedReports)
    add(4, device.outboxCounters.expired)
    add(5, device.outboxCounters.dropped)
    add(6, device.outboxCounters.superseded)
    add(7, device.sessionCounters.authentications)
    add(8, device.sessionCounters.handshakes)
    add(9, device.sessionCounters.resumptions)
    add(10, device.sessionCounters.requests)
    add(11, device.sessionCounters.datagramsUp)
    add(12, device.sessionCounters.bytesUp)
    add(13, device.sessionCounters.datagramsDown)
    add(14, device.sessionCounters.bytesDown)
    add(15, device.sessionWrites.syncs + device.outboxWrites.syncs)
    add(16, device.sessionWrites.bytes + device.outboxWrites.bytes)
    log(&line)
  }

  /// Adds the counter of that number.
  @inline(never)
  private mutating func add(_ number: Int, _ counter: Int) {
    line.add(" ")
    line.add(
      word: number,
      of: """
        pending=|accepted=|delivered=|rejected=|expired=|dropped=|superseded=|authentications=\
        |handshakes=|resumptions=|requests=|datagrams-up=|bytes-up=|datagrams-down=|bytes-down=\
        |disk-syncs=|disk-bytes=
        """
    )
    line.add(UInt64(counter))
  }
}

/// Prints a line that is known beforehand to standard error.
@inline(never)
func log(_ text: StaticString) {
  var line = TextLine()
  line.add(text)
  log(&line)
}

/// Prints a line to standard error; where that cannot be written, nothing can say so.
@inline(never)
func log(_ line: inout TextLine) {
  _ = line.write(to: 2)
}

/// By `AuthenticationFailure.number`.
private var failureNames: StaticString { "refused|timed-out|reset|unusable-answer|no-key|handshake" }

extension AuthenticationFailure {
  fileprivate var number: UInt8 {
    switch self {
    case .refused: 0
    case .timedOut: 1
    case .reset: 2
    case .unusableAnswer, .unusableRegistration, .registrationRefused: 3
    case .security: 4
    case .handshake: 5
    }
  }

  /// Whether another try will fare no better.
  fileprivate var isRefusal: Bool {
    switch self {
    case .refused(let code): code.class == 4
    case .handshake: true
    default: false
    }
  }
}

/// By `ReportOutcome.number`.
private var outcomeNames: StaticString {
  """
  acknowledged|rejected|timed-out|interrupted|reset|unreadable-answer|unauthenticated|unsealable\
  |handshake|sequence-exhausted
  """
}

extension ReportOutcome {
  fileprivate var number: UInt8 {
    switch self {
    case .acknowledged: 0
    case .rejected: 1
    case .timedOut: 2
    case .interrupted: 3
    case .reset: 4
    case .unreadableAnswer: 5
    case .unauthenticated: 6
    case .unsealable: 7
    case .handshake: 8
    case .sequenceExhausted: 9
    }
  }
}

/// By `SessionFinding.number`.
private var findingNames: StaticString { "none|found|foreign|damaged|not-private" }

extension SessionFinding {
  fileprivate var number: UInt8 {
    switch self {
    case .none: 0
    case .found: 1
    case .foreign: 2
    case .damaged: 3
    case .notPrivate: 4
    }
  }
}
