// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import PayloadValues

/// Properties, events, desired values and raw payloads (device guide 6.5 and 6.6).
extension SimulatedThings {
  typealias Identity = DeviceState.Identity
  private typealias Named = (name: String, reported: DeviceState.Reported)

  /// The maximum number of properties in one message.
  private static let maxProperties = 200
  /// The maximum number of events in one message of a gateway.
  private static let maxEvents = 20
  /// The maximum number of sub-devices in one message of a gateway.
  private static let maxEntries = 20

  /// `thing.event.property.post`; values that violate the thing model are silently dropped.
  mutating func postProperties(
    _ parameters: PayloadValue,
    of device: Identity,
    note: inout String
  ) throws(ThingRefusal) {
    let members = try parameters.object("params")
    guard members.count <= Self.maxProperties else {
      throw ThingRefusal(.tooManyProperties, "params has \(members.count) properties")
    }
    let values = try reported(members)
    try checkModelService()
    let model = products[device.productKey]?.thingModel
    var notes: [String] = []
    let good = values.filter { value in
      guard
        let objection = model?.objection(
          toProperty: value.name,
          value.reported.value,
          modelRules
        )
      else {
        return true
      }
      notes.append("\(value.name) \(objection)")
      return false
    }
    notes += store(good, of: device)
    if !notes.isEmpty { note = "left out: \(notes.joined(separator: ", "))" }
  }

  /// `thing.event.{id}.post`.
  ///
  /// Unverified (`event-mismatch` of `Assumption`): 460 for an event that violates the thing model;
  /// the guide says that it gets an error code, but not which.
  mutating func postEvent(
    _ identifier: String,
    _ parameters: PayloadValue,
    of device: Identity
  ) throws(ThingRefusal) {
    let event = try self.event(identifier, parameters)
    try checkModelService()
    let model = products[device.productKey]?.thingModel
    try check([event], against: model, or: assumptions.eventMismatch)
    store([event], of: device)
  }

  /// `thing.event.property.pack.post`: everything or nothing.
  ///
  /// The limits apply to the whole message, including its sub-devices. Unverified (`pack-…` of
  /// `Assumption`): these limits, 460 for a violation of the thing model, and 6401 for a sub-device
  /// that is not the gateway's; the guide says that the message fails, but not with which code.
  mutating func postPack(
    _ parameters: PayloadValue,
    of device: Identity
  ) throws(ThingRefusal) {
    _ = try parameters.object("params")
    let entries = try (parameters["subDevices"] ?? []).list("subDevices")
    guard entries.count <= Self.maxEntries else {
      throw .parameters("subDevices has \(entries.count) entries")
    }
    var parts = [(device, parameters)]
    for entry in entries {
      guard let identity = try entry["identity"]?.identity() else {
        throw .parameters("an entry of subDevices has no identity")
      }
      parts.append((identity, entry))
    }
    var packs: [(device: Identity, values: [Named], events: [DeviceState.Event])] = []
    for (identity, part) in parts {
      let values = try reported(try (part["properties"] ?? [:]).object("properties"))
      var events: [DeviceState.Event] = []
      for member in try (part["events"] ?? [:]).object("events") {
        events.append(try event(member.name, member.value))
      }
      packs.append((identity, values, events))
    }
    let counts = packs.map { ($0.values.count, $0.events.count) }
    let counted =
      assumptions.countsPackPerDevice
      ? counts : [counts.reduce((0, 0)) { ($0.0 + $1.0, $0.1 + $1.1) }]
    for (properties, events) in counted
    where properties > Self.maxProperties || events > Self.maxEvents {
      throw .parameters("\(properties) properties and \(events) events in one message")
    }
    try checkModelService()
    for pack in packs {
      guard pack.device == device || isSubDevice(pack.device, of: device) else {
        throw ThingRefusal(
          assumptions.packForeign,
          "\(pack.device.path) is no sub-device of the gateway"
        )
      }
      let model = products[pack.device.productKey]?.thingModel
      for value in pack.values {
        if let objection = model?.objection(
          toProperty: value.name,
          value.reported.value,
          modelRules
        ) {
          throw ThingRefusal(assumptions.packMismatch, "\(value.name) \(objection)")
        }
      }
      try check(pack.events, against: model, or: assumptions.packMismatch)
    }
    for pack in packs {
      store(pack.values, of: pack.device)
      store(pack.events, of: pack.device)
    }
  }

  /// `thing.property.desired.get`: values that are not set, or were cleared, are left out of the
  /// answer.
  func desired(
    _ parameters: PayloadValue,
    of device: Identity
  ) throws(ThingRefusal) -> PayloadValue {
    let known = states[device.path]?.desired ?? [:]
    var members: [PayloadValue.Member] = []
    var names: Set<String> = []
    for element in try parameters.list("params") {
      guard let name = element.string else { throw .parameters("a property's name is no text") }
      guard names.insert(name).inserted, let entry = known[name], let value = entry.value else {
        continue
      }
      members.append(.init(name, ["value": value, "version": .integer(entry.version)]))
    }
    return .object(members)
  }

