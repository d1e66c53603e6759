// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import CPOSIX
internal import ConstrainedCore
internal import DeviceDownlinks
internal import DeviceDriver
internal import DeviceStore
internal import DurableReports
internal import MQTTChannel
internal import MQTTLink
internal import OpenSSLSupport
internal import PayloadCoding
internal import ReportLink
internal import SystemClocks

// Embedded Swift wants the conformances of what the driver is made of.
#if GATEWAY
internal import GatewayLink
internal import GatewaySessions
internal import HTTPSChannel
internal import MQTTAuthentication
#endif

/// What the platform sends, and what is answered.
extension Agent {
  /// Takes the message of the last event `downlink`.
  @inline(never)
  mutating func takeDownlink() {
    let now = MonotonicClock.now()
    #if GATEWAY
    if takeConfigurationReply(at: now) { return }
    let subDevice = subDevice
    let verdict = extras.take(from: &driver.reports, subDevice: subDevice, at: now)
    #else
    let verdict = extras.take(from: &driver.reports, at: now)
    #endif
    switch verdict {
    case .request(let downlink):
      show(downlink)
      let end = downlink.deadline ?? now
      if configuration.has(.onRequest) { hand(downlink, until: end, at: now) }
    case .notice(let downlink, _):
      if downlink.kind == .firmware, !decide(downlink) { return }
      if downlink.kind != .firmware { show(downlink) }
      #if GATEWAY
      let isConfiguration =
        downlink.kind == .configuration || downlink.kind == .subDeviceConfiguration
      if isConfiguration, configuration.has(.onConfiguration) {
        return takeConfiguration(downlink, at: now)
      }
      #endif
      let end = now + extras.exchange.dispatcher.settings.timeToAnswer
      if configuration.has(.onRequest) { hand(downlink, until: end, at: now) }
    case .refused(let answer, let fault):
      if extras.refusals.holds(fault.word, at: now) { return }
      line.start("warning request-refused code=")
      line.add(answer.code.rawValue)
      showDropped(fault)
    case .dropped(let fault):
      if extras.drops.holds(fault.word, at: now) { return }
      line.start("warning message-dropped")
      showDropped(fault)
    }
  }

  private mutating func showDropped(_ fault: DownlinkFault) {
    line.add(" reason=")
    line.add(fault.word)
    line.add(" topic=")
    let topic = driver.reports.downlinkTopic
    line.add(topic)
    log(&line)
  }

  /// Prints a request or a notice.
  private mutating func show(_ downlink: Downlink) {
    var output = OutputLine()
    if downlink.number > 0 {
      output.add("request ")
      output.add(UInt64(widening: downlink.number))
      output.add(" ")
    } else {
      output.add("notice ")
    }
    finish(&output, isBytes: downlink.isBytes)
  }

  private mutating func finish(_ output: inout OutputLine, isBytes: Bool) {
    let (topic, payload) = (driver.reports.downlinkTopic, driver.reports.downlinkPayload)
    output.add(text: topic)
    output.add(" ")
    if isBytes {
      output.add("hex=")
      output.add(hexadecimal: payload)
    } else {
      output.add(json: payload)
    }
    guard !output.end() else { return }
    hasNoOutput = true
    isOver = true
  }

  /// Decides about a firmware, and prints that; whether it is to be fetched.
  private mutating func decide(_ downlink: Downlink) -> Bool {
    let decision = extras.firmware.decide(
      downlink.reader(driver.reports.downlinkPayload),
      running: configuration.bytes(.firmwareVersion)
    )
    if decision == .start || decision == .resume { keepFirmware() }
    var output = OutputLine()
    output.add("firmware ")
    output.add(decision.word)
    output.add(" ")
    finish(&output, isBytes: false)
    switch decision {
    case .alreadyInstalled: tellFirmware()
    case .refuse(let refusal): tellFirmware(refusal.failure)
    case .start, .resume, .alreadyRunning, .waitsForRestart, .anotherRuns: break
    }
    return decision == .start || decision == .resume
  }

