// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import PayloadValues

/// Looks after the simulator's MQTT side.
struct BrokerCommand: ParsableCommand {
  /// What it does.
  enum Action: String, ExpressibleByArgument, CaseIterable {
    case list, kick, disconnect, stop, restart
  }

  static let configuration = CommandConfiguration(
    commandName: "broker",
    abstract: "Says who is connected to a simulator over MQTT, and ends connections.",
    usage: "nbiot broker ACTION --at 127.0.0.1:PORT [options]",
    discussion: """
      Example, who is connected:
        nbiot broker list --at 127.0.0.1:5690

      Example, a broker that crashes and comes back on the same ports:
        nbiot broker restart --at 127.0.0.1:5690

      kick and disconnect close a device's connection: --product-key and --device-name say whose. kick tells the \
      device before, on /ext/notify, as if another connection had taken its place. stop ends mosquitto until restart.

      Exit status: 0 done, 1 the device is not connected, 2 usage, 3 refused, 4 nothing listens there.
      """
  )

  @Argument(help: "list, kick, disconnect, stop or restart.")
  var action: Action

  @OptionGroup var control: ControlOptions

  @Option(
    name: .customLong("product-key"),
    help: ArgumentHelp("The product's key; else NBIOT_PRODUCT_KEY.", valueName: "key")
  )
  var givenProductKey: String?

  @Option(
    name: .customLong("device-name"),
    help: ArgumentHelp("The device's name; else NBIOT_DEVICE_NAME.", valueName: "name")
  )
  var givenDeviceName: String?

  @OptionGroup var output: OutputOption

  private var productKey: String? { givenProductKey ?? Variable.productKey.setting?.value }

  private var deviceName: String? { givenDeviceName ?? Variable.deviceName.setting?.value }

  private var isOfDevice: Bool { action == .kick || action == .disconnect }

  func validate() throws {
    guard !isOfDevice || (productKey != nil && deviceName != nil) else {
      throw ValidationError("\(action.rawValue) needs --product-key and --device-name")
    }
  }

  func run() throws {
    var members: [PayloadValue.Member] = []
    switch action {
    case .list, .kick, .disconnect: members.append(.init("do", .text(action.rawValue)))
    case .stop: members.append(.init("do", "stop-broker"))
    case .restart: members.append(.init("do", "restart-broker"))
    }
    if isOfDevice {
      members.append(.init("productKey", .text(productKey ?? "")))
      members.append(.init("deviceName", .text(deviceName ?? "")))
    }
    let answer = try control.ask(.object(members))
    if output.form == .json {
      Console.print(json: answer.encoded(.json).span)
    } else {
      let devices = answer["devices"]?.elements ?? []
      for device in devices { Console.print(Self.line(device)) }
      if let reason = answer["reason"]?.string {
        Console.complain("nbiot: \(reason)")
      } else if action == .list, devices.isEmpty {
        Console.complain("nbiot: no device is connected over MQTT")
      } else if action != .list {
        Console.print(done)
      }
    }
    switch answer["outcome"]?.string {
    case "done": return
    case "offline": throw ExitStatus.undelivered.error
    default: throw ExitStatus.unauthenticated.error
    }
  }

  /// What is done, in words.
  private var done: String {
    let device = "\(productKey ?? "")/\(deviceName ?? "")"
    return switch action {
    case .list: ""
    case .kick: "\(device) was told that another one has its identity, and its connection closed"
    case .disconnect: "the connection of \(device) was closed"
    case .stop: "mosquitto has ended, until nbiot broker restart"
    case .restart: "mosquitto listens again"
    }
  }

  private static func line(_ device: PayloadValue) -> String {
    func text(_ name: String) -> String { device[name]?.string ?? "" }
    let isClean = device["cleanSession"] == .boolean(true)
    let gateway = text("gateway").isEmpty ? "" : " over \(text("gateway"))"
    return
      "\(text("productKey"))/\(text("deviceName"))\(gateway) \(text("transport")) \(text("address")) "
      + "clientId \(text("clientID")), keep-alive \(device["keepAlive"]?.integer ?? 0) s, "
      + "clean session \(isClean ? 1 : 0)"
  }
}
