// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import ConstrainedCore
internal import DeviceClient
internal import PayloadCoding
internal import PayloadValues
internal import Platform

/// One thing-model request with parameters in JSON.
///
/// Each goes through the typed call of its method, so that the same limits are checked.
struct AlinkCall {
  /// An error in the parameters, in a sentence.
  struct Failure: Error {
    let description: String
  }

  let method: String
  let parameters: PayloadValue?
  /// The file with the sub-device's secret, for `thing.topo.add`.
  var subDeviceSecretFile: String?
  /// The rule for device names.
  var deviceNames = DeviceNameRule.current
  /// Whether properties without a time are sent as plain values.
  var usesPlainValues = false

  /// The methods, for the help.
  static let methods = [
    "thing.event.property.post", "thing.event.EVENT.post", "thing.event.property.pack.post",
    "thing.property.desired.get", "thing.property.desired.delete", "thing.deviceinfo.update",
    "thing.deviceinfo.delete", "thing.config.get", "thing.dsltemplate.get", "thing.topo.add",
    "thing.topo.delete", "thing.topo.get", "thing.list.found", "thing.sub.register", "up_raw",
  ]

  func send<Writer: PayloadWriter & ~Copyable & ~Escapable>(
    _ client: DeviceClient,
    as writer: Writer.Type
  ) async throws -> AlinkAnswer {
    switch method {
    case "thing.event.property.post": return try await postProperties(client, as: writer)
    case "thing.event.property.pack.post": return try await postPack(client, as: writer)
    case "thing.property.desired.get": return try await getDesired(client, as: writer)
    case "thing.property.desired.delete": return try await deleteDesired(client, as: writer)
    case "thing.deviceinfo.update": return try await updateTags(client, as: writer)
    case "thing.deviceinfo.delete": return try await deleteTags(client, as: writer)
    case "thing.config.get":
      try checkNone(or: ["configScope": "product", "getType": "file"])
      return try await client.request(ConfigurationGet.self, as: writer) { _ throws(AlinkError) in }
    case "thing.dsltemplate.get":
      try checkNone()
      return try await client.request(ThingModelGet.self, as: writer) { _ throws(AlinkError) in }
    case "thing.topo.get":
      try checkNone()
      return try await client.request(TopologyGet.self, as: writer) { _ throws(AlinkError) in }
    case "thing.topo.add": return try await addTopology(client, as: writer)
    case "thing.topo.delete": return try await list(TopologyDelete.self, client, as: writer)
    case "thing.list.found": return try await list(DeviceFound.self, client, as: writer)
    case "thing.sub.register": return try await list(SubDeviceRegister.self, client, as: writer)
    default:
      guard let event else { throw unknown }
      return try await post(event, client, as: writer)
    }
  }

  /// The products of the sub-devices in a pack post; empty for other methods.
  var packedProducts: Set<String> {
    guard method == "thing.event.property.pack.post" else { return [] }
    let entries = parameters?["subDevices"]?.elements ?? []
    return Set(entries.compactMap { $0["identity"]?["productKey"]?.string })
  }

  /// The identifier between `thing.event.` and `.post`.
  private var event: String? {
    let (start, end) = ("thing.event.", ".post")
    guard method.hasPrefix(start), method.hasSuffix(end),
      method.utf8.count > start.utf8.count + end.utf8.count
    else { return nil }
    return String(method.dropFirst(start.count).dropLast(end.count))
  }

  private var unknown: Failure {
    Failure(
      description: "unknown method \(method): "
        + (UnknownNames.nearest(to: method, Set(Self.methods)).map { "did you mean \($0)? It is " }
          ?? "it is ") + "one of " + Self.methods.joined(separator: ", ")
    )
  }

  /// A similar method name that may have been meant; empty if there is none.
  private var suggestion: String {
    let names = Set(Self.methods).subtracting(["thing.event.EVENT.post"])
    return UnknownNames.nearest(to: method, names).map { "did you mean \($0)? Else " } ?? ""
  }
}

// MARK: - Reports

extension AlinkCall {
  private func postProperties<Writer: PayloadWriter & ~Copyable & ~Escapable>(
    _ client: DeviceClient,
    as writer: Writer.Type
  ) async throws -> AlinkAnswer {
    let properties = try members().map { try Reading($0) }
    return try await client.request(PropertyPost.self, as: writer) { post throws(AlinkError) in
      post.usesPlainValues = usesPlainValues
      for property in properties {
        try post.add(property.name.span, time: property.time) {
          (output: inout Writer) throws(CapacityError) in
          try property.value.write(into: &output)
        }
      }
    }
  }

