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

  @OptionGroup
  var device: DeviceOptions

  @Option(help: "The topic, with its leading slash.")
  var topic: String

  @Option(help: "The payload; without it, standard input is read line by line.")
  var payload: String?

  @Option(help: "What the payloads are sent in: json as they are, cbor made of lines of JSON.")
  var format = FormatArgument.json

  @Option(help: "How results are printed.")
  var output = OutputArgument.text

  func validate() throws {
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
    let (client, file) = try device.makeClient()
    let status = await publishAll(client, file)
    await client.close()
    if status != .success { throw status.error }
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
    if after.handshakes > before.handshakes { DeviceOptions.keepSession(client, file) }
    if device.security == .dtls { line.channel = .init(before: before, after: after) }
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
      return (line, error.status(hasAnswered: client.counters.roundTrips > 0))
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
