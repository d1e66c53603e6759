internal import CPOSIX
internal import ConstrainedCore
internal import DeviceDriver
internal import DeviceStore
internal import DurableReports
internal import OpenSSLSupport
internal import SystemClocks

// Embedded Swift wants the conformances of what the driver is made of.
#if MQTT
internal import MQTTChannel
internal import MQTTLink
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
  var batch = LineBatch()
  /// What the transport has beside its driver.
  var extras: AgentExtras
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
    return isHeldUp || driver.reports.isDone && (isOnce || !staysOpen)
  }

  /// Whether to read further lines.
  ///
  /// If there is no room for a line, its sender waits, so that nothing is lost; with `--once` it
  /// would wait in vain, so the line is refused.
  var takesLines: Bool {
    @inline(never)
    get { driver.reports.hasRoom || isHeldUp }
  }

  /// The same of lines of standard input: where there was no room they wait until there is for several, which
  /// become durable together.
  mutating func takesInput() -> Bool {
    if !driver.reports.hasRoom { isFull = true }
    if driver.reports.hasAmpleRoom { isFull = false }
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

  /// Takes the lines that are there, as far as there is room, makes their reports durable with one sync, and then
  /// tells what became of each; until then they stay in the input.
  ///
  /// Those that the disk refuses are tried again later, unless with `--once`.
  @inline(never)
  private mutating func takeBatch(of input: inout LineInput) {
    #if MQTT
    while input.next(), !input.isTooLong, input.line.isAnswerLine {
      lineNumber &+= 1
      takeAnswer(input.line, number: lineNumber)
      input.consume()
    }
    #endif
    let start = input.place
    batch.start(after: driver.reports.nextID)
    while batch.hasRoom, input.next(), takesLines, take(input.line, isTooLong: input.isTooLong) {
      input.consume()
    }
    commit()
    if batch.isRefused, !configuration.arguments.isOnce {
      batch.cut()
      input.place = start
      for _ in 0..<batch.count where input.next() { input.consume() }
      heldUntil = MonotonicClock.now() + Milliseconds(5_000)
    }
    tell(areDatagrams: false)
  }

  /// Takes the datagrams that have come, for a tenth of a second.
  @inline(never)
  private mutating func takeDatagrams() {
    let start = MonotonicClock.now()
    while !isOver, takesLines, MonotonicClock.now() - start < Milliseconds(100), takeDatagram() {}
  }

  /// Takes the next datagram, whose report becomes durable alone; whether there was one.
  ///
  /// Who has sent a datagram that is refused has to send it again.
  @inline(never)
  mutating func takeDatagram() -> Bool {
    var bytes = InlineArray<4_096, UInt8>(repeating: 0)
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
    batch.start(after: driver.reports.nextID)
    if datagrams.isAnswer {
      batch.append(.option)
    } else {
      _ = take(line, isTooLong: count > room.count)
    }
    commit()
    tell(areDatagrams: true)
    return true
  }

  /// Takes a line into the batch, whose reports `commit` makes durable; `false` when it has no place among the
  /// others, but may have one alone.
  @inline(never)
  private mutating func take(_ line: Span<UInt8>, isTooLong: Bool) -> Bool {
    #if MQTT
    // It is told of after those before it.
    if !isTooLong, line.isAnswerLine { return false }
    #endif
    var outcome = isTooLong ? LineOutcome.tooLong : .nothing
    if !isTooLong, !line.isEmpty {
      var report = ReportLine()
      outcome = report.read(line, settings, configuration, id: driver.reports.nextID)
      if outcome == .accepted { outcome = add(report, of: line) }
      if outcome == .full || outcome == .disk, driver.reports.hasUncommitted { return false }
    }
    batch.append(outcome)
    return true
  }

  /// Writes a report, with the id that is next; why it is not there, unless it is accepted.
  @inline(never)
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

  /// Makes the reports of the batch durable, or refuses those that are not.
  @inline(never)
  private mutating func commit() {
    do throws(OutboxError) {
      try driver.reports.commit()
    } catch {
      batch.refuse()
      if case .store(let failure) = error { complain(failure) }
    }
  }

  /// Tells what became of the lines of the batch.
  @inline(never)
  private mutating func tell(areDatagrams: Bool) {
    var id = batch.firstID
    for index in 0..<batch.count {
      if !areDatagrams { lineNumber += 1 }
      let outcome = batch[index]
      if outcome == .nothing { continue }
      if outcome == .accepted {
        line.start(.accepted)
        line.add(id)
        id &+= 1
      } else {
        if outcome == .disk { hasDiskRefused = true } else { hasRejected = true }
        line.start(.refused)
        line.add(areDatagrams ? 0 : lineNumber)
        line.add(.space)
        line.add(outcome.phrase)
      }
      if areDatagrams { datagrams.reply(line) }
      if !isOver { print() }
    }
    while let event = driver.reports.pollReplaced() { show(event) }
  }

  // MARK: - What is done

  @inline(never)
  private mutating func work() {
    takeSignals()
    // Accepted reports stay on disk: the program ends with its current status.
    if isOver { return }
    let now = MonotonicClock.now()
    #if !MQTT
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
    #if MQTT
    watch(at: now)
    #endif
    if configuration.arguments.isOnce, driver.reports.isHeldUp(at: now) { isHeldUp = true }
    #if !MQTT
    if driver.wantsLink { transmit() }
    #endif
  }

  @inline(never)
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

  @inline(never)
  private mutating func wait(for input: inout LineInput) {
    let isReady = heldUntil == nil && takesInput()
    #if MQTT
    let takesDatagrams = heldUntil == nil && takesLines
    // Answers do not wait for room.
    var entries: InlineArray<5, pollfd> = [
      entry(signals.descriptor), entry(input.hasRoom && !input.isAtEnd ? 0 : -1),
      entry(takesDatagrams || !extras.isDatagramHeld ? datagrams.descriptor : -1),
      entry(linkDescriptor), entry(extras.command.descriptor),
    ]
    #else
    var entries: InlineArray<4, pollfd> = [
      entry(signals.descriptor), entry(isReady && !input.isAtEnd ? 0 : -1),
      entry(heldUntil == nil && takesLines ? datagrams.descriptor : -1), entry(linkDescriptor),
    ]
    #endif
    var deadline = linkDeadline
    if let heldUntil { deadline = min(deadline ?? heldUntil, heldUntil) }
    if isReady, hasLine { deadline = MonotonicClock.now() }
    if let next = extras.deadline { deadline = min(deadline ?? next, next) }
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