  private func post<Writer: PayloadWriter & ~Copyable & ~Escapable>(
    _ event: String,
    _ client: DeviceClient,
    as writer: Writer.Type
  ) async throws -> AlinkAnswer {
    guard let value = parameters, value["value"]?.members != nil else {
      throw Failure(
        description: suggestion
          + #"the parameters of an event are {"value":{…}}, with a "time" if you like"#
      )
    }
    let reading = try Reading(PayloadValue.Member(event, value))
    return try await client.request(EventPost.self, as: writer) { post throws(AlinkError) in
      try post.event(reading.name.span, time: reading.time) {
        (output: inout Writer) throws(CapacityError) in
        try reading.writeMembers(into: &output)
      }
    }
  }

  private func postPack<Writer: PayloadWriter & ~Copyable & ~Escapable>(
    _ client: DeviceClient,
    as writer: Writer.Type
  ) async throws -> AlinkAnswer {
    let own = try PackPart(parameters, beside: "subDevices")
    guard let entries = (parameters?["subDevices"] ?? []).elements else {
      throw Failure(description: "subDevices is a list: […]")
    }
    let subDevices = try entries.map {
      (try Self.names($0["identity"]), try PackPart($0, beside: "identity"))
    }
    return try await client.request(PackPost.self, as: writer) { pack throws(AlinkError) in
      try own.write(into: &pack)
      for (names, part) in subDevices {
        try pack.subDevice(productKey: names.product.span, deviceName: names.device.span)
        try part.write(into: &pack)
      }
    }
  }

  /// A value with an optional time.
  private struct Reading {
    let name: [UInt8]
    let value: PayloadValue
    let time: UInt64?

    init(_ member: PayloadValue.Member) throws {
      name = Array(member.name.utf8)
      guard let members = member.value.members else {
        value = member.value
        time = nil
        return
      }
      let known: Set<String> = ["value", "time"]
      guard let inner = member.value["value"], members.allSatisfy({ known.contains($0.name) })
      else {
        throw Failure(
          description:
            #"\#(member.name) is {"value":…}, with a "time" if you like, and nothing else"#
        )
      }
      value = inner
      time = try AlinkCall.number(member.value["time"], "time")
    }

    func writeMembers<Writer: PayloadWriter & ~Copyable & ~Escapable>(
      into output: inout Writer
    ) throws(CapacityError) {
      for member in value.members ?? [] {
        let name = Array(member.name.utf8)
        try output.key(name.span)
        try member.value.write(into: &output)
      }
    }
  }

  /// The part of a pack post for one device.
  private struct PackPart {
    let properties: [Reading]
    let events: [Reading]

    /// The content of an object that has a further member, `other`.
    init(_ value: PayloadValue?, beside other: String) throws {
      let known: Set<String> = ["properties", "events", other]
      guard let members = value?.members, members.allSatisfy({ known.contains($0.name) }),
        let given = (value?["properties"] ?? [:]).members,
        let happened = (value?["events"] ?? [:]).members
      else {
        throw Failure(
          description: #"a pack is {"properties":{…},"events":{…},"\#(other)":…} and nothing else"#
        )
      }
      properties = try given.map { try Reading($0) }
      events = try happened.map { try Reading($0) }
      guard events.allSatisfy({ $0.value.members != nil }) else {
        throw Failure(description: "the value of an event is an object: {…}")
      }
      guard (properties + events).allSatisfy({ $0.time != nil }) else {
        throw Failure(description: #"every property and event of a pack is {"value":…,"time":…}"#)
      }
    }

    func write<Writer: PayloadWriter & ~Copyable & ~Escapable>(
      into pack: inout AlinkRequest<PackPost, Writer>
    ) throws(AlinkError) {
      for property in properties {
        try pack.property(property.name.span, time: property.time ?? 0) {
          (output: inout Writer) throws(CapacityError) in
          try property.value.write(into: &output)
        }
      }
      for event in events {
        try pack.event(event.name.span, time: event.time ?? 0) {
          (output: inout Writer) throws(CapacityError) in
          try event.writeMembers(into: &output)
        }
      }
    }
  }
}

// MARK: - Desired values and tags

extension AlinkCall {
  private func getDesired<Writer: PayloadWriter & ~Copyable & ~Escapable>(
    _ client: DeviceClient,
    as writer: Writer.Type
  ) async throws -> AlinkAnswer {
    let names = try elements().map { try Self.text($0, "a property's identifier") }
    return try await client.request(DesiredGet.self, as: writer) { get throws(AlinkError) in
      for name in names { try get.add(name.span) }
    }
  }

