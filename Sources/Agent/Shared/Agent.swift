// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX
internal import ConstrainedCore
internal import DeviceDriver
internal import DeviceStore
internal import DurableReports
internal import OpenSSLSupport
internal import SystemClocks

#if GATEWAY
internal import Platform
#endif

// Embedded Swift wants the conformances of what the driver is made of.
#if MQTT
internal import MQTTChannel
internal import MQTTLink
#if GATEWAY
internal import GatewayLink
internal import GatewaySessions
internal import HTTPSChannel
internal import MQTTAuthentication
#endif
#elseif HTTPS
internal import HTTPSChannel
internal import HTTPSLink
#else
internal import CoAPLink
internal import SecurityLayer
#endif

/// The exit status of the program.
///
/// The state at the end decides; of several, the first in this order is used: `output`, a signal,
/// `store`, `unauthenticated`, `undelivered`, `rejected`.
enum AgentStatus: Int32 {
  /// Everything was delivered, or a signal ended the program.
  case success = 0
  /// Some reports were deleted without delivery, lines were refused, or standard input could not be
  /// read.
  case rejected = 1
  /// The command line or the configuration has an error.
  case usage = 2
  /// `/auth` or the handshake was refused.
  case unauthenticated = 3
  /// Some reports could not be delivered, and stay on disk.
  case undelivered = 4
  /// Standard output cannot be written.
  case output = 5
  /// The state directory cannot be used, or the disk rejected a write.
  case store = 6
  #if MQTT
  /// With `--once`: some reports stay on disk because another device has the same identity.
  case kicked = 7
  #endif
}

/// The program: lines come in, reports go out, and what became of them is printed.
///
/// One loop around `poll`. Nothing else waits, but, a second at most, for a hint's command.
struct Agent: ~Copyable {
  var signals = SignalInput()
  /// Whether a report or a line is lost to its sender: rejected, refused, given up, not read and the like.
  var hasRejected = false
  /// Whether the disk rejected a line that is not retried, or, with `--once`, anything.
  var hasDiskRefused = false
  /// The error number of the disk's refusal that was told last; 0 once it has accepted a report.
  var diskFailure: Int32 = 0
  /// Whether the platform refused the device's last authentication.
  var isUnauthenticated = false
  /// Whether, with `--once`, nothing more could be sent at some time: the end does not wait for it.
  var isHeldUp = false
  /// Whether standard output cannot be written.
  var hasNoOutput = false
  var isOver = false
  /// Whether a whole line of standard input is at hand.
  var hasLine = false
  /// Whether lines of standard input wait until there is room for several.
  var isFull = false
  /// Whether the configuration is to be read anew.
  var isReloadWanted = false
  /// When a line rejected by the disk is tried again.
  var heldUntil: Instant?
  /// The number of the current line of standard input.
  var lineNumber: UInt64 = 0
  var driver: AgentDriver
  var datagrams = DatagramInput()
  /// What the transport has beside its driver.
  var extras: AgentExtras
  #if LEDGER
  /// What earlier lives of the agent have sent and received.
  var ledger = KeptLedger()
  #endif
  var settings = LineSettings()
  var endpoint = ServerAddress()
  /// The current output line, shared by all functions: one in each frame would take 2 KB.
  var line = TextLine()
  var configuration: Configuration

  /// Runs until there is nothing more to do, and ends the process; the system reclaims and clears
  /// its memory.
  @inline(never)
  mutating func run() {
    var input = LineInput()
    takeOver(&input)
    while !isOver {
      takeLines(of: &input)
      #if MQTT
      takeAnswers(of: &input)
      #endif
      work()
      if isReloadWanted { reload(input) }
      if isOver || isDone(after: input) { break }
      wait(for: &input)
    }
    close()
    extras.end()
    nbiot_exit(status.rawValue)
  }

