internal import AliyunIoT
internal import ArgumentParser
internal import CoAPExchange
internal import CoAPMessage
internal import ConstrainedCore
internal import DeviceClient
internal import DeviceSession
internal import UDPTransport

struct PublishCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "publish",
    abstract: "Reports to a topic: one payload, or one for each line of standard input.",
    discussion: """
      Example, against the platform:
        nbiot publish --product-key a1B2c3D4e5F --device-name device1 \\
          --device-secret-file secret.txt \\
          --topic /a1B2c3D4e5F/device1/user/update --payload '{"value":1}'

      Example, against `nbiot simulate --port 5682 …` on this machine:
        printf '{"value":1}\\n' | nbiot publish --endpoint 127.0.0.1:5682 --output json …

      Example over DTLS, with the CA file that `nbiot simulate --security dtls` has made:
        nbiot publish --security dtls --ca-file certificates/ca.pem --session-file session.bin \\
          --endpoint 127.0.0.1:5684 …

      A line is sent as it arrives; empty lines are passed over. The secret comes from a file or from \
      the environment variable NBIOT_DEVICE_SECRET, never from an argument.

      Exit status: 0 all acknowledged, 1 some not, 2 usage, 3 authentication or DTLS handshake refused, \
      4 the endpoint never answered, 5 standard output cannot be written.
      """
  )

  @Option(help: "The product's key.")
  var productKey: String

  @Option(help: "The device's name.")
  var deviceName: String

  @Option(help: "A file with the device secret in its first line.")
  var deviceSecretFile: String?

  @Option(help: "The topic, with its leading slash.")
  var topic: String

  @Option(help: "The payload; without it, standard input is read line by line.")
  var payload: String?

  @Option(
    help: ArgumentHelp(
      "Where to report to (default: the platform's address for product key and region).",
      valueName: "host:port"
    )
  )
  var endpoint: EndpointArgument?

  @Option(help: "The platform's region; the device guide knows this one only.")
  var region = "cn-shanghai"

  @Option(help: "How the messages are protected: symmetric on port 5682, dtls on port 5684.")
  var security = SecurityArgument.symmetric

  @OptionGroup(title: "With --security dtls")
  var dtls: DTLSOptions

  @Option(help: "What the payloads are sent in: json as they are, cbor made of lines of JSON.")
  var format = FormatArgument.json

  @Option(help: "How /auth is signed.")
  var signMethod = SignMethodArgument.hmacmd5

  @Option(help: "The client id (default: PRODUCTKEY&DEVICENAME).")
  var clientId: String?

  @Option(help: "How patiently a message is sent again.")
  var timing = TimingArgument.standard

  @Flag(help: "Let the first timeout follow the round trips that are measured (CoCoA).")
  var adaptiveTimeout = false

  @Option(help: "Which option carries the token; 61 for platforms of the SDKs 3.0 to 3.2.")
  var tokenOption = TokenOptionArgument.current

  @Option(help: "The format asked for in the answers; none saves 2 bytes.")
  var accept = AcceptArgument.json

  @Option(help: "How /auth asks the platform to answer: piggybacked (0) or separate (1).")
  var ackMode: AckModeArgument?

  @Option(help: "The timestamp of /auth: milliseconds since 1970, or now.")
  var timestamp: TimestampArgument?

  @Option(help: "How results are printed.")
  var output = OutputArgument.text

  func validate() throws {
    if security == .symmetric, dtls.isUsed {
      throw ValidationError("these options belong to DTLS: give --security dtls with them")
    }
    do throws(TopicError) {
      _ = try Topic(Array(topic.utf8).span)
    } catch {
      throw ValidationError(error.description)
    }
    if let payload, payload.utf8.count > PlatformRequest.maxPayload {
      throw ValidationError(DeviceError.payloadTooLong(payload.utf8.count).description)
    }
  }

  func run() async throws {
    let (client, file) = try makeClient()
    let status = await publishAll(client, file)
    await client.close()
    if status != .success { throw status.error }
  }

  private func makeClient() throws -> (DeviceClient, SessionFile?) {
    var configuration = DeviceClientConfiguration(
      productKey: productKey,
      deviceName: deviceName,
      host: endpoint?.host,
      port: endpoint?.port,
      region: region
    )
    configuration.clientID = clientId
    configuration.settings.signMethod = signMethod.method
    configuration.settings.acknowledgementMode = ackMode?.mode
    configuration.settings.timestamp = timestamp?.milliseconds
    configuration.settings.tokenOption = tokenOption.option
    configuration.settings.accept = accept.contentFormat
    configuration.settings.timing = timing.parameters
    configuration.settings.adaptsTimeout = adaptiveTimeout
    let file = security == .dtls ? try dtls.configure(&configuration) : nil
    if Console.isInteractive {
      configuration.onTransmission = Self.retransmissionLine(of: timing.parameters.maxRetransmit)
    }
    var secret = try Secret.load(path: deviceSecretFile)
    defer { Secret.erase(&secret) }
    do throws(DeviceClientError) {
      return (try DeviceClient(configuration, secret: secret), file)
    } catch {
      guard case .transport = error else { throw Complaint(error.description) }
      throw Complaint(error.description, .unreachable)
    }
  }

  /// Keeps the DTLS session for the next run; one that the server would not resume is of no use to it.
  private func keepSession(_ client: DeviceClient, _ file: SessionFile?) {
    guard let file else { return }
    guard var session = client.exportSession() else { return file.remove() }
    defer { Secret.erase(&session) }
    file.keep(session)
  }

  private static func retransmissionLine(
    of limit: Int
  ) -> @Sendable (DeviceTransmission) -> Void {
    { transmission in
      switch transmission {
      case .authentication(let attempt) where attempt > 1:
        Console.complain("no answer yet: /auth sent again, \(attempt - 1) of \(limit)")
      case .report(let attempt) where attempt > 1:
        Console.complain("no answer yet: report sent again, \(attempt - 1) of \(limit)")
      default: break
      }
    }
  }

  private func publishAll(_ client: DeviceClient, _ file: SessionFile?) async -> ExitStatus {
    if let payload {
      let (line, status) = await publish(Array(payload.utf8), number: 1, client, file)
      show(line)
      return status
    }
    let lines = LineReader()
    var worst = ExitStatus.success
    var number = 0
    while let payload = await lines.next() {
      number += 1
      let (line, status) = await publish(payload, number: number, client, file)
      show(line)
      // Refused, or never answered: no other line would fare better.
      if status == .unauthenticated || status == .unreachable { return status }
      if status != .success { worst = status }
    }
    return worst
  }

  private func publish(
    _ payload: [UInt8],
    number: Int,
    _ client: DeviceClient,
    _ file: SessionFile?
  ) async -> (ReportLine, ExitStatus) {
    let before = client.counters
    let converted: [UInt8]
    do throws(CBORConversion.Failure) {
      converted = format == .cbor ? try CBORConversion.convert(payload) : payload
    } catch {
      let line = ReportLine(
        number: number,
        topic: topic,
        outcome: .refused,
        advice: error.description
      )
      return (line, .undelivered)
    }
    var (line, status) = await publish(converted, number: number, client)
    let after = client.counters
    // Whoever ends the program finds the session in the file all the same.
    if after.handshakes > before.handshakes { keepSession(client, file) }
    if security == .dtls { line.channel = .init(before: before, after: after) }
    return (line, status)
  }

  private func publish(
    _ payload: [UInt8],
    number: Int,
    _ client: DeviceClient
  ) async -> (ReportLine, ExitStatus) {
    let start = MonotonicClock.now()
    do {
      let receipt = try await client.publish(payload, to: topic, format: format.contentFormat)
      return (ReportLine(number, topic, receipt), .success)
    } catch let error as DeviceClientError {
      let passed = (MonotonicClock.now() - start).count
      let line = ReportLine(number, topic, error, milliseconds: passed)
      return (line, Self.status(error, hasAnswered: client.counters.roundTrips > 0))
    } catch {
      let line = ReportLine(
        number: number,
        topic: topic,
        outcome: .refused,
        advice: "\(error)"
      )
      return (line, .undelivered)
    }
  }

  private static func status(_ error: DeviceClientError, hasAnswered: Bool) -> ExitStatus {
    let silent: ExitStatus = hasAnswered ? .undelivered : .unreachable
    return switch error {
    case .transport, .interrupted: silent
    case .authentication(let failure): failure.isSilence ? silent : .unauthenticated
    case .undelivered(let receipt):
      switch receipt.result.outcome {
      case .timedOut: silent
      case .unauthenticated(let failure): failure.isSilence ? silent : .unauthenticated
      default: .undelivered
      }
    default: .undelivered
    }
  }

  private func show(_ line: ReportLine) {
    switch output {
    case .json: line.printJSON()
    case .text: Console.print(line.text)
    }
    if output == .json, let advice = line.advice {
      Console.complain("nbiot: report \(line.number): \(advice)")
    }
  }
}