  /// Keeps what is known of an upgrade; one whose start cannot be written down goes on nevertheless.
  private mutating func keepFirmware() {
    do throws(StoreError) { try extras.keepFirmware() } catch { complain(error) }
  }

  // MARK: - The command

  /// Gives a message to the command; without room it is answered with 429.
  private mutating func hand(_ downlink: Downlink, until end: Instant, at now: Instant) {
    let (number, isBytes) = (downlink.number, downlink.isBytes)
    let isKept = extras.command.add(
      number,
      driver.reports.downlinkTopic,
      driver.reports.downlinkPayload,
      isBytes: isBytes,
      until: end
    )
    if isKept { return }
    if !extras.refusals.holds("command-busy", at: now) {
      warn("warning command-busy id=", number)
      log(&line)
    }
    guard number > 0, !isBytes else { return }
    do throws(DownlinkReplyError) {
      try extras.exchange.answer(number, .tooManyRequests, over: &driver.reports, at: now)
    } catch {
      complain(number, error)
    }
  }

  /// Starts the command for the message that waits, if there is one and none runs.
  mutating func startCommand(at now: Instant) {
    while let failed = extras.command.startNext(configuration.path(.onRequest), at: now) {
      warn("warning command-failed id=", failed.number)
      line.add(.space)
      line.add(errno: failed.code)
      log(&line)
      answer(
        EndedRequest(number: failed.number, isBytes: true, status: nil, isTooLong: false),
        at: now
      )
    }
  }

  /// Answers by what the command has printed and by its exit status.
  mutating func answer(_ ended: EndedRequest, at now: Instant) {
    if ended.status == nil {
      warn("warning command-failed id=", ended.number)
      line.add(ended.isTooLong ? " reason=too-long" : " reason=killed-or-not-run")
      log(&line)
    }
    if ended.number == 0 { return }
    do throws(DownlinkReplyError) {
      if ended.isBytes {
        // Bytes have no code: nothing says that it failed but silence.
        if ended.status == 0 {
          let output = extras.command.output
          try extras.exchange.answer(ended.number, bytes: output, over: &driver.reports, at: now)
        }
        return
      }
      let code = ended.status.map { DeviceReplyCode(exitStatus: $0) } ?? .requestError
      let printed = extras.command.output
      let range = printed.trimmed(0..<(ended.status == nil ? 0 : printed.count))
      try extras.exchange.answer(
        ended.number,
        code,
        data: printed.extracting(range),
        over: &driver.reports,
        at: now
      )
    } catch {
      complain(ended.number, error)
      switch error {
      case .refused(.notAnObject), .refused(.nameTwice), .refused(.capacity):
        do throws(DownlinkReplyError) {
          try extras.exchange.answer(ended.number, .requestError, over: &driver.reports, at: now)
        } catch {
          // It is answered when its time is over.
        }
      default: break
      }
    }
  }

  /// Starts a line about a request.
  @inline(never)
  mutating func warn(_ text: StaticString, _ number: UInt32) {
    line.start(text)
    line.add(UInt64(widening: number))
  }

  private mutating func complain(_ number: UInt32, _ error: DownlinkReplyError) {
    warn("warning answer-refused id=", number)
    line.add(" reason=")
    line.add(error.word)
    log(&line)
  }

  // MARK: - Lines

  /// Takes a line that is an answer or says what became of a firmware; its number is 0 where it came by datagram.
  @inline(never)
  mutating func takeAnswer(_ line: Span<UInt8>, number: UInt64) {
    var problem: StaticString?
    var request: UInt64?
    if line[0] == UInt8(ascii: "r") {
      let number = line.word(1, by: 0x20).decimal ?? 0
      problem = reply(line, number)
      request = number
    } else {
      let isDone = line.isEqual(to: Span("firmware done"))
      if !isDone, !line.isEqual(to: Span("firmware failed")) {
        problem = "bad-firmware"
      } else if !(isDone ? extras.firmware.mayFinish : extras.firmware.mayFail) {
        problem = "no-firmware"
      } else {
        if isDone { extras.firmware.finished() } else { extras.firmware.failed() }
        keepFirmware()
      }
    }
    if let problem {
      // No report is lost with it: the exit status is as before.
      self.line.start(.refused)
      self.line.add(number)
      self.line.add(.space)
      self.line.add(problem)
    } else {
      self.line.start("replied ")
      if let request { self.line.add(request) } else { self.line.add("firmware") }
    }
    if number == 0 { datagrams.reply(self.line) }
    print()
  }