  /// The exit status.
  private var status: AgentStatus {
    if hasNoOutput { return .output }
    if isOver { return .success }
    if hasDiskRefused { return .store }
    if driver.reports.pendingReports > 0 {
      #if MQTT
      if extras.isKicked { return .kicked }
      #endif
      return isUnauthenticated ? .unauthenticated : .undelivered
    }
    return hasRejected ? .rejected : .success
  }

  /// Whether all input was processed, and all deliverable reports were delivered.
  private func isDone(after input: borrowing LineInput) -> Bool {
    guard input.isAtEnd, !hasLine, heldUntil == nil else { return false }
    let isOnce = configuration.arguments.isOnce
    #if GATEWAY
    if isLeftWaiting, !isOnce, !staysOpen { return true }
    #endif
    return isHeldUp || driver.reports.isDone && (isOnce || !staysOpen)
  }

  /// Whether to read further lines.
  ///
  /// If there is no room for a line, its sender waits, so that nothing is lost; with `--once` it
  /// would wait in vain, so the line is refused.
  var takesLines: Bool {
    @inline(never)
    get {
      #if GATEWAY
      // What keeps the outbox full may never go: the sender learns that there is no room.
      if isStuck { return true }
      #endif
      return driver.reports.hasRoom || isHeldUp
    }
  }

  /// The same of lines of standard input: where there was no room they wait until there is for several, which
  /// become durable together.
  mutating func takesInput() -> Bool {
    if !driver.reports.hasRoom { isFull = true }
    if driver.reports.hasAmpleRoom { isFull = false }
    #if GATEWAY
    if isStuck { return true }
    #endif
    return !isFull || isHeldUp
  }

  // MARK: - What comes in

  /// Processes input for a tenth of a second; then it is the network's turn.
  @inline(never)
  private mutating func takeLines(of input: inout LineInput) {
    let start = MonotonicClock.now()
    if let heldUntil, heldUntil > start { return }
    heldUntil = nil
    hasLine = input.next()
    while hasLine, heldUntil == nil, !isOver, takesInput(),
      MonotonicClock.now() - start < Milliseconds(100)
    {
      takeBatch(of: &input)
      hasLine = input.next()
    }
  }

  /// Takes the lines that are there, as far as there is room, with one sync for all their reports.
  ///
  /// What became of each is told then; until then they stay in the input. A line that is refused is the last.
  /// What the disk refuses is tried again later; with `--once` it is tried alone, and then refused.
  @inline(never)
  private mutating func takeBatch(of input: inout LineInput, isAlone: Bool = false) {
    #if MQTT
    while input.next(), !input.isTooLong, input.line.isAnswerLine {
      lineNumber &+= 1
      takeAnswer(input.line, number: lineNumber)
      input.consume()
    }
    #endif
    let (start, number) = (input.place, lineNumber)
    var id = driver.reports.nextID
    var outcome = LineOutcome.nothing
    while !outcome.isRefusal, !isAlone || outcome == .nothing, input.next(), takesLines {
      #if MQTT
      if !input.isTooLong, input.line.isAnswerLine { break }
      #endif
      outcome = take(input.line, isTooLong: input.isTooLong)
      if !outcome.isRefusal { consume(&input) }
    }
    let next = driver.reports.nextID
    // After a refusal for want of room the line is also tried again where it was not the first.
    var isFinal = id == next || outcome != .full && outcome != .disk
    if !commit() {
      input.place = start
      lineNumber = number
      if configuration.arguments.isOnce, !isAlone { return takeBatch(of: &input, isAlone: true) }
      _ = input.next()
      outcome = .disk
      isFinal = true
      id = next
    }
    while id < next {
      tell(.accepted, id)
      print()
      id &+= 1
    }
    if isFinal, outcome == .disk, !configuration.arguments.isOnce {
      heldUntil = MonotonicClock.now() + Milliseconds(5_000)
    } else if isFinal, outcome.isRefusal {
      consume(&input)
      tell(outcome, lineNumber)
      print()
    }
    showReplaced()
  }

