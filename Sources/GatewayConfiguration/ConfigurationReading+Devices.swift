// SPDX-License-Identifier: Apache-2.0
internal import Platform

extension ConfigurationReading {
  private enum ModbusProtocol: String, CaseIterable {
    case rtu = "RTU"
    case tcp = "TCP"
  }

  private enum ParityLetter: String, CaseIterable {
    case even = "E"
    case odd = "O"
    case none = "N"

    var parity: SerialLine.Parity {
      switch self {
      case .even: .even
      case .odd: .odd
      case .none: .none
      }
    }
  }

  /// The fastest line that Linux has a constant for (B4000000).
  private static let fastestLine = 4_000_000

  /// An entry of `serverList`.
  mutating func server(_ entry: PlacedObject) -> SubDeviceServer? {
    let id = text(entry, "serverId")
    let name = optionalText(entry, "name")
    let channel: SubDeviceServer.Channel?
    if entry["protocol"] != nil {
      switch word(entry, "protocol", ModbusProtocol.self) {
      case .rtu: channel = serialLine(entry).map { .modbusRTU($0) }
      case .tcp:
        let host = text(entry, "ip")
        let port = number(entry, "port", 1...65_535).map { UInt16($0) }
        if let host, let port {
          channel = .modbusTCP(host: host, port: port)
        } else {
          channel = nil
        }
      case nil: channel = nil
      }
    } else if entry["url"] != nil {
      channel = opcUAServer(entry).map { .opcUA($0) }
    } else {
      note(.unknownServer, at: entry.place)
      channel = nil
    }
    guard let id, let name, let channel else { return nil }
    return SubDeviceServer(id: id, name: name, channel: channel, place: entry.place)
  }

  private mutating func serialLine(_ entry: PlacedObject) -> SerialLine? {
    let port = text(entry, "serialPort")
    let rate = number(entry, "baudRate", 1...Self.fastestLine)
    let size = number(entry, "byteSize", 5...8)
    let stopBits = number(entry, "stopBits", 1...2)
    let parity = self.parity(entry)
    guard let port, let rate, let size, let stopBits, let parity else { return nil }
    return SerialLine(
      port: port,
      baudRate: rate,
      byteSize: size,
      stopBits: stopBits,
      parity: parity
    )
  }

  private mutating func parity(_ entry: PlacedObject) -> SerialLine.Parity? {
    guard let member = required(entry, "parity") else { return nil }
    if case .integer = member.content {
      return number(entry, "parity", 0...4).map { .numbered($0) }
    }
    return word(entry, "parity", ParityLetter.self)?.parity
  }

  private mutating func opcUAServer(_ entry: PlacedObject) -> OPCUAServer? {
    let url = text(entry, "url")
    let user = optionalText(entry, "userName")
    let password = optionalText(entry, "password")
    let policy = optionalWord(entry, "secPolicy", OPCUAServer.SecurityPolicy.self)
    let mode = optionalWord(entry, "secMode", OPCUAServer.SecurityMode.self)
    let timeout = optionalNumber(entry, "timeout", 0...Int(Int32.max))
    guard let url, let user, let password, let policy, let mode, let timeout else { return nil }
    return OPCUAServer(
      url: url,
      userName: user,
      encryptedPassword: password,
      securityPolicy: policy,
      securityMode: mode,
      timeout: timeout
    )
  }

  /// An entry of `deviceList`.
  mutating func device(_ entry: PlacedObject) -> ConfiguredSubDevice? {
    let key = text(entry, "productKey")
    let name = deviceName(entry)
    var server: String?
    var position: ConfiguredSubDevice.Position? = .unspecified
    // A protocol of the product's own may need neither.
    if let member = entry["deviceConfig"] {
      guard let settings = object(member, entry.path("deviceConfig")) else { return nil }
      guard let id = optionalText(settings, "serverId") else { return nil }
      if !id.isEmpty { server = id }
      position = self.position(settings)
    }
    guard let key, let name, let position else { return nil }
    return ConfiguredSubDevice(
      productKey: key,
      deviceName: name,
      serverID: server,
      position: position,
      place: entry.place
    )
  }

  private mutating func deviceName(_ entry: PlacedObject) -> String? {
    guard let name = text(entry, "deviceName") else { return nil }
    // A key of its own: those in the guide's examples are masked.
    let key = Array("pk".utf8)
    let bytes = Array(name.utf8)
    do throws(IdentityError) {
      _ = try DeviceIdentity(productKey: key.span, deviceName: bytes.span)
    } catch {
      note(.deviceName(name), at: entry.place("deviceName"))
      return nil
    }
    return name
  }

  private mutating func position(_ settings: PlacedObject) -> ConfiguredSubDevice.Position? {
    switch (settings["slaveId"] != nil, settings["displayNamePath"] != nil) {
    case (true, true):
      note(.twoPositions, at: settings.place)
      return nil
    case (true, false):
      return number(settings, "slaveId", 0...255).map { .slave(UInt8($0)) }
    case (false, true):
      return text(settings, "displayNamePath").map { .displayNamePath($0) }
    case (false, false): return .unspecified
    }
  }

  /// An entry of `tslList`.
  mutating func thingModel(_ entry: PlacedObject) -> SubDeviceThingModel? {
    guard let key = productKey(entry) else { return nil }
    let properties: [SubDeviceThingModel.Property] =
      entries(entry, "properties").compactMap { property in
        guard let identifier = text(property, "identifier"),
          let access = optionalText(property, "accessMode")
        else { return nil }
        return .init(
          identifier: identifier,
          isWritable: access.contains("w"),
          place: property.place
        )
      }
    return SubDeviceThingModel(
      productKey: key,
      json: Array(bytes[entry.range]),
      properties: properties,
      events: entries(entry, "events").compactMap { text($0, "identifier") },
      services: entries(entry, "services").compactMap { text($0, "identifier") },
      place: entry.place
    )
  }
}