  /// `thing.property.desired.delete`: a version other than the latest clears nothing; without a
  /// version the value is always cleared.
  ///
  /// Unverified (`desired-version` of `Assumption`): that the version continues when a cleared
  /// value is set again.
  mutating func deleteDesired(
    _ parameters: PayloadValue,
    of device: Identity,
    note: inout String
  ) throws(ThingRefusal) {
    var cleared: [String] = []
    for member in try parameters.object("params") {
      _ = try member.value.object(member.name)
      guard let entry = states[device.path]?.desired[member.name] else { continue }
      if let version = member.value["version"] {
        guard let number = version.integer else { throw .parameters("version is no number") }
        guard number == entry.version else {
          note = "\(member.name) has version \(entry.version), not \(number)"
          continue
        }
      }
      cleared.append(member.name)
    }
    for name in cleared { states[device.path]?.desired[name]?.value = nil }
  }

  /// `up_raw`: the configuration's script converts the bytes to an ordinary request.
  ///
  /// Without a script the answer is the one in the guide for a report of properties.
  mutating func takeRaw(
    _ payload: [UInt8],
    of device: Identity,
    random: inout any RandomSource
  ) -> Outcome {
    DeviceState.append(payload, to: &states[device.path, default: DeviceState()].raw)
    guard let rawScript else {
      return Outcome(
        reply: [
          "id": .text("\(makeIdentifier())"), "code": 200,
          "method": .text(ThingMethod.postProperties.name), "data": [:],
        ],
        code: .success
      )
    }
    guard let request = rawScript(payload), let name = request["method"]?.string,
      let method = ThingMethod(rawMethod: name)
    else {
      let code = ReplyCode.parameterError
      return Outcome(
        reply: [
          "id": "0", "code": .integer(Int64(code.rawValue)), "data": [:],
          "message": .text(code.message),
        ],
        code: code,
        note: "the script makes no report of the bytes"
      )
    }
    var outcome = execute(method, request, of: device, random: &random)
    if case .object(var members)? = outcome.reply {
      members.insert(.init("method", .text(name)), at: 2)
      outcome.reply = .object(members)
    }
    return outcome
  }

  /// Handles a topic that ends in `_reply`.
  mutating func takeAnswer(
    _ payload: [UInt8],
    _ format: PayloadValue.Format,
    topic: String,
    of device: Identity
  ) -> Outcome {
    let value = PayloadValue(payload, format)
    DeviceState.append(
      DeviceState.Answer(topic: topic, value: value),
      to: &states[device.path, default: DeviceState()].answers
    )
    return Outcome()
  }

  // MARK: Private

  private func checkModelService() throws(ThingRefusal) {
    guard !isModelServiceDown else {
      throw ThingRefusal(.modelUnavailable, "the configuration says so")
    }
  }

  private func check(
    _ events: [DeviceState.Event],
    against model: ProductModel?,
    or code: ReplyCode
  ) throws(ThingRefusal) {
    for event in events {
      if let objection = model?.objection(
        toEvent: event.identifier,
        event.reported.value,
        modelRules
      ) {
        throw ThingRefusal(code, "\(event.identifier) \(objection)")
      }
    }
  }

  private func event(
    _ identifier: String,
    _ value: PayloadValue
  ) throws(ThingRefusal) -> DeviceState.Event {
    _ = try value.object("an event")
    guard let output = value["value"], output.members != nil else {
      throw .parameters("the event \(identifier) has no object value")
    }
    return DeviceState.Event(
      identifier: identifier,
      reported: DeviceState.Reported(value: output, time: try time(of: value))
    )
  }

  private func reported(_ members: [PayloadValue.Member]) throws(ThingRefusal) -> [Named] {
    var values: [Named] = []
    for member in members {
      if let value = member.value["value"] {
        let time = try time(of: member.value)
        values.append((member.name, DeviceState.Reported(value: value, time: time)))
      } else {
        guard takesPlainValues else {
          throw .parameters(
            "\(member.name) is no object with a value; \(settingNames.plainValues) takes it"
          )
        }
        values.append((member.name, DeviceState.Reported(value: member.value, time: nil)))
      }
    }
    return values
  }

  private func time(of value: PayloadValue) throws(ThingRefusal) -> Int64? {
    guard let time = value["time"] else { return nil }
    guard let milliseconds = time.integer, milliseconds >= 0 else {
      throw .parameters("a time is no whole number")
    }
    return milliseconds
  }

  /// Returns the values for which there was no room.
  @discardableResult
  private mutating func store(_ values: [Named], of device: Identity) -> [String] {
    var missing: [String] = []
    var properties = states[device.path]?.properties ?? [:]
    for (name, reported) in values {
      if properties[name] == nil, properties.count >= DeviceState.maxProperties {
        missing.append("\(name) is one too many")
      } else {
        properties[name] = reported
      }
    }
    states[device.path, default: DeviceState()].properties = properties
    return missing
  }

  private mutating func store(_ events: [DeviceState.Event], of device: Identity) {
    for event in events {
      DeviceState.append(event, to: &states[device.path, default: DeviceState()].events)
    }
  }

  func isSubDevice(_ device: Identity, of gateway: Identity) -> Bool {
    states[gateway.path]?.topology.contains(device) ?? false
  }
}

extension ThingMethod {
  /// The methods that a script may return for raw bytes: the reports of device guide 6.5.
  fileprivate init?(rawMethod name: String) {
    switch name {
    case ThingMethod.postProperties.name: self = .postProperties
    case ThingMethod.postPack.name: self = .postPack
    default:
      let parts = name.split(separator: ".", omittingEmptySubsequences: false)
      guard parts.count == 4, parts[0] == "thing", parts[1] == "event", parts[3] == "post" else {
        return nil
      }
      self = .postEvent(String(parts[2]))
    }
  }
}
