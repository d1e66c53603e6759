// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import CoAPExchange
internal import CoAPLink
internal import CoAPMessage
internal import ConstrainedCore
internal import DeviceClient
internal import PayloadValues
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

      Example over HTTPS, to `nbiot simulate --https 8443 --certificates certificates`:
        nbiot publish --transport https --endpoint 127.0.0.1:8443 \\
          --ca-file certificates/ca.pem --session-file token.bin \\
          --config agent.conf --payload '{"value":1}'

      Example over DTLS, with the CA file that `nbiot simulate --security dtls` has made:
        nbiot publish --security dtls --ca-file certificates/ca.pem \\
          --session-file session.bin --endpoint 127.0.0.1:5684 \\
          --config agent.conf --payload '{"value":1}'

      The text after --payload is sent unchanged. @FILE sends a file and - all of standard input, byte for byte; a text \
      that begins with @ is written with @@. With --hex the payload is given in hexadecimal digits, in any of these \
      ways; spaces, colons and 0x may stand between them. It is sent as application/octet-stream (Content-Format 42), \
      or in the format that --format names. Without --hex, --format cbor converts JSON to CBOR; json and octet-stream \
      only name the format.

      Without --payload each line of standard input is sent as it arrives; empty lines are skipped. Every line that was \
      read has a result: if the endpoint never answers or refuses the device, the lines that wait are refused without \
      being sent. Ctrl-C and SIGTERM abandon the report in flight and refuse the lines that were read. If the platform \
      puts a report off (4.29 or 5.03), it is sent again after the time that the platform asks for, or after a minute, \
      within the limits of --max-wait.

      \(Explanation.sources)

      Over MQTT the connection is TLS to port 1883, or with --websocket to port 443. A report is acknowledged by its \
      PUBACK; a payload may have 256 KB. With --in-flight, lines that are at hand are sent in order without waiting for \
      each other's PUBACK, and their results are printed together. Bytes are those of the MQTT packets, without TCP, \
      TLS and WebSocket.

      Over HTTPS the connection is TLS to port 443, a payload may have 128 KB, and each is sent as \
      application/octet-stream. --session-file keeps the token, which is valid for 7 days. /auth is signed with hmacmd5 \
      or hmacsha1. Code 40000 and Retry-After put a report off. Bytes are those of the requests, without TCP and TLS.

      --ledger says where the bytes went, headers of IP, UDP and TCP included. `nbiot estimate --from-ledger` prices the \
      object of --output json.

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
      "The format of payloads: json unchanged (default), cbor converted from JSON, or octet-stream (default with --hex).",
      valueName: "format"
    )
  )
  var givenFormat: PayloadFormat?

  @Option(
    help: ArgumentHelp(
      "The longest total wait while the platform puts reports off; each accepted report starts it anew.",
      valueName: "seconds"
    )
  )
  var maxWait: UInt32 = 300

  @OptionGroup(title: "With --transport mqtt")
  var flight: InFlightOption

  @Flag(
    help:
      "Tell at the end what was sent and received for each purpose: a table, or with --output json one object."
  )
  var ledger = false

  @OptionGroup var output: OutputOption

  /// How many reports may be under way at once.
  private var inFlight: Int {
    guard device.transport == .mqtt else { return 1 }
    return flight.given ?? device.config?.inFlight ?? 1
  }

  /// How payloads are made from the input.
  private var form: PayloadForm {
    let usual = hex ? .octetStream : device.config?.format ?? .json
    var form = PayloadForm(format: givenFormat ?? usual, isHexadecimal: hex)
    switch device.transport {
    case .coap: break
    case .mqtt: form.limit = MQTTClientSettings.maxPayload
    case .https: form.limit = HTTPSClientSettings.maxPayload
    }
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
    if device.transport != .mqtt {
      try Contradiction.check(
        [("--in-flight", flight.given != nil)],
        belongTo: "MQTT",
        give: "--transport mqtt"
      )
    }
  }

  func run() async throws {
    let payload = try payload.given.map(form.payload(of:))
    let interruption = WorkInterruption()
    let client: DeviceClient
    do {
      client = try device.makeClient(mqtt: { $0.reportsInFlight = inFlight })
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
    if ledger {
      await client.completeLedger()
      let missed = client.missedConnections
      if missed > 0 {
        Console.complain(
          "nbiot: \(EstimatePage.count(missed, "connection")) could not be followed (out of descriptors? see ulimit "
            + "-n): the ledger has too little of what TLS, TCP and IP add"
        )
      }
      let page = LedgerPage(
        ledger: client.ledger,
        reports: tally.acknowledged,
        transport: device.transport.rawValue
      )
      switch output.form {
      case .json: Console.print(json: page.json.encoded(.json).span)
      case .text: for line in page.text { Console.complain("nbiot: \(line)") }
      }
    }
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
    let lines = LineReader(interruption, limit: form.inputLimit)
    if payload != nil {
      show(refusal(1, complaint.message))
    } else if await lines.next() != nil {
      show(refusal(1, complaint.message))
      await refuseRest(of: lines, after: 1, "as report 1 ended so: \(complaint.message)")
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
    var patience = PublishPatience(limit: Int64(maxWait) * 1_000)
    if let payload {
      let before = client.counters
      let report = makeReport(1, payload)
      let first = await PublishAttempt.all(of: [report], client, interruption)[0]
      let attempt = await goOn(report, after: first, client, interruption, &patience)
      let (line, status) = result(of: attempt, client, before)
      show(line)
      tally.add(status)
      return status
    }
    let lines = LineReader(interruption, limit: form.inputLimit)
    var worst = ExitStatus.success
    var number = 0
    while case let batch = await nextLines(of: lines), !batch.isEmpty {
      let results = await publish(batch, after: number, client, interruption, &patience)
      number += batch.count
      for (line, status) in results {
        show(line)
        tally.add(status)
        if status != .success { worst = status }
      }
      // Refused, or never answered: other lines would fail in the same way.
      let lasting: [ExitStatus] = [.unauthenticated, .unreachable, .kicked]
      if let (line, status) = results.first(where: { lasting.contains($0.1) }) {
        let reason = line.advice ?? "it was not taken"
        await refuseRest(of: lines, after: number, "as report \(line.number) ended so: \(reason)")
        return status
      }
    }
    if let failure = await lines.failure {
      Console.complain("nbiot: \(failure.message); or give the payload after --payload")
      return number == 0 ? .usage : .undelivered
    }
    return worst
  }

  /// The next line, and with --in-flight as many of those behind it as may be under way with it and are at hand.
  private func nextLines(of lines: LineReader) async -> [[UInt8]] {
    guard let first = await lines.next() else { return [] }
    var batch = [first]
    while batch.count < inFlight, let line = await lines.nextReady() { batch.append(line) }
    return batch
  }

  /// Sends lines together, and gives each its result, in their order.
  private func publish(
    _ batch: [[UInt8]],
    after last: Int,
    _ client: DeviceClient,
    _ interruption: WorkInterruption,
    _ patience: inout PublishPatience
  ) async -> [(ResultLine, ExitStatus)] {
    var reports: [PublishAttempt.Report] = []
    var refusals: [Int: ResultLine] = [:]
    for (index, given) in batch.enumerated() {
      let number = last + index + 1
      guard !interruption.isRequested else {
        refusals[number] = refusal(number, PublishAttempt.interrupted)
        continue
      }
      if let left = patience.left(at: MonotonicClock.now()) {
        refusals[number] = refusal(number, DeviceClientError.putOff(left).description)
        continue
      }
      do throws(PayloadForm.Failure) {
        guard given.count <= form.inputLimit else {
          throw PayloadForm.Failure(
            description: "the line has over \(form.inputLimit / 1_024) KiB: "
              + DataArgument.most(form.inputLimit)
          )
        }
        reports.append(makeReport(number, try form.payload(of: given, "the line")))
      } catch {
        refusals[number] = refusal(number, error.description)
      }
    }
    let before = client.counters
    let attempts = await PublishAttempt.all(of: reports, client, interruption)
    var results: [(ResultLine, ExitStatus)] = []
    var sent = zip(reports, attempts).makeIterator()
    for number in (last + 1)...(last + batch.count) {
      if let refusal = refusals[number] {
        results.append((refusal, .undelivered))
      } else if let (report, attempt) = sent.next() {
        let attempt = await goOn(report, after: attempt, client, interruption, &patience)
        results.append(result(of: attempt, client, before))
      }
    }
    return results
  }

  /// Gives the lines waiting in the pipe a result without sending them.
  private func refuseRest(of lines: LineReader, after last: Int, _ reason: String) async {
    var number = last
    while await lines.nextReady() != nil {
      number += 1
      show(refusal(number, "not sent, \(reason)"))
    }
  }

  private func refusal(_ number: Int, _ reason: String) -> ResultLine {
    ResultLine(number: number, topic: topic, outcome: .refused, advice: reason)
  }

  private func makeReport(_ number: Int, _ payload: [UInt8]) -> PublishAttempt.Report {
    PublishAttempt.Report(
      number: number,
      topic: topic,
      payload: payload,
      format: form.format.contentFormat
    )
  }

  /// Sends a report again as long as the platform puts it off, and `maxWait` allows.
  private func goOn(
    _ report: PublishAttempt.Report,
    after first: PublishAttempt,
    _ client: DeviceClient,
    _ interruption: WorkInterruption,
    _ patience: inout PublishPatience
  ) async -> PublishAttempt {
    var attempt = first
    while attempt.wait > 0, patience.allows(attempt.wait) {
      let seconds = (attempt.wait + 999) / 1_000
      let code =
        attempt.replyCode.map { "reply \($0)" } ?? attempt.line.httpsCode.map { "code \($0)" }
        ?? attempt.line.code?.description
      let reason =
        attempt.isResting
        ? "nothing is connected" : "the platform puts it off\(code.map { " (\($0))" } ?? "")"
      Console.complain(
        "nbiot: report \(report.number): \(reason); it is sent again in \(seconds) s"
      )
      let wait = attempt.wait
      patience.waited += wait
      do {
        try await interruption.run { try await Task.sleep(for: .milliseconds(wait)) }
      } catch {
        break
      }
      let earlier = attempt
      attempt = await PublishAttempt.all(of: [report], client, interruption)[0]
      attempt.add(earlier)
    }
    if attempt.status == .success { patience.waited = 0 }
    if attempt.wait > 0, !patience.allows(attempt.wait) {
      let least = (patience.waited + attempt.wait + 999) / 1_000
      let advice = "that is beyond --max-wait \(maxWait): give at least \(least)"
      attempt.line.advice = (attempt.line.advice.map { $0 + "; " } ?? "") + advice
    }
    // The device's client holds the topic itself where the response says how long.
    if attempt.wait > 0, attempt.replyCode != nil {
      patience.heldUntil = MonotonicClock.now() + Milliseconds(attempt.wait)
    }
    return attempt
  }

  private func result(
    of attempt: PublishAttempt,
    _ client: DeviceClient,
    _ before: DeviceCounters
  ) -> (ResultLine, ExitStatus) {
    var line = attempt.line
    if device.usesDTLS { line.channel = .init(before: before, after: client.counters) }
    return (line, attempt.status)
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
