internal import AliyunIoT
internal import CoAPMessage
internal import CoAPSecurity
internal import ConstrainedCore
internal import DeviceSession
internal import DeviceStore
internal import UDPTransport

/// What is printed: results to standard output, all else to standard error, a line each.
extension Agent {
  /// Prints a result; who cannot read it any more ends the program, and nothing is lost.
  mutating func print(_ line: inout TextLine) {
    guard !line.write(to: 1) else { return }
    status = .output
    isOver = true
  }

  /// Prints what happened.
  @inline(never)
  mutating func show(_ event: DurableEvent) {
    switch event {
    case .authenticated: log("info authenticated")
    case .authenticationFailed(let failure):
      var line = TextLine("warning authentication-failed reason=")
      line.add(failure.name)
      if case .refused(let code) = failure { add(code, to: &line) }
      log(&line)
      if failure.isRefusal { status = .unauthenticated }
    case .delivered(let id):
      status = .success
      var line = TextLine("delivered ")
      add(id, to: &line)
      addAnswer(to: &line)
      print(&line)
    case .rejected(let id):
      hasRejected = true
      var line = TextLine("rejected ")
      add(id, to: &line)
      print(&line)
    case .postponed(let id):
      hasPostponed = true
      if status == .success { status = .undelivered }
      var line = TextLine("warning postponed reason=")
      // A new address of the device, or of the platform, needs a new socket.
      if device.result.code == nil { socket.close() }
      line.add(device.result.outcome.name)
      line.add(" id=")
      add(id, to: &line)
      log(&line)
    case .storeFailed(let failure): complain(failure)
    }
  }

  /// Adds what is known of the report of an event.
  @inline(never)
  private func add(_ id: UInt64, to line: inout TextLine) {
    line.add(id)
    let result = device.result
    if let code = result.code { add(code, to: &line) }
    if let sequence = result.sequence { line.add(" seq=", sequence) }
    line.add(" up=", UInt64(result.bytesUp))
    line.add(" down=", UInt64(result.bytesDown))
    line.add(" sent=", UInt64(result.transmissions))
    line.add(" ms=", UInt64(clamping: result.duration.count))
  }

  private func addAnswer(to line: inout TextLine) {
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
  private func add(_ code: Code, to line: inout TextLine) {
    line.add(" ", UInt64(code.rawValue >> 5))
    line.add(code.rawValue & 0x1F < 10 ? ".0" : ".", UInt64(code.rawValue & 0x1F))
  }

  /// Says that the disk refuses.
  mutating func complain(_ failure: StoreError) {
    var line = TextLine("error disk-refuses ")
    failure.describe(in: &line)
    log(&line)
  }

  /// Says why there is no link.
  func showLink(_ failure: TransportError) {
    var line = TextLine("warning no-link reason=")
    switch failure {
    case .unknownHost: line.add("unknown-host")
    case .refused: line.add("port-unreachable")
    case .unreachable(let code): line.add("unreachable errno=", UInt64(clamping: code))
    case .system(let code): line.add("no-socket errno=", UInt64(clamping: code))
    }
    log(&line)
  }

  /// Prints what was found on the disk.
  func showStart() {
    let found = device.outboxFindings
    var line = TextLine("info started session=")
    line.add(device.sessionFinding.name)
    line.add(" pending=", UInt64(device.pendingReports))
    line.add(" damaged=", UInt64(found.damaged))
    line.add(" cut=", UInt64(found.cutBytes))
    log(&line)
  }

  /// Prints the counters.
  func showCounters() {
    let session = device.sessionCounters
    let outbox = device.outboxCounters
    let sessionWrites = device.sessionWrites
    let outboxWrites = device.outboxWrites
    let names: StaticString = """
      pending=| accepted=| delivered=| rejected=| expired=| dropped=| superseded=| authentications=\
      | handshakes=| resumptions=| requests=| datagrams-up=| bytes-up=| datagrams-down=| bytes-down=\
      | disk-syncs=| disk-bytes=
      """
    let numbers: InlineArray<17, Int> = [
      device.pendingReports, outbox.accepted, device.deliveredReports, device.rejectedReports,
      outbox.expired, outbox.dropped, outbox.superseded, session.authentications,
      session.handshakes, session.resumptions, session.requests, session.datagramsUp,
      session.bytesUp, session.datagramsDown, session.bytesDown,
      sessionWrites.syncs + outboxWrites.syncs, sessionWrites.bytes + outboxWrites.bytes,
    ]
    var line = TextLine("info counters ")
    for index in numbers.indices {
      line.add(names.word(index))
      line.add(UInt64(numbers[index]))
    }
    log(&line)
  }
}

/// Prints a line that is known beforehand to standard error.
@inline(never)
func log(_ text: StaticString) {
  var line = TextLine(text)
  log(&line)
}

/// Prints a line to standard error; where that cannot be written, nothing can say so.
@inline(never)
func log(_ line: inout TextLine) {
  _ = line.write(to: 2)
}

extension AuthenticationFailure {
  fileprivate var name: StaticString {
    switch self {
    case .refused: "refused"
    case .timedOut: "timed-out"
    case .reset: "reset"
    case .unusableAnswer, .unusableRegistration, .registrationRefused: "unusable-answer"
    case .security: "no-key"
    case .handshake: "handshake"
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

extension ReportOutcome {
  fileprivate var name: StaticString {
    switch self {
    case .acknowledged: "acknowledged"
    case .rejected: "rejected"
    case .timedOut: "timed-out"
    case .interrupted: "interrupted"
    case .reset: "reset"
    case .unreadableAnswer: "unreadable-answer"
    case .unauthenticated: "unauthenticated"
    case .unsealable: "unsealable"
    case .handshake: "handshake"
    case .sequenceExhausted: "sequence-exhausted"
    }
  }
}

extension SessionFinding {
  fileprivate var name: StaticString {
    switch self {
    case .none: "none"
    case .found: "found"
    case .foreign: "foreign"
    case .damaged: "damaged"
    case .notPrivate: "not-private"
    }
  }
}
