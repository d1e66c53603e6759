// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import GatewayConfiguration
internal import PayloadValues
internal import PlatformCredentials

/// Prints and checks the configuration of a gateway's sub-devices.
struct GatewayConfigCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config",
    abstract: "Prints and checks the configuration of a gateway's sub-devices (device guide 6.7).",
    usage: "nbiot gateway config FILE [--device-secret-file FILE] [options]",
    discussion: """
      Example, a file as the platform offers it by thing.model.config.push:
        nbiot gateway config sub-devices.json
        nbiot gateway config sub-devices.json --output json > checked.json

      Example, with the passwords of OPC UA servers:
        nbiot gateway config sub-devices.json --passwords \\
          --device-secret-file secret.txt

      It prints the sub-devices, what is read of each product and where, the servers and the thing models, and \
      then what is wrong, each with its member and its byte in the file: an entry that cannot be read, a device \
      without its server, a model without its device, a register that cannot be, a name that comes twice. \
      A warning is something that a gateway can work with.

      With the gateway's secret it also tries the passwords of OPC UA servers; only --passwords prints them. \
      The secret comes from a file, from the environment variable NBIOT_DEVICE_SECRET, or from the file that a \
      configuration of nbiot-agent names (--config).

      Exit status: 0 nothing is wrong, or there are warnings alone, 1 something is wrong, 2 usage, or the file \
      cannot be opened, 5 standard output cannot be written.
      """
  )

  @Argument(help: "The file; - reads standard input.", completion: .file())
  var file: String

  @Flag(help: "Print the passwords of OPC UA servers, decrypted.")
  var passwords = false

  @OptionGroup var secret: DeviceSecretOption

  @OptionGroup var configurationFile: ConfigurationOption

  @OptionGroup var output: OutputOption

  func run() throws {
    let examination = GatewayExamination(try read())
    let configuration = examination.configuration
    var problems = examination.problems
    // Without some entries others would seem to miss them.
    if problems.isEmpty { problems += configuration.problems() }
    // Empty without a secret, which has at least one byte.
    var secret = try loadSecret() ?? []
    defer { Secret.erase(&secret) }
    if !secret.isEmpty { problems += configuration.passwordProblems(secret: secret) }
    let page = GatewayPage(configuration, problems, secret: passwords ? secret : nil)
    switch output.form {
    case .text: Console.print(lines: page.text)
    case .json:
      let json = page.json.encoded(.json)
      Console.print(json: json.span)
    }
    if problems.contains(where: { !$0.isWarning }) { throw ExitStatus.undelivered.error }
  }

  private func read() throws -> [UInt8] {
    let limit = GatewayConfiguration.maxBytes
    guard file == "-" else {
      let path = InputText.trimmed(file)
      let (bytes, status) = try PrivateFile.readWithStatus(path, limit: limit)
      try InputText.check(bytes, path)
      PrivateFile.warnIfWritable(path, status)
      return bytes
    }
    var bytes: [UInt8] = []
    while bytes.count <= limit {
      let piece = try Console.read()
      if piece.isEmpty { break }
      bytes += piece
    }
    try InputText.check(bytes, "standard input")
    return bytes
  }

  /// The secret, where one is given or needed.
  private func loadSecret() throws -> [UInt8]? {
    let configured = configurationFile.config?.deviceSecretFile
    guard passwords || secret.file != nil || configured != nil || Secret.isInEnvironment()
    else { return nil }
    return try secret.load(configurationFile.config)
  }
}

/// A configuration and its problems, for a person or a program.
private struct GatewayPage {
  private let configuration: GatewayConfiguration
  private let problems: [GatewayProblem]
  /// The secret where passwords are to be shown.
  private let secret: [UInt8]?

  init(
    _ configuration: GatewayConfiguration,
    _ problems: [GatewayProblem],
    secret: [UInt8]?
  ) {
    self.configuration = configuration
    self.problems = problems
    self.secret = secret
  }

