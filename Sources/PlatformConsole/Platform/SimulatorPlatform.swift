// SPDX-License-Identifier: Apache-2.0
public import PayloadValues
public import PlatformBroker
internal import PlatformCore
internal import PlatformFaults
public import PlatformSimulator

/// A simulated platform with all its fronts, behind a console.
public struct SimulatorPlatform: ConsolePlatform {
  private let server: SimulatorServer
  private let broker: BrokerServer

  /// The platform of these servers; the broker may be without a transport.
  public init(_ server: SimulatorServer, _ broker: BrokerServer) {
    self.server = server
    self.broker = broker
  }

  /// The program that runs it.
  public var title: String { "nbiot simulate" }

  /// Devices are sent to over MQTT, and find the rest by `/pull`.
  public var pushObstacle: String? { nil }

  /// Asks the platform on its own thread.
  public func perform(
    _ request: PayloadValue,
    _ answer: @escaping @Sendable (PayloadValue) -> Void
  ) {
    guard request["do"]?.string == "describe" else { return broker.perform(request, answer) }
    let product = request["productKey"]?.string ?? ""
    let name = request["deviceName"]?.string ?? ""
    Task {
      do {
        answer(try await server.withCore { Self.describe($0, product, name) })
      } catch {
        answer(["outcome": "offline", "reason": "the platform has ended"])
      }
    }
  }

  private static func describe(
    _ core: PlatformCore,
    _ product: String,
    _ name: String
  ) -> PayloadValue {
    let faults = core.faults.entries.filter { $0.rule.mayTouch("\(product)/\(name)") }.map {
      entry in
      PayloadValue.object([
        .init("fault", .text(entry.description)), .init("count", .integer(Int64(entry.count))),
      ])
    }
    guard let state = core.things.state(productKey: product, deviceName: name) else {
      return ["outcome": "done", "isKnown": .boolean(false), "faults": .array(faults)]
    }
    let model = core.things.products[product]?.thingModel?.definition
    let isDisabled = core.things.isDisabled(productKey: product, deviceName: name)
    func values(_ list: [(String, PayloadValue)]) -> PayloadValue {
      .object(list.sorted { $0.0 < $1.0 }.map { .init($0.0, $0.1) })
    }
    return [
      "outcome": "done", "isKnown": .boolean(true), "faults": .array(faults),
      "isDisabled": .boolean(isDisabled),
      "properties": values(state.properties.map { ($0.key, $0.value.value) }),
      "desired": values(state.desired.map { ($0.key, $0.value.value ?? .null) }),
      "waiting": .integer(Int64(state.downlink.count)),
      "modelProperties": model?["properties"] ?? .null,
      "modelServices": model?["services"] ?? .null,
    ]
  }
}