  private func deleteDesired<Writer: PayloadWriter & ~Copyable & ~Escapable>(
    _ client: DeviceClient,
    as writer: Writer.Type
  ) async throws -> AlinkAnswer {
    let values = try members().map { member in
      // Without a version the current value is cleared: an unreadable version must not count as
      // missing.
      guard member.value.members?.allSatisfy({ $0.name == "version" }) == true else {
        throw Failure(
          description: #"the parameters are {"IDENTIFIER":{"version":1}}, or {} for any version"#
        )
      }
      return (Array(member.name.utf8), try Self.number(member.value["version"], "version"))
    }
    return try await client.request(DesiredDelete.self, as: writer) { delete throws(AlinkError) in
      for (name, version) in values { try delete.add(name.span, version: version) }
    }
  }

  private func updateTags<Writer: PayloadWriter & ~Copyable & ~Escapable>(
    _ client: DeviceClient,
    as writer: Writer.Type
  ) async throws -> AlinkAnswer {
    let tags = try elements().map {
      (try Self.text($0["attrKey"], "attrKey"), try Self.text($0["attrValue"], "attrValue"))
    }
    return try await client.request(TagUpdate.self, as: writer) { update throws(AlinkError) in
      for (key, value) in tags { try update.add(key: key.span, value: value.span) }
    }
  }

  private func deleteTags<Writer: PayloadWriter & ~Copyable & ~Escapable>(
    _ client: DeviceClient,
    as writer: Writer.Type
  ) async throws -> AlinkAnswer {
    let keys = try elements().map { try Self.text($0["attrKey"], "attrKey") }
    return try await client.request(TagDelete.self, as: writer) { delete throws(AlinkError) in
      for key in keys { try delete.add(key: key.span) }
    }
  }
}

// MARK: - Sub-devices

extension AlinkCall {
  private func addTopology<Writer: PayloadWriter & ~Copyable & ~Escapable>(
    _ client: DeviceClient,
    as writer: Writer.Type
  ) async throws -> AlinkAnswer {
    let elements = try elements()
    guard elements.count == 1 else {
      throw Failure(description: "give one sub-device at a time: each has a secret of its own")
    }
    let names = try Self.names(elements[0])
    let proof = SubDeviceRequest(
      signMethod: .hmacSHA1,
      timestamp: Clock.millisecondsSince1970()
    )
    let device: DeviceIdentity
    guard let subDeviceSecretFile else {
      throw Failure(description: "give --sub-device-secret-file: the sub-device must be proved")
    }
    do throws(IdentityError) {
      device = try DeviceIdentity(
        productKey: names.product.span,
        deviceName: names.device.span,
        deviceNames: deviceNames
      )
    } catch {
      throw Failure(description: error.description)
    }
    let content = try Signature.text { (output: inout ByteWriter) throws(CapacityError) in
      try proof.writeSigningContent(device, into: &output)
    }
    var secret = try Secret.read(subDeviceSecretFile)
    defer { Secret.erase(&secret) }
    let signature = try Signature(content, proof.signMethod, secret)
    return try await client.request(TopologyAdd.self, as: writer) { add throws(AlinkError) in
      try add.add(device, proof: proof, signature: signature.bytes.span)
    }
  }

  private func list<Kind: DeviceListKind, Writer: PayloadWriter & ~Copyable & ~Escapable>(
    _ kind: Kind.Type,
    _ client: DeviceClient,
    as writer: Writer.Type
  ) async throws -> AlinkAnswer {
    let devices = try elements().map(Self.names)
    return try await client.request(kind, as: writer) { request throws(AlinkError) in
      for names in devices {
        try request.add(productKey: names.product.span, deviceName: names.device.span)
      }
    }
  }

  private static func names(
    _ value: PayloadValue?
  ) throws -> (product: [UInt8], device: [UInt8]) {
    (try text(value?["productKey"], "productKey"), try text(value?["deviceName"], "deviceName"))
  }
}

// MARK: - Parameters

extension AlinkCall {
  /// Refuses parameters for a method that takes none from the caller.
  private func checkNone(or usual: PayloadValue = [:]) throws {
    guard let parameters, parameters != [:], parameters != usual else { return }
    throw Failure(description: "\(method) takes no parameters: leave them out")
  }

  private func members() throws -> [PayloadValue.Member] {
    guard let members = parameters?.members else {
      throw Failure(description: "the parameters of this method are an object: {…}")
    }
    return members
  }

  private func elements() throws -> [PayloadValue] {
    guard let elements = parameters?.elements else {
      throw Failure(description: "the parameters of this method are a list: […]")
    }
    return elements
  }

  /// An optional number.
  private static func number(_ value: PayloadValue?, _ name: String) throws -> UInt64? {
    guard let value else { return nil }
    guard let number = value.integer.flatMap({ UInt64(exactly: $0) }) else {
      throw Failure(description: "\(name) is no whole number from 0 up")
    }
    return number
  }

  private static func text(_ value: PayloadValue?, _ name: String) throws -> [UInt8] {
    guard let text = value?.string else {
      throw Failure(description: "\(name) is missing or no text")
    }
    return Array(text.utf8)
  }
}