  // MARK: For a person

  var text: String {
    var sections: [String] = []
    func add(_ title: String, _ table: TextTable, _ isEmpty: Bool) {
      sections.append(
        isEmpty ? "\(title): none" : ([title] + table.lines).joined(separator: "\n")
      )
    }
    add("sub-devices", devices, configuration.devices.isEmpty)
    add("what is read", points, configuration.products.isEmpty)
    add("servers", servers, configuration.servers.isEmpty)
    add("thing models", thingModels, configuration.thingModels.isEmpty)
    let errors = problems.count { !$0.isWarning }
    let found =
      problems.isEmpty
      ? "nothing is wrong" : "\(errors) wrong, \(problems.count - errors) warnings"
    let lines = problems.map { ($0.isWarning ? "warning: " : "error: ") + $0.description }
    sections.append(([found] + lines).joined(separator: "\n"))
    return sections.joined(separator: "\n\n")
  }

  private var devices: TextTable {
    var table = TextTable("product", "device", "server", "there")
    for device in configuration.devices {
      let server = device.serverID.map { id in
        configuration.server(id).map { $0.name.isEmpty ? id : $0.name } ?? "\(id) (not listed)"
      }
      let position =
        switch device.position {
        case .slave(let address): "slave \(address)"
        case .displayNamePath(let path): path
        case .unspecified: "-"
        }
      table.add(device.productKey, device.deviceName, server ?? "-", position)
    }
    return table
  }

  private var points: TextTable {
    var table = TextTable("product", "protocol", "what", "where", "how")
    for product in configuration.products {
      let key = product.productKey
      switch product.mapping {
      case .modbus(let points):
        for point in points {
          table.add(key, "Modbus", point.identifier, point.where, point.how)
        }
      case .opcUA(let nodes):
        for property in nodes.properties {
          table.add(key, "OPC UA", property.identifier, property.displayName, "property")
        }
        for (kind, calls) in [("service", nodes.services), ("event", nodes.events)] {
          for call in calls {
            table.add(key, "OPC UA", call.identifier, call.displayName, call.how(kind))
          }
        }
      case .custom(let properties):
        for property in properties {
          let value = PayloadValue(property.customize, .json)?.encoded(.json) ?? []
          table.add(
            key,
            "its own",
            property.identifier,
            String(decoding: value, as: UTF8.self),
            "property"
          )
        }
      }
    }
    return table
  }

  private var servers: TextTable {
    var table = TextTable("server", "name", "protocol", "address", "how")
    for server in configuration.servers {
      let (protocolName, address, how) =
        switch server.channel {
        case .modbusRTU(let line):
          (
            "Modbus RTU", "serial port \(line.port)",
            "\(line.baudRate) bit/s, \(line.byteSize) bits, \(line.parity.words), "
              + "\(line.stopBits) stop \(line.stopBits == 1 ? "bit" : "bits")"
          )
        case .modbusTCP(let host, let port): ("Modbus TCP", "\(host):\(port)", "-")
        case .opcUA(let settings): ("OPC UA", settings.url, how(settings))
        }
      table.add(server.id, server.name.isEmpty ? "-" : server.name, protocolName, address, how)
    }
    return table
  }

  private func how(_ server: OPCUAServer) -> String {
    var parts = [server.securityMode?.rawValue ?? "no secMode"]
    if let policy = server.securityPolicy { parts.append(policy.rawValue) }
    if !server.userName.isEmpty { parts.append("user \(server.userName)") }
    if let password = password(server) {
      parts.append("password \(password)")
    } else if !server.encryptedPassword.isEmpty {
      parts.append("password encrypted")
    }
    if let timeout = server.timeout { parts.append("timeout \(timeout)") }
    return parts.joined(separator: ", ")
  }

