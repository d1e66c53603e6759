// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import ArgumentParser
internal import ConstrainedCore
internal import DeviceClient
internal import Foundation
internal import GatewaySessions
internal import PayloadCoding

/// `nbiot gateway add`.
struct GatewayAddCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "add",
    abstract:
      "Adds sub-devices to the gateway's topology, and registers those that have no secret.",
    usage: """
      nbiot gateway add PRODUCTKEY,DEVICENAME[,SECRETFILE]…
        --config agent.conf [options]
      """,
    discussion: """
      Example, one whose secret is known:
        nbiot gateway add a1SubProduct,meter1,meter1.secret \\
          --endpoint 127.0.0.1:8883 --ca-file certificates/ca.pem --config agent.conf

      Example, one that gets its secret now; the file is made, with mode 600:
        nbiot gateway add a1SubProduct,meter2,meter2.secret \\
          --endpoint 127.0.0.1:8883 --ca-file certificates/ca.pem --config agent.conf

      A sub-device is registered (thing.sub.register, device guide 6.2) where its file is not there: dynamic \
      registration must be on for its product, and its name known to the console. Then it is added (thing.topo.add, \
      6.3), signed with its secret. Adding one that is there already does no harm.

      Exit status: 0 all are in the topology, 1 some are not, 2 usage, 3 the gateway was refused, 4 the platform never \
      answered, 5 standard output cannot be written, 6 another device has the gateway's identity.
      """
  )

  @Argument(help: "PRODUCTKEY,DEVICENAME[,SECRETFILE], one or more.")
  var subDevices: [SubDeviceArgument]

  @OptionGroup var options: GatewayOptions

  func run() async throws {
    // Before anything is registered: a secret that has no place would be lost.
    for argument in subDevices { try Self.checkPlace(argument) }
    let isGood = try await options.withGateway { gateway in
      var isGood = true
      for argument in subDevices {
        do {
          try await add(argument, to: gateway)
          Console.print("\(argument.path): in the topology")
        } catch {
          isGood = false
          Console.complain("nbiot: \(argument.path): \(Self.sentence(error))")
        }
      }
      return isGood
    }
    if !isGood { throw ExitStatus.undelivered.error }
  }

  /// Checks that the secret of a sub-device that is to be registered can be written.
  private static func checkPlace(_ argument: SubDeviceArgument) throws {
    guard let file = argument.secretFile, !FileManager.default.fileExists(atPath: file) else {
      return
    }
    try PrivateFile.checkPlace(file, "secret", replaces: false)
  }

  private func add(_ argument: SubDeviceArgument, to gateway: Gateway) async throws {
    if var secret = try argument.secretIfThere() {
      Secret.erase(&secret)
    } else {
      guard let file = argument.secretFile else {
        throw Complaint(
          "give \(argument.productKey),\(argument.deviceName),FILE: its secret comes from there, or is put there"
        )
      }
      let entry = try await gateway.register(
        productKey: argument.productKey,
        deviceName: argument.deviceName
      )
      var secret = entry.deviceSecret.bytes.indices.map { entry.deviceSecret.bytes[$0] }
      defer { Secret.erase(&secret) }
      try PrivateFile.write(secret + [UInt8(ascii: "\n")], to: file)
      let iotID = String(
        decoding: entry.iotID.bytes.indices.map { entry.iotID.bytes[$0] },
        as: UTF8.self
      )
      Console.complain(
        "nbiot: \(argument.path): registered\(iotID.isEmpty ? "" : " as \(iotID)"), its secret is in \(file)"
      )
    }
    let device = try options.add(argument, to: gateway)
    try await gateway.addToTopology(device)
  }

  static func sentence(_ error: any Error) -> String {
    switch error {
    case let error as DeviceClientError: error.explanation
    case let error as Complaint: error.message
    default: "\(error)"
    }
  }
}

/// `nbiot gateway remove`.
struct GatewayRemoveCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove",
    abstract: "Takes sub-devices out of the gateway's topology, which ends their sessions.",
    usage: "nbiot gateway remove PRODUCTKEY,DEVICENAME… --config agent.conf [options]",
    discussion: """
      Example:
        nbiot gateway remove a1SubProduct,meter1 \\
          --endpoint 127.0.0.1:8883 --ca-file certificates/ca.pem --config agent.conf

      The sub-device stays registered, and its secret good (thing.topo.delete, device guide 6.3).

      Exit status: as that of nbiot gateway add.
      """
  )

  @Argument(help: "PRODUCTKEY,DEVICENAME, one or more.")
  var subDevices: [SubDeviceArgument]

  @OptionGroup var options: GatewayOptions

  func run() async throws {
    let isGood = try await options.withGateway { gateway in
      var isGood = true
      for argument in subDevices {
        do {
          try await gateway.removeFromTopology(
            productKey: argument.productKey,
            deviceName: argument.deviceName
          )
          Console.print("\(argument.path): out of the topology")
        } catch {
          isGood = false
          Console.complain("nbiot: \(argument.path): \(GatewayAddCommand.sentence(error))")
        }
      }
      return isGood
    }
    if !isGood { throw ExitStatus.undelivered.error }
  }
}