  private mutating func consume(_ input: inout LineInput) {
    lineNumber &+= 1
    input.consume()
  }

  /// Takes the datagrams that have come, for a tenth of a second.
  private mutating func takeDatagrams() {
    let start = MonotonicClock.now()
    while !isOver, takesLines, MonotonicClock.now() - start < Milliseconds(100), takeDatagram() {}
  }

  /// Takes the next datagram, whose report becomes durable alone; whether there was one.
  ///
  /// Who has sent a datagram that is refused has to send it again.
  mutating func takeDatagram() -> Bool {
    #if HTTPS
    let bytes = datagrams.memory
    #else
    var bytes = InlineArray<4_096, UInt8>(repeating: 0)
    #endif
    var room = bytes.mutableSpan
    let count = datagrams.next(into: &room)
    if count == 0 { return false }
    let line = room.span.extracting(first: min(count, room.count)).withoutLineEnd
    #if MQTT
    if count <= room.count, !datagrams.isAnswer, line.isAnswerLine {
      takeAnswer(line, number: 0)
      return true
    }
    #endif
    let id = driver.reports.nextID
    var outcome = LineOutcome.option
    if !datagrams.isAnswer { outcome = take(line, isTooLong: count > room.count) }
    if !commit() { outcome = .disk }
    if outcome != .nothing {
      tell(outcome, outcome == .accepted ? id : 0)
      datagrams.reply(self.line)
      print()
    }
    showReplaced()
    return true
  }

  /// Takes a line, whose report `commit` makes durable.
  private mutating func take(_ line: Span<UInt8>, isTooLong: Bool) -> LineOutcome {
    if isTooLong { return .tooLong }
    if line.isEmpty { return .nothing }
    var report = ReportLine()
    let outcome = report.read(line, settings, configuration, id: driver.reports.nextID)
    #if GATEWAY
    if outcome == .accepted, let objection = objection(to: report.topic.bytes.bytes) {
      return objection
    }
    #endif
    return outcome == .accepted ? add(report, of: line) : outcome
  }

  /// Writes a report, with the id that is next; why it is not there, unless it is accepted.
  private mutating func add(
    _ report: borrowing ReportLine,
    of line: Span<UInt8>
  ) -> LineOutcome {
    let isCBOR = settings.isCBOR
    do throws(OutboxError) {
      _ = try driver.reports.add(
        topic: report.topic,
        payload: isCBOR ? report.cbor : line.extracting(droppingFirst: report.start),
        // Of CBOR it is there already.
        placeholder: configuration.bytes(.idPlaceholder).extracting(first: isCBOR ? 0 : .max),
        format: isCBOR ? 60 : 50,
        priority: report.priority,
        lifetime: UInt32(truncatingIfNeeded: report.ttl),
        key: report.key,
        at: MonotonicClock.now(),
        date: WallClock.now()
      )
      return .accepted
    } catch {
      switch error {
      case .tooLong: return .tooLong
      case .full: return .full
      case .store(let failure):
        if !driver.reports.hasUncommitted { complain(failure) }
        return .disk
      }
    }
  }

  /// Makes the reports durable that were taken; whether they are.
  @inline(never)
  private mutating func commit() -> Bool {
    do throws(OutboxError) {
      try driver.reports.commit()
      return true
    } catch {
      if case .store(let failure) = error { complain(failure) }
      return false
    }
  }

  /// Starts the output line that says what became of a line: accepted with its report's id, or refused with its
  /// own number, 0 for a datagram.
  @inline(never)
  private mutating func tell(_ outcome: LineOutcome, _ number: UInt64) {
    if outcome == .accepted {
      diskFailure = 0
      line.start(.accepted)
      return line.add(number)
    }
    if outcome == .disk { hasDiskRefused = true } else { hasRejected = true }
    line.start(.refused)
    line.add(number)
    line.add(.space)
    line.add(outcome.phrase)
  }