  private func password(_ server: OPCUAServer) -> String? {
    guard let secret, !server.encryptedPassword.isEmpty else { return nil }
    do throws(OPCUAPasswordError) {
      var bytes = try server.password(secret: secret)
      defer { Secret.erase(&bytes) }
      return String(decoding: bytes, as: UTF8.self)
    } catch {
      // It is among the problems.
      return nil
    }
  }

  private var thingModels: TextTable {
    var table = TextTable("product", "properties", "events", "services")
    for model in configuration.thingModels {
      func list(_ names: [String]) -> String {
        names.isEmpty ? "-" : names.joined(separator: " ")
      }
      table.add(
        model.productKey,
        list(model.properties.map { $0.identifier + ($0.isWritable ? " (rw)" : "") }),
        list(model.events),
        list(model.services)
      )
    }
    return table
  }

  // MARK: For a program

  var json: PayloadValue {
    .object([
      .init("devices", .array(configuration.devices.map(json))),
      .init("products", .array(configuration.products.map(json))),
      .init("servers", .array(configuration.servers.map(json))),
      .init("thingModels", .array(configuration.thingModels.map(json))),
      .init("problems", .array(problems.map(json))),
    ])
  }

  private func json(_ device: ConfiguredSubDevice) -> PayloadValue {
    var members: [PayloadValue.Member] = [
      .init("productKey", .text(device.productKey)),
      .init("deviceName", .text(device.deviceName)),
    ]
    if let server = device.serverID { members.append(.init("serverID", .text(server))) }
    switch device.position {
    case .slave(let address): members.append(.init("slave", .integer(Int64(address))))
    case .displayNamePath(let path): members.append(.init("displayNamePath", .text(path)))
    case .unspecified: break
    }
    return .object(members)
  }

  private func json(_ product: SubDeviceProduct) -> PayloadValue {
    var members: [PayloadValue.Member] = [.init("productKey", .text(product.productKey))]
    switch product.mapping {
    case .modbus(let points):
      members.append(.init("protocol", "Modbus"))
      members.append(.init("properties", .array(points.map(\.json))))
    case .opcUA(let nodes):
      members.append(.init("protocol", "OPC UA"))
      let properties = nodes.properties.map { property -> PayloadValue in
        [
          "identifier": .text(property.identifier),
          "displayName": .text(property.displayName),
        ]
      }
      members.append(.init("properties", .array(properties)))
      members.append(.init("services", .array(nodes.services.map(\.json))))
      members.append(.init("events", .array(nodes.events.map(\.json))))
    case .custom(let properties):
      members.append(.init("protocol", "custom"))
      let values = properties.map { property -> PayloadValue in
        [
          "identifier": .text(property.identifier),
          "customize": PayloadValue(property.customize, .json) ?? .null,
        ]
      }
      members.append(.init("properties", .array(values)))
    }
    return .object(members)
  }

  private func json(_ server: SubDeviceServer) -> PayloadValue {
    var members: [PayloadValue.Member] = [
      .init("serverID", .text(server.id)), .init("name", .text(server.name)),
    ]
    switch server.channel {
    case .modbusRTU(let line):
      members += [
        .init("protocol", "Modbus RTU"), .init("serialPort", .text(line.port)),
        .init("baudRate", .integer(Int64(line.baudRate))),
        .init("byteSize", .integer(Int64(line.byteSize))),
        .init("stopBits", .integer(Int64(line.stopBits))),
        .init("parity", line.parity.json),
      ]
    case .modbusTCP(let host, let port):
      members += [
        .init("protocol", "Modbus TCP"), .init("host", .text(host)),
        .init("port", .integer(Int64(port))),
      ]
    case .opcUA(let settings):
      members += [
        .init("protocol", "OPC UA"), .init("url", .text(settings.url)),
        .init("userName", .text(settings.userName)),
        .init("hasPassword", .boolean(!settings.encryptedPassword.isEmpty)),
      ]
      if let password = password(settings) { members.append(.init("password", .text(password))) }
      if let policy = settings.securityPolicy {
        members.append(.init("securityPolicy", .text(policy.rawValue)))
      }
      if let mode = settings.securityMode {
        members.append(.init("securityMode", .text(mode.rawValue)))
      }
      if let timeout = settings.timeout {
        members.append(.init("timeout", .integer(Int64(timeout))))
      }
    }
    return .object(members)
  }

