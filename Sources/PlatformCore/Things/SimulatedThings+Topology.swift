// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import OpenSSLSupport
internal import PayloadValues

/// A gateway's sub-devices (device guide 6.2 and 6.3).
extension SimulatedThings {
  /// `thing.sub.register`: secrets for all sub-devices, or for none.
  ///
  /// A sub-device that is not active gets a new secret each time, an active one keeps its own. A
  /// secret is sent again only to the gateway that registered the sub-device, or that has proved
  /// its knowledge of the secret by `thing.topo.add`: sending it to another gateway would hand over
  /// the sub-device. Unverified (`sub-device-…` of `Assumption`): this rule, and 401, the closest
  /// code in the guide, for its violation and for a device that is not in the register.
  mutating func registerSubDevices(
    _ parameters: PayloadValue,
    of gateway: Identity,
    random: inout any RandomSource
  ) throws(ThingRefusal) -> PayloadValue {
    var identities: [Identity] = []
    for element in try parameters.list("params") {
      let identity = try self.identity(element, notOf: gateway)
      guard let known = subDevices[identity.path], !self.deleted.contains(identity.path) else {
        throw ThingRefusal(assumptions.subDeviceUnknown, "\(identity.path) is not in the register")
      }
      // Device guide 6.2: with the switch off no new device gets a secret, and an active one keeps its own.
      // Unverified (`sub-device-unknown` of `Assumption`): the code.
      guard known.isActive || products[identity.productKey]?.registersSubDevices != false else {
        throw ThingRefusal(
          assumptions.subDeviceUnknown,
          "dynamic registration of \(identity.productKey) is off"
        )
      }
      // A device whose secret was not issued here belongs to nobody until a gateway proves that it
      // knows the secret.
      guard known.secret == nil || known.gateway == gateway || assumptions.tellsAnyGateway else {
        throw ThingRefusal(assumptions.subDeviceForeign, "\(identity.path) is not this gateway's")
      }
      identities.append(identity)
    }
    var replies: [PayloadValue] = []
    for identity in identities {
      guard var known = subDevices[identity.path] else { continue }
      let secret: [UInt8]
      if known.isActive, let own = known.secret {
        secret = own
      } else {
        secret = Self.makeSecret(&random)
      }
      known.secret = secret
      known.gateway = gateway
      let identifier = known.identifier ?? String(decoding: Self.makeSecret(&random), as: UTF8.self)
      known.identifier = identifier
      subDevices[identity.path] = known
      replies.append([
        "iotId": .text(identifier), "productKey": .text(identity.productKey),
        "deviceName": .text(identity.deviceName),
        "deviceSecret": .text(String(decoding: secret, as: UTF8.self)),
      ])
    }
    return .array(replies)
  }

  /// `thing.topo.add`: all sub-devices or none.
  ///
  /// Unverified (`sub-device-unknown` of `Assumption`): 401 for a device that is not in the
  /// register.
  mutating func addTopology(
    _ parameters: PayloadValue,
    of gateway: Identity
  ) throws(ThingRefusal) {
    var topology = states[gateway.path]?.topology ?? []
    var added: [Identity] = []
    for element in try parameters.list("params") {
      let identity = try self.identity(element, notOf: gateway)
      guard let secret = subDevices[identity.path]?.secret, !deleted.contains(identity.path) else {
        throw ThingRefusal(assumptions.subDeviceUnknown, "\(identity.path) is not in the register")
      }
      try checkSign(
        of: element,
        element["signmethod"] ?? element["signMethod"],
        secret,
        without: ["sign", "signmethod", "signMethod"],
        failure: .authenticationError
      )
      added.append(identity)
    }
    for identity in added where !topology.contains(identity) { topology.append(identity) }
    guard topology.count <= topologyLimit else {
      throw ThingRefusal(
        assumptions.topologyFull,
        "the gateway has \(topologyLimit) already"
      )
    }
    states[gateway.path, default: DeviceState()].topology = topology
    for identity in added {
      subDevices[identity.path]?.isActive = true
      subDevices[identity.path]?.gateway = gateway
    }
  }

  /// `thing.topo.delete`: all sub-devices or none.
  mutating func deleteTopology(
    _ parameters: PayloadValue,
    of gateway: Identity
  ) throws(ThingRefusal) {
    var deleted: Set<Identity> = []
    for element in try parameters.list("params") {
      let identity = try element.identity()
      guard isSubDevice(identity, of: gateway) else {
        throw ThingRefusal(.deviceNotFound, "\(identity.path) is no sub-device of the gateway")
      }
      deleted.insert(identity)
    }
    states[gateway.path]?.topology.removeAll { deleted.contains($0) }
    changedSubDevices.formUnion(deleted.map(\.path))
  }

