internal import ArgumentParser
internal import CoAPExchange
internal import CoAPLink
internal import CoAPMessage
internal import ConstrainedCore
internal import DeviceClient
internal import Platform
internal import ReportLink
internal import SystemClocks

struct PublishCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "publish",
    abstract: "Reports to a topic: one payload, or each line of standard input.",
    usage: """
      nbiot publish --product-key KEY --device-name NAME
        --device-secret-file FILE --topic TOPIC [--payload PAYLOAD] [options]
      """,
    discussion: """
      Example, to the platform:
        nbiot publish --product-key a1B2c3D4e5F --device-name device1 \\
          --device-secret-file secret.txt \\
          --topic /a1B2c3D4e5F/device1/user/update --payload '{"value":1}'

      Example, the device, the platform and the topic from a configuration of nbiot-agent:
        nbiot publish --config agent.conf --payload '{"value":1}'

      Example, each line a report, to `nbiot simulate --port 5682` on this machine:
        printf '{"value":1}\\n{"value":2}\\n' | nbiot publish --output json \\
          --endpoint 127.0.0.1:5682 --config agent.conf

      Example, the bytes of a file, those that another program prints, and those of hexadecimal digits:
        nbiot publish --config agent.conf --payload @reading.json
        gzip -c reading.json | nbiot publish --config agent.conf --payload - \\
          --format octet-stream
        nbiot publish --config agent.conf --payload '02 00 00 7b' --hex

      Example over MQTT with TLS, to `nbiot simulate --mqtts 8883 --certificates certificates`:
        nbiot publish --transport mqtt --endpoint 127.0.0.1:8883 \\
          --ca-file certificates/ca.pem --config agent.conf --payload '{"value":1}'

      Example over DTLS, with the CA file that `nbiot simulate --security dtls` has made:
        nbiot publish --security dtls --ca-file certificates/ca.pem \\
          --session-file session.bin --endpoint 127.0.0.1:5684 \\
          --config agent.conf --payload '{"value":1}'

      The payload after --payload is sent as it is. @FILE is the whole file, - the whole of standard input, each \
      byte for byte; a payload that begins with @ itself is written with @@. With --hex the digits are made bytes, \
      whichever way they are given, with spaces, colons and 0x between them; they are sent as application/octet-stream \
      (Content-Format 42), or as what --format says they are. Otherwise --format cbor makes CBOR of JSON, and json and \
      octet-stream only name what is sent.

      Without --payload, a line of standard input is sent as it arrives; empty lines are passed over. Each line that was \
      read has a result: once the endpoint has never answered, or refused the device, those that wait are refused \
      without being sent. Ctrl-C and SIGTERM give up the report under way, and refuse those that were read. Where the platform puts a report off (4.29 or 5.03), it is sent again when the time is over \
      that the platform asks for, a minute where it does not say, as long as --max-wait allows.

      \(Explanation.sources)

      Over MQTT the connection is TLS to port 1883, or with --websocket port 443, and a report is acknowledged by its \
      PUBACK; a payload may have 256 KB. Bytes are those of the MQTT packets, without TCP, TLS and WebSocket.

      Exit status: 0 all acknowledged, 1 some not, 2 usage, 3 authentication, DTLS or TLS handshake refused, \
      4 the endpoint never answered, 5 standard output cannot be written, 6 another device has the same identity (MQTT).
      """
  )

  @OptionGroup
  var device: DeviceOptions

  @OptionGroup var givenTopic: TopicOption

  @OptionGroup var payload: PayloadOption

  @Flag(help: "The payload is given in hexadecimal digits.")
  var hex = false

  @Option(
    name: .customLong("format"),
    help: ArgumentHelp(
      "What payloads are sent in: json as they are (default), cbor made of JSON, or octet-stream (default with --hex).",
      valueName: "format"
    )
  )
  var givenFormat: PayloadFormat?

  @Option(
    help: ArgumentHelp(
      "How long to wait in all where the platform puts reports off, counted anew from each that it takes.",
      valueName: "seconds"
    )
  )
  var maxWait: UInt32 = 300

  @OptionGroup var output: OutputOption

  /// How payloads are made from the input.
  private var form: PayloadForm {
    let usual = hex ? .octetStream : device.config?.format ?? .json
    var form = PayloadForm(format: givenFormat ?? usual, isHexadecimal: hex)
    if device.transport == .mqtt { form.limit = MQTTClientSettings.maxPayload }
    return form
  }

  private var topicSetting: Setting<String>? { givenTopic.setting(device.config) }

  /// The topic; `validate` has checked that there is one.
  private var topic: String { topicSetting?.value ?? "" }

  func validate() throws {
    guard let setting = topicSetting else {
      throw ValidationError("no topic: give --topic TOPIC, or a configuration file that has one")
    }
    try TopicOption.check(setting)
  }

  func run() async throws {
    let payload = try payload.given.map(form.payload(of:))
    let interruption = WorkInterruption()
    let client: DeviceClient
    do {
      client = try device.makeClient()
    } catch let complaint as Complaint where complaint.status == .unreachable {
      let status = await refuseAll(payload, because: complaint, interruption)
      throw status.error
    }
    var tally = Tally()
    let signals = interruption.listen()
    let status = await publishAll(payload, client, interruption, &tally)
    let summary = TrafficSummary(
      reports: tally.reports,
      acknowledged: tally.acknowledged,
      traffic: client.traffic,
      counters: client.counters,
      isSecureChannel: device.usesDTLS,
      isMQTT: device.transport == .mqtt
    )
    device.session.tellFailure(of: client)
    await client.close()
    if tally.reports > 0 { Console.complain("nbiot: \(summary)") }
    // Only now: what was read has its result.
    if interruption.isRequested { EndingSignal.endIfNoted() }
    withExtendedLifetime(signals) {}
    if status != .success { throw status.error }
  }

  /// Gives each available report a result if the endpoint is invalid.
  private func refuseAll(
    _ payload: [UInt8]?,
    because complaint: Complaint,
    _ interruption: WorkInterruption
  ) async -> ExitStatus {
    let lines = LineReader(interruption)
    if payload != nil {
      show(refusal(1, complaint.message))
    } else if await lines.next() != nil {
      show(refusal(1, complaint.message))
      await refuseRest(of: lines, after: 1, complaint.message)
    } else {
      Console.complain("nbiot: \(complaint.message)")
    }
    return complaint.status
  }

  /// Counts the results, and the good ones.
  private struct Tally {
    var reports = 0
    var acknowledged = 0

    mutating func add(_ status: ExitStatus) {
      reports += 1
      if status == .success { acknowledged += 1 }
    }
  }

  private func publishAll(
    _ payload: [UInt8]?,
    _ client: DeviceClient,
    _ interruption: WorkInterruption,
    _ tally: inout Tally
  ) async -> ExitStatus {
    var waited: Int64 = 0
    if let payload {
      let (line, status) = await publish(payload, number: 1, client, interruption, &waited)
      show(line)
      tally.add(status)
      return status
    }
    let lines = LineReader(interruption)
    var worst = ExitStatus.success
    var number = 0
    while let given = await lines.next() {
      number += 1
      guard !interruption.isRequested else {
        show(refusal(number, Self.interrupted))
        tally.add(.undelivered)
        worst = .undelivered
        continue
      }
      let payload: [UInt8]
      do throws(PayloadForm.Failure) {
        guard given.count < LineReader.limit else {
          throw PayloadForm.Failure(
            description: "the line has over 64 KiB: "
              + (device.transport == .mqtt
                ? "give a longer payload by --payload" : "a message takes at most 1,024 bytes")
          )
        }
        payload = try form.payload(of: given, "the line")
      } catch {
        show(refusal(number, error.description))
        tally.add(.undelivered)
        worst = .undelivered
        continue
      }
      let (line, status) = await publish(payload, number: number, client, interruption, &waited)
      show(line)
      tally.add(status)
      // Refused, or never answered: other lines would fail in the same way.
      if [.unauthenticated, .unreachable, .kicked].contains(status) {
        await refuseRest(of: lines, after: number, line.advice ?? "it was not taken")
        return status
      }
      if status != .success { worst = status }
    }
    if let failure = await lines.failure {
      Console.complain("nbiot: \(failure.message); or give the payload after --payload")
      return number == 0 ? .usage : .undelivered
    }
    return worst
  }

  /// Gives the lines waiting in the pipe a result without sending them.
  private func refuseRest(of lines: LineReader, after last: Int, _ reason: String) async {
    var number = last
    while await lines.nextReady() != nil {
      number += 1
      show(refusal(number, "not sent, as report \(last) ended so: \(reason)"))
    }
  }

  /// Why a line that was read was not sent.
  private static let interrupted = "not sent: a signal ends the program"

  private func refusal(_ number: Int, _ reason: String) -> ResultLine {
    ResultLine(number: number, topic: topic, outcome: .refused, advice: reason)
  }

  private func publish(
    _ payload: [UInt8],
    number: Int,
    _ client: DeviceClient,
    _ interruption: WorkInterruption,
    _ waited: inout Int64
  ) async -> (ResultLine, ExitStatus) {
    let before = client.counters
    var attempt = await attempt(payload, number: number, client, interruption)
    while attempt.wait > 0, waited + attempt.wait <= Int64(maxWait) * 1_000 {
      let seconds = (attempt.wait + 999) / 1_000
      let reason =
        attempt.isResting
        ? "nothing is connected"
        : "the platform puts it off\(attempt.line.code.map { " (\($0))" } ?? "")"
      Console.complain("nbiot: report \(number): \(reason); it is sent again in \(seconds) s")
      let wait = attempt.wait
      waited += wait
      do {
        try await interruption.run { try await Task.sleep(for: .milliseconds(wait)) }
      } catch {
        break
      }
      attempt = await self.attempt(payload, number: number, client, interruption)
    }
    var (line, status) = (attempt.line, attempt.status)
    if status == .success { waited = 0 }
    let after = client.counters
    if device.usesDTLS { line.channel = .init(before: before, after: after) }
    return (line, status)
  }

  /// The result of one attempt; `wait` is the time in milliseconds that the platform asks to wait
  /// before the next one, or 0.
  private struct Attempt {
    var line: ResultLine
    var status: ExitStatus
    var wait: Int64 = 0
    /// Whether that is the device's own rest after a connection has ended.
    var isResting = false
  }

  private func attempt(
    _ payload: [UInt8],
    number: Int,
    _ client: DeviceClient,
    _ interruption: WorkInterruption
  ) async -> Attempt {
    let start = MonotonicClock.now()
    let (topic, format) = (topic, form.format.contentFormat)
    let sent = client.traffic.reports.datagramsUp
    do {
      let receipt = try await interruption.run {
        try await client.publish(payload, to: topic, format: format)
      }
      return Attempt(line: ResultLine(number, topic, receipt), status: .success)
    } catch let error as DeviceClientError {
      let passed = (MonotonicClock.now() - start).count
      let line = ResultLine(number, topic, error, milliseconds: passed)
      let status = error.status(hasAnswered: client.counters.roundTrips > 0)
      let isResting = if case .resting = error { true } else { false }
      return Attempt(line: line, status: status, wait: error.wait.count, isResting: isResting)
    } catch is CancellationError {
      guard client.traffic.reports.datagramsUp > sent else {
        return Attempt(line: refusal(number, Self.interrupted), status: .undelivered)
      }
      let line = ResultLine(
        number: number,
        topic: topic,
        outcome: .timedOut,
        milliseconds: (MonotonicClock.now() - start).count,
        advice:
          "a signal ended the program before an answer came: the platform may or may not have the report"
      )
      return Attempt(line: line, status: .undelivered)
    } catch {
      return Attempt(line: refusal(number, "\(error)"), status: .undelivered)
    }
  }

  private func show(_ line: ResultLine) {
    switch output.form {
    case .json: line.printJSON()
    case .text: Console.print(line.text)
    }
    if output.form == .json, let advice = line.advice {
      Console.complain("nbiot: report \(line.number): \(advice)")
    }
    if let gap = line.result?.answerGap {
      Console.complain("nbiot: report \(line.number): \(gap)")
    }
  }
}

extension DeviceClientError {
  /// How long to wait before the next try; 0 where there is none.
  fileprivate var wait: Milliseconds {
    if case .undelivered(let receipt) = self { return receipt.result.wait }
    return retryAfter
  }
}

extension ReportResult {
  /// As above; a reply on a thing-model topic that puts a report off (429, 500, 503, 6313) has no
  /// time, so it means as long as a response without one (RFC 7252 Section 5.10.5).
  fileprivate var wait: Milliseconds {
    retryAfter == Milliseconds(0) && verdict == .later && replyCode != nil
      ? Milliseconds(60_000) : retryAfter
  }
}
