internal import ArgumentParser
internal import CoAPLink
internal import CoAPMessage
internal import ConstrainedCore
internal import DeviceClient
internal import OpenSSLSupport
internal import PlatformCore
internal import PlatformSimulator
internal import Synchronization

struct DemoCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Runs a platform and a device on this machine and reports its readings.",
    discussion: """
      Example:
        nbiot demo
        nbiot demo --security dtls

      The device signs, authenticates, derives the key and reports load, memory, uptime and, where \
      there is a sensor, the temperature, over UDP on the loopback interface. Exit status 0 only if \
      every report was acknowledged and the platform decrypted exactly what was read.
      """
  )

  @Option(help: "How many reports to send.")
  var reports = 10

  @OptionGroup var protection: SecurityOption

  private var security: SecurityArgument { protection.given ?? .symmetric }

  func validate() throws {
    guard reports >= 1, reports <= 100_000 else {
      throw ValidationError("--reports is 1 to 100,000")
    }
  }

  func run() async throws {
    let productKey = "a1DemoNbIoT"
    let deviceName = "demo-device"
    let secret = Self.makeSecret()
    var configuration = SimulatorConfiguration()
    configuration.devices = [
      SimulatedDevice(productKey: productKey, deviceName: deviceName, secret: secret)
    ]
    var device = DeviceClientConfiguration(
      productKey: productKey,
      deviceName: deviceName,
      host: "127.0.0.1"
    )
    if security == .dtls {
      let issued = try IssuedCertificate(names: ["127.0.0.1"])
      configuration.protection = .dtls
      configuration.dtls.certificate = issued.certificate
      configuration.dtls.key = issued.key
      device.security = .certificate(PlatformTrust(authorities: issued.authority))
    }
    let received = Received()
    let server = try await SimulatorServer.start(configuration) { received.add($0) }
    device.port = UInt16(server.port)
    let mode =
      security == .dtls
      ? "DTLS 1.2, with a certificate made for this run" : "symmetric mode (AES-128-CBC)"
    Console.print("platform  127.0.0.1:\(server.port), \(mode)")
    Console.print("device    \(productKey)/\(deviceName), a new random secret")
    let client = try DeviceClient(device, secret: secret)
    let topic = "/\(productKey)/\(deviceName)/user/update"
    Console.print("topic     \(topic)")
    try await connect(client)
    let sent = await report(to: topic, client)
    let counters = client.counters
    await client.close()
    try await server.close()
    let isSame = sent.payloads == received.payloads
    summarize(counters, acknowledged: sent.acknowledged, isSame: isSame)
    guard sent.acknowledged == reports, isSame else { throw ExitStatus.undelivered.error }
  }

  private func connect(_ client: DeviceClient) async throws {
    do {
      try await client.connect()
    } catch {
      guard case DeviceClientError.authentication(let failure, _) = error, !failure.isSilence else {
        throw Complaint("\(error)", .unreachable)
      }
      throw Complaint("\(error)", .unauthenticated)
    }
    let counters = client.counters
    let what =
      security == .dtls
      ? "after a DTLS handshake signed and accepted" : "signed and accepted, key derived"
    Console.print("/auth     \(what): \(counters.bytesUp) B up, \(counters.bytesDown) B down")
  }

  private func report(
    to topic: String,
    _ client: DeviceClient
  ) async -> (payloads: [[UInt8]], acknowledged: Int) {
    var payloads: [[UInt8]] = []
    var acknowledged = 0
    for number in 1...reports {
      let payload = Readings.take().json()
      payloads.append(payload)
      let line: ResultLine
      do {
        line = ResultLine(number, topic, try await client.publish(payload, to: topic))
        acknowledged += 1
      } catch let error as DeviceClientError {
        line = ResultLine(number, topic, error, milliseconds: 0)
      } catch {
        line = ResultLine(number: number, topic: topic, outcome: .refused, advice: "\(error)")
      }
      Console.print("\(line.text)  \(String(decoding: payload, as: UTF8.self))")
    }
    return (payloads, acknowledged)
  }

  private func summarize(_ counters: DeviceCounters, acknowledged: Int, isSame: Bool) {
    // An IPv4 header has 20 bytes, a UDP header 8.
    let up = counters.bytesUp + 28 * counters.datagramsUp
    let down = counters.bytesDown + 28 * counters.datagramsDown
    Console.print(
      lines: """

        reports         \(reports), \(acknowledged) acknowledged
        UDP payload     \(counters.bytesUp) B up, \(counters.bytesDown) B down
        with IP, UDP    \(up) B up, \(down) B down (28 B a datagram over IPv4)
        transmissions   \(counters.transmissions) of \(counters.requests) requests, /auth included
        round trips     \(counters.roundTrips)\(security == .dtls ? " and those of \(counters.handshakes) handshake" : "")
        received        \(isSame ? "exactly what was read" : "NOT what was read")
        """
    )
  }

  /// 32 hexadecimal digits, like the platform's secrets.
  private static func makeSecret() -> [UInt8] {
    var random = SystemRandom()
    let digits = Array("0123456789abcdef".utf8)
    return (0..<32).map { _ in digits[Int(random.next() >> 60)] }
  }
}

/// The payloads that the simulator has decrypted, in order.
private final class Received: Sendable {
  private let reports = Mutex<[[UInt8]]>([])

  func add(_ record: RequestRecord) {
    guard record.isAcceptedReport else { return }
    reports.withLock { $0.append(record.payload) }
  }

  var payloads: [[UInt8]] { reports.withLock { $0 } }
}