  /// `thing.topo.get`.
  func topology(
    _ parameters: PayloadValue,
    of gateway: Identity
  ) throws(ThingRefusal) -> PayloadValue {
    _ = try parameters.object("params")
    return .array((states[gateway.path]?.topology ?? []).map(\.value))
  }

  /// `thing.list.found`.
  mutating func reportFound(
    _ parameters: PayloadValue,
    of gateway: Identity
  ) throws(ThingRefusal) {
    var found: [Identity] = []
    for element in try parameters.list("params") {
      let identity = try element.identity()
      guard products[identity.productKey] != nil else {
        throw ThingRefusal(.productNotFound, "no product has that key")
      }
      guard deviceNames.allows(identity.deviceName) else {
        throw ThingRefusal(.wrongDeviceName, "a deviceName breaks the rule")
      }
      found.append(identity)
    }
    for identity in found {
      DeviceState.append(
        identity,
        to: &states[gateway.path, default: DeviceState()].found,
        limit: DeviceState.maxFound
      )
    }
  }

  /// 32 characters, like the console's secrets.
  static func makeSecret(_ random: inout any RandomSource) -> [UInt8] {
    let letters = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
    return (0..<32).map { _ in letters[Int(random.next() % 62)] }
  }

  private func identity(
    _ element: PayloadValue,
    notOf gateway: Identity
  ) throws(ThingRefusal) -> Identity {
    let identity = try element.identity()
    guard identity != gateway else {
      throw ThingRefusal(.ownSubDevice, "the gateway names itself")
    }
    return identity
  }

  /// Whether a gateway's topology has a sub-device.
  package func isInTopology(_ device: SimulatedDevice, of gateway: SimulatedDevice) -> Bool {
    isSubDevice(
      Identity(productKey: device.productKey, deviceName: device.deviceName),
      of: Identity(productKey: gateway.productKey, deviceName: gateway.deviceName)
    )
  }

  /// Why a sub-device cannot be online over a gateway; `nil` if it can (device guide 5).
  func refusal(of device: SimulatedDevice, to gateway: SimulatedDevice) -> ThingRefusal? {
    if deleted.contains(device.path) {
      return ThingRefusal(.deviceDeleted, "\(device.path) is deleted")
    }
    if disabled.contains(device.path) {
      return ThingRefusal(.deviceForbidden, "\(device.path) is disabled")
    }
    return isInTopology(device, of: gateway)
      ? nil : ThingRefusal(.noTopology, "\(device.path) is no sub-device of \(gateway.path)")
  }

  /// Refuses a login whose sign does not fit the secret (device guide 6.4).
  func checkLoginSign(
    of element: PayloadValue,
    _ method: PayloadValue?,
    _ secret: [UInt8]
  ) throws(ThingRefusal) {
    try checkSign(
      of: element,
      method,
      secret,
      without: ["sign", "signMethod", "cleanSession"],
      failure: .invalidSign
    )
  }

  /// Notes that a sub-device has used its secret, which is permanent from then on.
  mutating func markActive(_ path: String) { subDevices[path]?.isActive = true }

  /// The guide's rule: every field except `sign` and `signmethod`, sorted by name.
  ///
  /// Unverified (`plain-sha256` of `Assumption`): the method `Sha256` is read as HMAC-SHA256,
  /// because a plain digest proves nothing.
  private func checkSign(
    of element: PayloadValue,
    _ method: PayloadValue?,
    _ secret: [UInt8],
    without unsigned: [String],
    failure: ReplyCode
  ) throws(ThingRefusal) {
    let sign = try element.text("sign")
    let timestamp = try element.text("timestamp")
    guard timestamp.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else {
      throw .parameters("timestamp is no decimal number")
    }
    let hash: Hash
    switch method?.string?.lowercased() {
    case "hmacmd5": hash = .md5
    case "hmacsha1": hash = .sha1
    case "hmacsha256": hash = .sha256
    case "sha256" where assumptions.takesPlainSHA256: hash = .sha256
    default: throw .parameters("unknown signmethod")
    }
    var fields: [String: String] = [:]
    for member in try element.object("an element of params") {
      guard let text = member.value.string else { throw .parameters("\(member.name) is no text") }
      fields[member.name] = text
    }
    for name in unsigned { fields[name] = nil }
    guard SubmittedSign.isValid(sign, of: fields, hash, secret) else {
      throw ThingRefusal(failure, "a sign does not fit the sub-device's secret")
    }
  }
}
