// SPDX-License-Identifier: Apache-2.0
internal import CoAPLink
internal import CoAPMessage
internal import ConstrainedCore
internal import DeviceClient
internal import Dispatch
internal import Foundation
internal import OpenSSLSupport
internal import PlatformBroker
internal import PlatformCore
internal import PlatformMQTT
internal import PlatformSimulator
internal import PlatformWebServer
internal import Synchronization
internal import SystemClocks

extension StreamRehearsal {
  /// Why there is no rehearsal.
  public struct Failure: Error, Equatable, Sendable {
    /// What is wrong, and what to do.
    public let reason: String

    init(_ reason: String) { self.reason = reason }
  }

  /// Lets the real client report `plan`'s payload three times over MQTT or HTTPS, each time in a connection of its
  /// own, to the simulated platform on this machine's loopback.
  ///
  /// MQTT needs mosquitto and the plugin of `make broker`.
  public static func run(_ plan: ReportPlan) async throws(Failure) -> StreamRehearsal {
    do {
      return try await rehearse(plan)
    } catch let failure as Failure {
      throw failure
    } catch let error as BrokerError {
      throw Failure(error.reason)
    } catch {
      throw Failure("the rehearsal failed: \(error)")
    }
  }

  /// Brokers that have been closed, with the loops that they belong to.
  private static let kept = Mutex<[(SimulatorServer, BrokerServer)]>([])

  private static func rehearse(_ plan: ReportPlan) async throws -> StreamRehearsal {
    let secret = Array("0123456789abcdef0123456789abcdef".utf8)
    var configuration = SimulatorConfiguration()
    configuration.takesAnyTopic = true
    configuration.payloadLimit = 262_144
    configuration.devices = [
      SimulatedDevice(productKey: plan.productKey, deviceName: plan.deviceName, secret: secret)
    ]
    let issued = try IssuedCertificate(names: ["127.0.0.1"])
    let server = try await SimulatorServer.start(configuration) { _ in }
    do {
      let result: StreamRehearsal
      switch plan.transport {
      case .coap: preconditionFailure("CoAP runs on the virtual clock")
      case .mqtt:
        var settings = BrokerSettings()
        settings.ports = [.mqtts: 0]
        settings.certificate = issued.certificate
        settings.key = issued.key
        let broker = try await BrokerServer.start(settings, beside: server) { _ in }
        // mosquitto's end is told to the broker's loop after `close`, so that both have to outlive it.
        kept.withLock { $0.append((server, broker)) }
        do {
          result = try await report(plan, secret, issued, port: broker.ports[.mqtts] ?? 0)
        } catch {
          try await broker.close()
          throw error
        }
        try await broker.close()
        return result
      case .https:
        var settings = WebSettings { WallClock.milliseconds() }
        settings.certificate = issued.certificate
        settings.key = issued.key
        let web = try await WebServer.start(settings, beside: server) { _ in }
        result = try await report(plan, secret, issued, port: web.port)
        try await web.close()
      }
      try await server.close()
      return result
    } catch {
      if plan.transport != .mqtt { try? await server.close() }
      throw error
    }
  }

  /// Reports three times through a relay.
  private static func report(
    _ plan: ReportPlan,
    _ secret: [UInt8],
    _ issued: IssuedCertificate,
    port: Int
  ) async throws -> StreamRehearsal {
    guard let target = UInt16(exactly: port), let relay = StreamRelay(to: target) else {
      throw Failure("the system gives no port for the relay")
    }
    DispatchQueue(label: "relay").async { relay.run() }
    defer { relay.stop() }
    let folder = try makeFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    var refusal: UInt32?
    for number in 1...3 {
      var settings = configuration(plan, issued, port: relay.port)
      if plan.transport == .https { settings.sessionFile = folder.appending(path: "token").path }
      let client = try DeviceClient(settings, secret: secret)
      let topic = plan.topicName
      do {
        _ = try await client.publish(plan.payload, to: topic, format: plan.format)
      } catch DeviceClientError.undelivered(let receipt) where receipt.result.replyCode != nil {
        // It is refused, and has cost what a report costs.
        refusal = receipt.result.replyCode
      }
      await client.close()
      // The relay notes a connection when both ends have closed it.
      for _ in 0..<3_000 where relay.ended.count < number {
        try await Task.sleep(for: .milliseconds(10))
      }
      guard relay.ended.count == number else {
        throw Failure("connection \(number) did not end: is this machine busy?")
      }
    }
    let sessions = relay.ended
    return StreamRehearsal(first: sessions[0], ordinary: sessions[2], refusal: refusal)
  }

  /// A folder for the token, which nobody else can read.
  private static func makeFolder() throws -> URL {
    let pattern = FileManager.default.temporaryDirectory.appending(path: "nbiot-estimate-XXXXXX")
    var name = Array(pattern.path.utf8CString)
    // SAFETY: the text ends with zero; mkdtemp changes its last six characters.
    guard unsafe mkdtemp(&name) != nil else {
      throw Failure("no folder can be made in \(pattern.deletingLastPathComponent().path)")
    }
    let path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return URL(filePath: path)
  }

  private static func configuration(
    _ plan: ReportPlan,
    _ issued: IssuedCertificate,
    port: UInt16
  ) -> DeviceClientConfiguration {
    switch plan.transport {
    case .coap, .mqtt:
      DeviceClientConfiguration(
        productKey: plan.productKey,
        deviceName: plan.deviceName,
        mqtt: MQTTClientSettings(.tls, authorities: issued.authority),
        host: "127.0.0.1",
        port: port
      )
    case .https:
      DeviceClientConfiguration(
        productKey: plan.productKey,
        deviceName: plan.deviceName,
        https: HTTPSClientSettings(authorities: issued.authority),
        host: "127.0.0.1",
        port: port
      )
    }
  }
}