  /// Shows what the accepted reports have taken the place of.
  private mutating func showReplaced() {
    while let event = driver.reports.pollReplaced() { show(event) }
  }

  // MARK: - What is done

  @inline(never)
  private mutating func work() {
    takeSignals()
    // Accepted reports stay on disk: the program ends with its current status.
    if isOver { return }
    let now = MonotonicClock.now()
    #if !MQTT && !HTTPS
    receive(at: now)
    #endif
    driver.reports.handleTimeout(at: now)
    look(at: now)
    let date = WallClock.now()
    // The rest follows in the next turn, because each may cost a sync.
    while MonotonicClock.now() - now < Milliseconds(100),
      let event = driver.reports.pollEvent(at: now, date: date)
    {
      show(event)
    }
    #if MQTT || HTTPS
    watch(at: now)
    #endif
    #if GATEWAY
    // A line that comes later may have an open topic.
    isHeldUp =
      configuration.arguments.isOnce && !driver.reports.link.awaitsLogins
      && driver.reports.isHeldUp(at: now)
    noteShut(at: now)
    #else
    if configuration.arguments.isOnce, driver.reports.isHeldUp(at: now) { isHeldUp = true }
    #endif
    #if !MQTT && !HTTPS
    if driver.wantsLink { transmit() }
    #endif
  }

  private mutating func takeSignals() {
    while true {
      switch signals.next() {
      case 0: return
      case SIGUSR1: showCounters()
      case SIGHUP: isReloadWanted = true
      #if MQTT
      case SIGCHLD: break
      #endif
      default: isOver = true
      }
    }
  }

  // MARK: - Waiting

  private mutating func wait(for input: inout LineInput) {
    let isReady = heldUntil == nil && takesInput()
    #if MQTT
    let takesDatagrams = heldUntil == nil && takesLines
    // Answers do not wait for room.
    #if GATEWAY
    var entries: InlineArray<7, pollfd> = [
      entry(signals.descriptor), entry(input.hasRoom && !input.isAtEnd ? 0 : -1),
      entry(takesDatagrams || !extras.isDatagramHeld ? datagrams.descriptor : -1),
      entry(linkDescriptor), entry(extras.command.descriptor),
      entry(extras.configurations.descriptor), entry(extras.configurations.command.descriptor),
    ]
    #else
    var entries: InlineArray<5, pollfd> = [
      entry(signals.descriptor), entry(input.hasRoom && !input.isAtEnd ? 0 : -1),
      entry(takesDatagrams || !extras.isDatagramHeld ? datagrams.descriptor : -1),
      entry(linkDescriptor), entry(extras.command.descriptor),
    ]
    #endif
    #else
    var entries: InlineArray<4, pollfd> = [
      entry(signals.descriptor), entry(isReady && !input.isAtEnd ? 0 : -1),
      entry(heldUntil == nil && takesLines ? datagrams.descriptor : -1), entry(linkDescriptor),
    ]
    #endif
    var deadline = earlier(linkDeadline, heldUntil)
    if isReady, hasLine { deadline = MonotonicClock.now() }
    #if GATEWAY
    deadline = earlier(deadline, extras.deadlineOfAll)
    #else
    deadline = earlier(deadline, extras.deadline)
    #endif
    let timeout = MonotonicClock.timeout(until: deadline)
    var span = entries.mutableSpan
    // SAFETY: so many entries, and the call does not keep the pointer.
    _ = unsafe span.withUnsafeMutableBufferPointer {
      unsafe poll($0.baseAddress, nfds_t($0.count), timeout)
    }
    if entries[1].revents != 0, !input.read() { hasRejected = true }
    #if MQTT
    if !takesDatagrams {
      if entries[2].revents != 0 { takeWaitingAnswers() }
      return
    }
    extras.isDatagramHeld = false
    #endif
    if entries[2].revents != 0 { takeDatagrams() }
  }

  private func entry(_ descriptor: Int32) -> pollfd {
    pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
  }
}
