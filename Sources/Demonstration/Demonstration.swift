// SPDX-License-Identifier: Apache-2.0
internal import CoAPLink
internal import ConstrainedCore
internal import DeviceClient
internal import OpenSSLSupport
internal import PlatformCore
internal import PlatformSimulator
internal import Synchronization

/// A platform and a device on this machine: the device signs, authenticates, derives the key, and reports the machine's
/// readings over UDP on the loopback interface.
///
/// A target of its own, because `make demo` is the first that a user builds: it needs neither a command line's parser
/// nor the platform's other fronts.
public struct Demonstration: Sendable {
  /// How it ended.
  public enum Ending: Equatable, Sendable {
    /// The platform acknowledged every report and decrypted exactly what was read.
    case delivered
    /// A report was not acknowledged, or arrived altered.
    case undelivered
    /// The platform refused the device, with the reason.
    case unauthenticated(String)
    /// The platform did not answer, with the reason.
    case unreachable(String)
  }

  /// How many reports the device sends, at least 1.
  public let reports: Int

  /// Whether the two speak DTLS 1.2, with a certificate made for the run; otherwise symmetric mode.
  public let isSecureChannel: Bool

  /// A demonstration of `reports` reports.
  public init(reports: Int, isSecureChannel: Bool) {
    precondition(reports >= 1, "a demonstration has a report")
    self.reports = reports
    self.isSecureChannel = isSecureChannel
  }

  /// Runs it and gives `print` each line as it comes; throws what keeps platform or device from starting.
  public func run(print: (String) -> Void) async throws -> Ending {
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
    if isSecureChannel {
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
      isSecureChannel
      ? "DTLS 1.2, with a certificate made for this run" : "symmetric mode (AES-128-CBC)"
    let topic = "/\(productKey)/\(deviceName)/user/update"
    print("platform  127.0.0.1:\(server.port), \(mode)")
    print("device    \(productKey)/\(deviceName), a new random secret")
    print("topic     \(topic)")
    let client = try DeviceClient(device, secret: secret)
    let ending: Ending
    if let refusal = await connect(client, print: print) {
      ending = refusal
    } else {
      let sent = await report(to: topic, client, print: print)
      let isSame = sent.payloads == received.payloads
      summarize(client.counters, acknowledged: sent.acknowledged, isSame: isSame, print: print)
      ending = sent.acknowledged == reports && isSame ? .delivered : .undelivered
    }
    await client.close()
    try await server.close()
    return ending
  }

  /// Authenticates the device; `nil` if that succeeded.
  private func connect(_ client: DeviceClient, print: (String) -> Void) async -> Ending? {
    do {
      try await client.connect()
    } catch {
      guard case DeviceClientError.authentication(let failure, _) = error, !failure.isSilence else {
        return .unreachable("\(error)")
      }
      return .unauthenticated("\(error)")
    }
    let counters = client.counters
    let what =
      isSecureChannel
      ? "after a DTLS handshake signed and accepted" : "signed and accepted, key derived"
    print("/auth     \(what): \(counters.bytesUp) B up, \(counters.bytesDown) B down")
    return nil
  }

  private func report(
    to topic: String,
    _ client: DeviceClient,
    print: (String) -> Void
  ) async -> (payloads: [[UInt8]], acknowledged: Int) {
    var payloads: [[UInt8]] = []
    var acknowledged = 0
    for number in 1...reports {
      let payload = Readings.take().json()
      payloads.append(payload)
      let outcome: String
      do {
        outcome = try await client.publish(payload, to: topic).description
        acknowledged += 1
      } catch {
        outcome = "failed: \(error)"
      }
      print("report \(number) \(outcome)  \(String(decoding: payload, as: UTF8.self))")
    }
    return (payloads, acknowledged)
  }

  private func summarize(
    _ counters: DeviceCounters,
    acknowledged: Int,
    isSame: Bool,
    print: (String) -> Void
  ) {
    // An IPv4 header has 20 bytes, a UDP header 8.
    let up = counters.bytesUp + 28 * counters.datagramsUp
    let down = counters.bytesDown + 28 * counters.datagramsDown
    let handshakes = isSecureChannel ? " and those of \(counters.handshakes) handshake" : ""
    print("")
    print("reports         \(reports), \(acknowledged) acknowledged")
    print("UDP payload     \(counters.bytesUp) B up, \(counters.bytesDown) B down")
    print("with IP, UDP    \(up) B up, \(down) B down (28 B a datagram over IPv4)")
    print(
      "transmissions   \(counters.transmissions) of \(counters.requests) requests, /auth included"
    )
    print("round trips     \(counters.roundTrips)\(handshakes)")
    print("received        \(isSame ? "exactly what was read" : "NOT what was read")")
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
