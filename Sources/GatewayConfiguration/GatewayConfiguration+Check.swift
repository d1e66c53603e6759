// SPDX-License-Identifier: Apache-2.0
internal import PlatformCredentials

extension GatewayConfiguration {
  /// What is readable but does not fit together, in the order of devices, products, servers and
  /// thing models; at most `maxProblems`.
  public func problems() -> [GatewayProblem] {
    var check = ConfigurationCheck(self)
    return Array(check.run().prefix(Self.maxProblems))
  }

  /// The OPC UA servers whose password this secret of the gateway does not decrypt.
  public func passwordProblems(secret: [UInt8]) -> [GatewayProblem] {
    servers.compactMap { server in
      guard case .opcUA(let settings) = server.channel else { return nil }
      do throws(OPCUAPasswordError) {
        var password = try settings.password(secret: secret)
        for index in password.indices { password[index] = 0 }
        return nil
      } catch {
        let place = GatewayPlace(
          path: server.place.path + ".password",
          offset: server.place.offset
        )
        return GatewayProblem(.password(error), at: place)
      }
    }
  }
}

/// One pass over a configuration.
private struct ConfigurationCheck {
  private let configuration: GatewayConfiguration
  private let servers: [String: SubDeviceServer]
  private let products: [String: SubDeviceProduct]
  private let models: [String: SubDeviceThingModel]
  private var problems: [GatewayProblem] = []

  init(_ configuration: GatewayConfiguration) {
    self.configuration = configuration
    servers = Self.first(configuration.servers.map { ($0.id, $0) })
    products = Self.first(configuration.products.map { ($0.productKey, $0) })
    models = Self.first(configuration.thingModels.map { ($0.productKey, $0) })
  }

  private static func first<Entry>(_ entries: [(String, Entry)]) -> [String: Entry] {
    Dictionary(entries) { first, _ in first }
  }

  mutating func run() -> [GatewayProblem] {
    doubled(configuration.devices.map { ("\($0.productKey) \($0.deviceName)", $0.place) })
    doubled(configuration.products.map { ("the product \($0.productKey)", $0.place) })
    doubled(configuration.servers.map { ("the server \($0.id)", $0.place) })
    doubled(configuration.thingModels.map { ("the model of \($0.productKey)", $0.place) })
    checkDevices()
    for product in configuration.products { check(product) }
    checkServers()
    for model in configuration.thingModels {
      doubled(model.properties.map { ("the property \($0.identifier)", $0.place) })
      checkWhole(model)
    }
    return problems
  }

  private mutating func note(_ reason: GatewayProblem.Reason, _ place: GatewayPlace) {
    problems.append(GatewayProblem(reason, at: place))
  }

  private mutating func doubled(_ names: [(name: String, place: GatewayPlace)]) {
    var seen: [String: GatewayPlace] = [:]
    for (name, place) in names {
      if let first = seen[name] {
        note(.doubled(name, firstAt: first), place)
      } else {
        seen[name] = place
      }
    }
  }

  private mutating func checkDevices() {
    var positions: [String: GatewayPlace] = [:]
    for device in configuration.devices {
      let product = products[device.productKey]
      if product == nil { note(.noProduct(device.productKey), device.place) }
      guard let id = device.serverID else {
        if let product, let name = product.mapping.protocolName {
          note(.noPosition("serverId, because the product is read over \(name)"), device.place)
        }
        continue
      }
      guard let server = servers[id] else {
        note(.noServer(id), device.place)
        continue
      }
      check(device, on: server, product)
      guard let position = device.position.text else { continue }
      let key = "\(id)\n\(position)"
      if let first = positions[key] {
        note(.doubledPosition(position, firstAt: first), device.place)
      } else {
        positions[key] = device.place
      }
    }
  }

  private mutating func check(
    _ device: ConfiguredSubDevice,
    on server: SubDeviceServer,
    _ product: SubDeviceProduct?
  ) {
    let spoken = server.channel.protocolName
    if let product, let read = product.mapping.protocolName, read != spoken {
      note(.otherProtocol(read, server: spoken), device.place)
    }
    switch (server.channel, device.position) {
    case (.modbusRTU, .slave(let address)):
      // MODBUS over Serial Line V1.02 Section 2.2: 1 to 247; 0 is a broadcast.
      if !(1...247).contains(address) { note(.slaveAddress(address), device.place) }
    case (.modbusTCP, .slave), (.opcUA, .displayNamePath): break
    case (.modbusRTU, _), (.modbusTCP, _): note(.noPosition("slaveId"), device.place)
    case (.opcUA, _): note(.noPosition("displayNamePath"), device.place)
    }
  }