  private func json(_ model: SubDeviceThingModel) -> PayloadValue {
    [
      "productKey": .text(model.productKey),
      "properties": .array(
        model.properties.map { property -> PayloadValue in
          ["identifier": .text(property.identifier), "isWritable": .boolean(property.isWritable)]
        }
      ),
      "events": .array(model.events.map { .text($0) }),
      "services": .array(model.services.map { .text($0) }),
    ]
  }

  private func json(_ problem: GatewayProblem) -> PayloadValue {
    [
      "severity": problem.isWarning ? "warning" : "error",
      "path": .text(problem.place.path),
      "offset": .integer(Int64(problem.place.offset)),
      "message": .text(problem.reason.description),
    ]
  }
}

extension ModbusPoint {
  /// The table and the address.
  fileprivate var `where`: String {
    let last = Int(address) + registerCount - 1
    return registerCount == 1 ? "\(table) \(address)" : "\(table) \(address) to \(last)"
  }

  /// Type and times.
  fileprivate var how: String {
    var parts = [type.rawValue]
    if swapsBytes { parts.append("bytes swapped") }
    if reversesRegisters { parts.append("reversed") }
    if scaling != 1 { parts.append("times \(scaling)") }
    if let pollingMilliseconds { parts.append("every \(pollingMilliseconds) ms") }
    switch trigger {
    case .timed: parts.append("reported each time")
    case .onChange: parts.append("reported on change")
    case nil: break
    }
    return parts.joined(separator: ", ")
  }

  fileprivate var json: PayloadValue {
    var members: [PayloadValue.Member] = [
      .init("identifier", .text(identifier)), .init("table", .text(table.rawValue)),
      .init("address", .integer(Int64(address))), .init("type", .text(type.rawValue)),
      .init("registerCount", .integer(Int64(registerCount))),
      .init("swapsBytes", .boolean(swapsBytes)),
      .init("reversesRegisters", .boolean(reversesRegisters)),
      .init("scaling", .double(scaling)),
    ]
    if let pollingMilliseconds {
      members.append(.init("pollingMilliseconds", .integer(Int64(pollingMilliseconds))))
    }
    if let trigger {
      members.append(.init("trigger", trigger == .timed ? "timed" : "onChange"))
    }
    return .object(members)
  }
}

extension OPCUANodes.Call {
  fileprivate func how(_ kind: String) -> String {
    var parts = [kind]
    func list(_ arguments: [OPCUANodes.Argument]) -> String {
      arguments.map { "\($0.identifier) (\($0.index))" }.joined(separator: " ")
    }
    if !inputs.isEmpty { parts.append("in " + list(inputs)) }
    if !outputs.isEmpty { parts.append("out " + list(outputs)) }
    return parts.joined(separator: ", ")
  }

  fileprivate var json: PayloadValue {
    func list(_ arguments: [OPCUANodes.Argument]) -> PayloadValue {
      .array(
        arguments.map { argument -> PayloadValue in
          [
            "identifier": .text(argument.identifier), "index": .integer(Int64(argument.index)),
          ]
        }
      )
    }
    return [
      "identifier": .text(identifier), "displayName": .text(displayName),
      "inputs": list(inputs), "outputs": list(outputs),
    ]
  }
}

extension SerialLine.Parity {
  fileprivate var words: String {
    switch self {
    case .even: "even parity"
    case .odd: "odd parity"
    case .none: "no parity"
    case .numbered(let number): "parity \(number)"
    }
  }

  fileprivate var json: PayloadValue {
    switch self {
    case .even: "even"
    case .odd: "odd"
    case .none: "none"
    case .numbered(let number): .integer(Int64(number))
    }
  }
}