  /// Carries out `reply ID CODE [JSON]` or `reply ID hex=DIGITS`; what is wrong with it.
  private mutating func reply(_ line: Span<UInt8>, _ request: UInt64) -> StaticString? {
    let code = line.word(2, by: 0x20)
    guard request > 0, request <= UInt64(UInt32.max), !code.isEmpty else { return "bad-reply" }
    let number = UInt32(truncatingIfNeeded: request)
    let now = MonotonicClock.now()
    do throws(DownlinkReplyError) {
      if code.starts(with: Span("hex=")) {
        var bytes = InlineArray<2_048, UInt8>(repeating: 0)
        var writer = ByteWriter(bytes.mutableSpan)
        var isWhole = code.count % 2 == 0 && line.word(3, by: 0x20).isEmpty
        for index in stride(from: 4, to: code.count - 1, by: 2) {
          guard let high = code[index].hexadecimal, let low = code[index + 1].hexadecimal else {
            return "bad-reply"
          }
          if (try? writer.append(high << 4 | low)) == nil { isWhole = false }
        }
        let count = writer.count
        guard isWhole else { return "bad-reply" }
        let data = bytes.span.extracting(0..<count)
        try extras.exchange.answer(number, bytes: data, over: &driver.reports, at: now)
      } else {
        guard let value = code.decimal, let code = DeviceReplyCode(rawValue: value) else {
          return "bad-code"
        }
        // Three words and the blanks behind them.
        var start = 0
        for _ in 0..<3 {
          while start < line.count, line[start] != 0x20 { start += 1 }
          if start < line.count { start += 1 }
        }
        let range = line.trimmed(start..<line.count)
        let data = line.extracting(range)
        try extras.exchange.answer(number, code, data: data, over: &driver.reports, at: now)
      }
      extras.command.forget(number)
      return nil
    } catch {
      return error.word
    }
  }
}

extension Span where Element == UInt8 {
  /// Whether a line is none of a report: its first word is `reply` or `firmware`, whatever follows.
  var isAnswerLine: Bool {
    let word = word(0, by: 0x20)
    return word.isEqual(to: Span("reply")) || word.isEqual(to: Span("firmware"))
  }
}

extension UInt8 {
  /// The value of a hexadecimal digit.
  fileprivate var hexadecimal: UInt8? {
    switch self {
    case 0x30...0x39: self &- 0x30
    case 0x41...0x46: self &- 0x37
    case 0x61...0x66: self &- 0x57
    default: nil
    }
  }
}

extension DownlinkReplyError {
  /// A word for a line.
  fileprivate var word: StaticString {
    switch self {
    case .refused(.unknown): "no-request"
    case .refused(.answered): "answered"
    case .refused(.late): "late"
    case .refused(.notAnObject): "not-an-object"
    case .refused(.nameTwice): "name-twice"
    case .refused(.form): "wrong-form"
    case .refused(.capacity): "too-long"
    case .notSent(isOpen: true): "not-connected"
    case .notSent(isOpen: false): "late"
    }
  }
}

extension FirmwareDecision {
  /// A word for a line.
  fileprivate var word: StaticString {
    switch self {
    case .start: "start"
    case .resume: "resume"
    case .alreadyRunning: "already-running"
    case .waitsForRestart: "waits-for-restart"
    case .alreadyInstalled: "already-installed"
    case .anotherRuns: "another-runs"
    case .refuse(.failedTooOften): "refused-failed-too-often"
    case .refuse: "refused"
    }
  }
}
