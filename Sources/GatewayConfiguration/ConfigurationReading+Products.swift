// SPDX-License-Identifier: Apache-2.0
extension ConfigurationReading {
  private enum Kind { case modbus, opcUA, custom }

  /// The most bits that one Modbus request reads (MODBUS Application Protocol V1.1b3 Section 6.1).
  private static let mostBits = 2_000
  /// The most registers that one Modbus request reads (Section 6.3).
  private static let mostRegisters = 125
  /// The longest interval between two readings, in milliseconds: a day.
  private static let longestInterval = 86_400_000

  /// An entry of `modelList`.
  mutating func product(_ entry: PlacedObject) -> SubDeviceProduct? {
    guard let key = productKey(entry) else { return nil }
    let properties = entries(entry, "properties")
    let services = entries(entry, "services")
    let events = entries(entry, "events")
    let kind: Kind
    if let first = properties.first {
      guard let found = self.kind(first) else { return nil }
      kind = found
    } else {
      // Registers and custom values belong to properties.
      kind = .opcUA
    }
    let mapping: SubDeviceProduct.Mapping
    switch kind {
    case .modbus:
      mapping = .modbus(fitting(properties, kind).compactMap { point($0) })
    case .custom:
      mapping = .custom(fitting(properties, kind).compactMap { customProperty($0) })
    case .opcUA:
      mapping = .opcUA(
        OPCUANodes(
          properties: fitting(properties, kind).compactMap { nodeProperty($0) },
          services: services.compactMap { call($0) },
          events: events.compactMap { call($0) }
        )
      )
    }
    return SubDeviceProduct(productKey: key, mapping: mapping, place: entry.place)
  }

  /// Whose property it is; `nil` for nobody's.
  private mutating func kind(_ property: PlacedObject) -> Kind? {
    if property["customize"] != nil { return .custom }
    let members = ["registerAddress", "operateType", "originalDataType"]
    if members.contains(where: { property[$0] != nil }) { return .modbus }
    if property["displayName"] != nil { return .opcUA }
    note(.unknownMapping, at: property.place)
    return nil
  }

  /// The properties of a kind; others are noted.
  private mutating func fitting(_ properties: [PlacedObject], _ kind: Kind) -> [PlacedObject] {
    var fitting: [PlacedObject] = []
    for property in properties {
      guard let found = self.kind(property) else { continue }
      if found == kind {
        fitting.append(property)
      } else {
        note(.mixedMappings, at: property.place)
      }
    }
    return fitting
  }

  private mutating func point(_ property: PlacedObject) -> ModbusPoint? {
    let identifier = text(property, "identifier")
    let table = word(property, "operateType", ModbusPoint.Table.self)
    let address = registerAddress(property)
    let data = object(property, "originalDataType")
    let type = data.flatMap { word($0, "type", ModbusPoint.DataType.self) }
    var specs: PlacedObject?
    if let data, let member = data["specs"] { specs = object(member, data.path("specs")) }
    let most = table?.isOfBits == true ? Self.mostBits : Self.mostRegisters
    let count = specs.map { optionalNumber($0, "registerCount", 1...most) } ?? .some(nil)
    let swaps = specs.map { optionalNumber($0, "swap16", 0...1) } ?? .some(nil)
    let reverses = specs.map { optionalNumber($0, "reverseRegister", 0...1) } ?? .some(nil)
    let scaling = self.scaling(property)
    let interval = optionalNumber(property, "pollingTime", 1...Self.longestInterval)
    let trigger = optionalNumber(property, "trigger", 1...2)
    guard let identifier, let table, let address, let type, let count, let swaps, let reverses,
      let scaling, let interval, let trigger
    else { return nil }
    // Without a count a text is one register, as a value of 16 bits.
    return ModbusPoint(
      identifier: identifier,
      table: table,
      address: address,
      type: type,
      registerCount: count ?? type.registerCount ?? 1,
      swapsBytes: swaps == 1,
      reversesRegisters: reverses == 1,
      scaling: scaling,
      pollingMilliseconds: interval,
      trigger: trigger.flatMap(ModbusPoint.Trigger.init),
      place: property.place
    )
  }

  /// `0x03`, as the guide has it, or a decimal number.
  private mutating func registerAddress(_ property: PlacedObject) -> UInt16? {
    guard let text = text(property, "registerAddress") else { return nil }
    let isHexadecimal = text.hasPrefix("0x") || text.hasPrefix("0X")
    let digits = isHexadecimal ? text.dropFirst(2) : text[...]
    // UInt16 itself takes a plus sign.
    if digits.allSatisfy({ $0.isASCII && $0.isHexDigit }),
      let address = UInt16(digits, radix: isHexadecimal ? 16 : 10)
    {
      return address
    }
    note(.notAnAddress(text), at: property.place("registerAddress"))
    return nil
  }

  /// The factor, 1 if it is missing; the guide calls it a whole number, but 0.1 is what a meter needs.
  private mutating func scaling(_ property: PlacedObject) -> Double? {
    guard let member = property["scaling"] else { return 1 }
    let factor: Double?
    switch member.content {
    case .null: return 1
    case .integer(let number): factor = Double(number)
    case .double(let number): factor = number
    case .text(let text): factor = Double(text)
    default: factor = nil
    }
    guard let factor, factor.isFinite, factor != 0 else {
      note(.expected("a number other than 0"), at: property.place("scaling"))
      return nil
    }
    return factor
  }

  private mutating func customProperty(_ property: PlacedObject) -> CustomProperty? {
    let identifier = text(property, "identifier")
    guard let customize = object(property, "customize"), let identifier else { return nil }
    return CustomProperty(
      identifier: identifier,
      customize: Array(bytes[customize.range]),
      place: property.place
    )
  }

  private mutating func nodeProperty(_ property: PlacedObject) -> OPCUANodes.Property? {
    let identifier = text(property, "identifier")
    let name = text(property, "displayName")
    guard let identifier, let name else { return nil }
    return .init(identifier: identifier, displayName: name, place: property.place)
  }

  /// A service or an event.
  private mutating func call(_ entry: PlacedObject) -> OPCUANodes.Call? {
    let identifier = text(entry, "identifier")
    let name = text(entry, "displayName")
    let inputs = entries(entry, "inputData").compactMap { argument($0) }
    let outputs = entries(entry, "outputData").compactMap { argument($0) }
    guard let identifier, let name else { return nil }
    return .init(
      identifier: identifier,
      displayName: name,
      inputs: inputs,
      outputs: outputs,
      place: entry.place
    )
  }

  private mutating func argument(_ entry: PlacedObject) -> OPCUANodes.Argument? {
    let identifier = text(entry, "identifier")
    let index = number(entry, "index", 0...65_535)
    guard let identifier, let index else { return nil }
    return .init(identifier: identifier, index: index, place: entry.place)
  }
}
