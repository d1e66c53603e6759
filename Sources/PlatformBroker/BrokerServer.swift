// SPDX-License-Identifier: Apache-2.0
internal import NIOCore
package import PayloadValues
public import PlatformSimulator

/// The MQTT side of a simulated platform, beside its CoAP side and with the same devices.
public final class BrokerServer: Sendable {
  private let runtime: NIOLoopBound<BrokerRuntime>
  private let loop: any EventLoop

  /// The port of each transport.
  public let ports: [BrokerTransport: Int]

  /// The port of the control socket; `nil` where there is none.
  public let controlPort: Int?

  /// Starts mosquitto for the transports that are asked for, and answers from then on.
  ///
  /// `onRecord` is told what happens, in order, on the server's thread, before devices are answered.
  public static func start(
    _ settings: BrokerSettings,
    beside server: SimulatorServer,
    onRecord: @escaping @Sendable (BrokerRecord) -> Void
  ) async throws -> BrokerServer {
    let installation =
      settings.ports.isEmpty
      ? nil : try BrokerInstallation.find(plugin: settings.plugin)
    let loop = server.eventLoop
    let runtime = try await server.withCore { core in
      let runtime = BrokerRuntime(core, settings, installation, on: loop, onRecord: onRecord)
      return NIOLoopBound(runtime, eventLoop: loop)
    }
    do {
      let ports = try await loop.flatSubmit { runtime.value.start() }.get()
      let control = try await loop.flatSubmit { runtime.value.openControl() }.get()
      return BrokerServer(runtime, loop, ports, control)
    } catch {
      try? await loop.flatSubmit { runtime.value.close() }.get()
      throw error
    }
  }

  private init(
    _ runtime: NIOLoopBound<BrokerRuntime>,
    _ loop: any EventLoop,
    _ ports: [BrokerTransport: Int],
    _ controlPort: Int?
  ) {
    self.runtime = runtime
    self.loop = loop
    self.ports = ports
    self.controlPort = controlPort
  }

  /// Does what a line over the control socket asks for, whether there is one or not.
  package func perform(
    _ request: PayloadValue,
    _ answer: @escaping @Sendable (PayloadValue) -> Void
  ) {
    let runtime = runtime
    loop.execute { _ = runtime.value.handle(request.encoded(.json), answer) }
  }

  /// Ends mosquitto and frees the ports.
  public func close() async throws {
    let runtime = runtime
    try await loop.flatSubmit { runtime.value.close() }.get()
  }
}