/// `nbiot gateway list`.
struct GatewayListCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "Prints the sub-devices in the gateway's topology.",
    usage: "nbiot gateway list --config agent.conf [--output json] [options]",
    discussion: """
      Example:
        nbiot gateway list \\
          --endpoint 127.0.0.1:8883 --ca-file certificates/ca.pem --config agent.conf

      A line each, PRODUCTKEY,DEVICENAME (thing.topo.get, device guide 6.3): with a secret file behind it that is a line \
      for nbiot gateway run. With --output json each is an object with productKey and deviceName.

      Exit status: as that of nbiot gateway add.
      """
  )

  @OptionGroup var options: GatewayOptions

  @OptionGroup var output: OutputOption

  func run() async throws {
    let devices = try await options.withGateway { try await $0.topology() }
    for device in devices {
      let key = device.productKey.bytes.indices.map { device.productKey.bytes[$0] }
      let name = device.deviceName.bytes.indices.map { device.deviceName.bytes[$0] }
      let (product, device) = (
        String(decoding: key, as: UTF8.self), String(decoding: name, as: UTF8.self)
      )
      switch output.form {
      case .text: Console.print("\(product),\(device)")
      case .json: SubDeviceLine.print(product, device)
      }
    }
    if devices.isEmpty { Console.complain("nbiot: the gateway has no sub-devices") }
  }
}

/// `nbiot gateway online`.
struct GatewayOnlineCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "online",
    abstract: "Logs sub-devices in, and says of each what the platform answers.",
    usage: """
      nbiot gateway online PRODUCTKEY,DEVICENAME,SECRETFILE…
        --config agent.conf [--output json] [options]
      """,
    discussion: """
      Example:
        nbiot gateway online a1SubProduct,meter1,meter1.secret \\
          --endpoint 127.0.0.1:8883 --ca-file certificates/ca.pem --config agent.conf

      A sub-device is online as long as its gateway is connected: when the command ends, after --hold seconds, so do the \
      sessions (device guide 6.4). nbiot gateway run keeps them.

      Exit status: 0 all were online, 1 some were refused, else as that of nbiot gateway add.
      """
  )

  @Argument(help: "PRODUCTKEY,DEVICENAME,SECRETFILE, one or more.")
  var subDevices: [SubDeviceArgument]

  @Option(help: ArgumentHelp("How long they stay online.", valueName: "seconds"))
  var hold: UInt32 = 0

  @OptionGroup var options: GatewayOptions

  @OptionGroup var output: OutputOption

  func run() async throws {
    let sessions = GatewaySessionRun(options: options, subDevices: subDevices, form: output.form)
    try await sessions.run { _, _ in
      if hold > 0 { try await Task.sleep(for: .seconds(Int64(hold))) }
    }
  }
}

/// `nbiot gateway offline`.
struct GatewayOfflineCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "offline",
    abstract: "Logs sub-devices in and out again, and says of each what the platform answers.",
    usage: """
      nbiot gateway offline PRODUCTKEY,DEVICENAME,SECRETFILE…
        --config agent.conf [--output json] [options]
      """,
    discussion: """
      Example:
        nbiot gateway offline a1SubProduct,meter1,meter1.secret \\
          --endpoint 127.0.0.1:8883 --ca-file certificates/ca.pem --config agent.conf

      A sub-device that another gateway or a connection of its own has online is thrown out there by the login (427), \
      and offline afterwards.

      Exit status: as that of nbiot gateway online.
      """
  )

  @Argument(help: "PRODUCTKEY,DEVICENAME,SECRETFILE, one or more.")
  var subDevices: [SubDeviceArgument]

  @OptionGroup var options: GatewayOptions

  @OptionGroup var output: OutputOption

  func run() async throws {
    let form = output.form
    let sessions = GatewaySessionRun(options: options, subDevices: subDevices, form: form)
    try await sessions.run { _, devices in
      for device in devices {
        try await device.logOut()
        switch form {
        case .text: Console.print("\(device.productKey)/\(device.deviceName): offline")
        case .json: SubDeviceLine.print(device.productKey, device.deviceName, "offline")
        }
      }
    }
  }
}

/// Logs sub-devices in one after the other, then does something with those that are online.
private struct GatewaySessionRun {
  let options: GatewayOptions
  let subDevices: [SubDeviceArgument]
  let form: OutputArgument

  func run(_ body: (Gateway, [SubDevice]) async throws -> Void) async throws {
    let isGood = try await options.withGateway { gateway in
      var online: [SubDevice] = []
      for argument in subDevices {
        let device = try options.add(argument, to: gateway)
        do {
          try await device.logIn()
          tell(argument, "online", "online")
          online.append(device)
        } catch let error as GatewayError {
          tell(argument, "refused", "\(error)")
        }
      }
      try await body(gateway, online)
      return online.count == subDevices.count
    }
    if !isGood { throw ExitStatus.undelivered.error }
  }

  private func tell(_ argument: SubDeviceArgument, _ outcome: String, _ sentence: String) {
    switch form {
    case .text: Console.print("\(argument.path): \(sentence)")
    case .json:
      SubDeviceLine.print(
        argument.productKey,
        argument.deviceName,
        outcome,
        outcome == sentence ? nil : sentence
      )
    }
  }
}

/// A line of JSON about a sub-device.
private enum SubDeviceLine {
  static func print(
    _ productKey: String,
    _ deviceName: String,
    _ outcome: String? = nil,
    _ reason: String? = nil
  ) {
    let members = [
      ("productKey", productKey), ("deviceName", deviceName), ("outcome", outcome),
      ("reason", reason),
    ]
    var buffer = [UInt8](repeating: 0, count: 4_096)
    var json = JSONWriter(buffer.mutableSpan)
    do throws(CapacityError) {
      try json.beginObject()
      for (name, value) in members {
        guard let value else { continue }
        try json.key(Array(name.utf8).span)
        try json.text(value)
      }
      try json.endObject()
    } catch {
      preconditionFailure("names and a sentence have less than 4,096 bytes")
    }
    Console.print(json: json.written)
  }
}