  private mutating func check(_ product: SubDeviceProduct) {
    doubled(product.properties.map { ("the property \($0.identifier)", $0.place) })
    if case .modbus(let points) = product.mapping {
      for point in points { check(point) }
    }
    guard let model = models[product.productKey] else {
      note(.noThingModel(product.productKey), product.place)
      return
    }
    let known = Dictionary(model.properties.map { ($0.identifier, $0) }) { first, _ in first }
    for property in product.properties where known[property.identifier] == nil {
      note(.notInThingModel(property.identifier), property.place)
    }
    switch product.mapping {
    case .modbus(let points):
      for point in points where !point.table.isWritable {
        guard known[point.identifier]?.isWritable == true else { continue }
        note(.readOnlyTable(point.identifier, table: point.table.rawValue), point.place)
      }
    case .opcUA(let nodes):
      doubled(nodes.services.map { ("the service \($0.identifier)", $0.place) })
      doubled(nodes.events.map { ("the event \($0.identifier)", $0.place) })
      for service in nodes.services where !model.services.contains(service.identifier) {
        note(.notInThingModel(service.identifier), service.place)
      }
      for event in nodes.events where !model.events.contains(event.identifier) {
        note(.notInThingModel(event.identifier), event.place)
      }
    case .custom: break
    }
  }

  private mutating func check(_ point: ModbusPoint) {
    if point.table.isOfBits {
      if point.type != .bool { note(.bitType(point.type.rawValue), point.place) }
    } else if let needed = point.type.registerCount, needed != point.registerCount {
      note(
        .registerCount(point.registerCount, type: point.type.rawValue, needs: needed),
        point.place
      )
    }
    if Int(point.address) + point.registerCount > 65_536 {
      note(.beyondTable(point.address, count: point.registerCount), point.place)
    }
  }

  private mutating func checkServers() {
    let used = Set(configuration.devices.compactMap(\.serverID))
    for server in configuration.servers {
      if !used.contains(server.id) { note(.unusedServer(server.id), server.place) }
      guard case .opcUA(let settings) = server.channel else { continue }
      let policy = settings.securityPolicy ?? OPCUAServer.SecurityPolicy.none
      switch settings.securityMode ?? OPCUAServer.SecurityMode.none {
      case .none:
        if policy != .none { note(.policyWithoutMode(policy.rawValue), server.place) }
      case .sign, .signAndEncrypt:
        guard policy == .none, let mode = settings.securityMode else { continue }
        note(.modeWithoutPolicy(mode.rawValue), server.place)
      }
    }
  }

  /// Properties of the thing model that no entry of `modelList` has.
  private mutating func checkWhole(_ model: SubDeviceThingModel) {
    guard let product = products[model.productKey] else {
      note(.noProduct(model.productKey), model.place)
      return
    }
    let mapped = Set(product.properties.map(\.identifier))
    for property in model.properties where !mapped.contains(property.identifier) {
      note(.unmapped(property.identifier), property.place)
    }
  }
}

extension SubDeviceProduct.Mapping {
  /// What a person calls the protocol; `nil` for one of the product's own.
  public var protocolName: String? {
    switch self {
    case .modbus: "Modbus"
    case .opcUA: "OPC UA"
    case .custom: nil
    }
  }
}

extension SubDeviceServer.Channel {
  /// What a person calls the protocol.
  public var protocolName: String {
    switch self {
    case .modbusRTU, .modbusTCP: "Modbus"
    case .opcUA: "OPC UA"
    }
  }
}

extension ConfiguredSubDevice.Position {
  /// The position in words; `nil` for none.
  var text: String? {
    switch self {
    case .slave(let address): "slaveId \(address)"
    case .displayNamePath(let path): "displayNamePath \(path)"
    case .unspecified: nil
    }
  }
}
