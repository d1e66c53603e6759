// SPDX-License-Identifier: Apache-2.0
package import ConstrainedCore
package import PayloadValues

/// By what a device proves who it is where a connection, and no token, stands for it (device guide 3.2).
package struct SubmittedIdentity {
  package var productKey: String
  package var deviceName: String
  package var clientID: String
  /// Milliseconds since 1970 as they were submitted; signed only where there are any.
  package var timestamp: String?
  /// The sign method's name; hmacmd5 where there is none.
  package var signMethod: String?
  package var sign: String

  package init(
    productKey: String,
    deviceName: String,
    clientID: String,
    timestamp: String?,
    signMethod: String?,
    sign: String
  ) {
    self.productKey = productKey
    self.deviceName = deviceName
    self.clientID = clientID
    self.timestamp = timestamp
    self.signMethod = signMethod
    self.sign = sign
  }
}

/// Devices that are there as long as their connection is: a front of such a protocol asks `connect` once, then
/// `checkSubscription` and what every front asks for a report, with the session that it was given.
extension PlatformCore {
  /// Begins the session of a connection; no token leads to it.
  package func connect(
    _ submitted: SubmittedIdentity,
    at now: Instant,
    _ notes: inout RequestNotes
  ) throws(Refusal) -> PlatformSession {
    guard let hash = SubmittedSign.hash(named: submitted.signMethod ?? "hmacmd5") else {
      throw Refusal(.malformed, "unknown signmethod")
    }
    let device = try device(submitted.productKey, submitted.deviceName, &notes)
    var fields = [
      "clientId": submitted.clientID, "deviceName": submitted.deviceName,
      "productKey": submitted.productKey,
    ]
    fields["timestamp"] = submitted.timestamp
    guard SubmittedSign.isValid(submitted.sign, of: fields, hash, device.secret) else {
      throw Refusal(.badSign, "the sign does not fit the device secret")
    }
    return try begin(device, at: now)
  }

  /// The same of a device that was not registered beforehand, by the token that its registration brought.
  ///
  /// Unverified: that the password is this token as it is.
  package func connect(
    _ productKey: String,
    _ deviceName: String,
    deviceToken: String,
    at now: Instant,
    _ notes: inout RequestNotes
  ) throws(Refusal) -> PlatformSession {
    let device = try device(productKey, deviceName, &notes)
    guard unlisted.contains(device.path), deviceToken.utf8.elementsEqual(device.secret) else {
      throw Refusal(.badSign, "the password is not the device token")
    }
    return try begin(device, at: now)
  }

  /// The same of a device that has authenticated over HTTPS, by `iotId` and `iotToken` (device guide 3.2).
  package func connect(
    name: String,
    token: String,
    at now: Instant,
    _ notes: inout RequestNotes
  ) throws(Refusal) -> PlatformSession {
    let session = try session(Array(token.utf8), at: now, for: .connection, &notes)
    guard session.connectionName == name else {
      notes.device = nil
      throw Refusal(.unknownToken, "the iotToken belongs to another iotId")
    }
    return try begin(session.device, at: now)
  }

  /// Whether the console has disabled a device.
  package func isDisabled(_ device: SimulatedDevice) -> Bool {
    things.disabled.contains(device.path)
  }

  /// The device of these names; `nil` for one that is not known.
  package func device(productKey: String, deviceName: String) -> SimulatedDevice? {
    devices["\(productKey)/\(deviceName)"]
  }

  /// Counts a report that was taken on a connection: after so many the device is disabled.
  package func countReport(of session: PlatformSession) {
    things.countRequest(of: session.device.path)
  }

  /// Registers a device that the product does not list, and returns it with its token in the secret's place.
  ///
  /// Unverified: all of it but the names `regnwl`, DeviceToken and ClientID (protocol facts 1.6).
  package func registerUnlisted(
    _ request: PayloadValue,
    _ notes: inout RequestNotes
  ) throws(Refusal) -> SimulatedDevice {
    let productKey = request["productKey"]?.string ?? ""
    let deviceName = request["deviceName"]?.string ?? ""
    guard configuration.deviceNames.allows(deviceName) else {
      throw Refusal(.registrationRefused, "the deviceName breaks the rule")
    }
    let path = "\(productKey)/\(deviceName)"
    guard devices[path] == nil || unlisted.contains(path) else {
      throw Refusal(.registrationRefused, "the device is registered already")
    }
    guard unlisted.contains(path) || unlisted.count < 10_000 else {
      throw Refusal(.registrationRefused, "10,000 devices have registered so")
    }
    let wasListed = things.products[productKey]?.registrable.contains(deviceName) ?? true
    if !wasListed { things.products[productKey]?.registrable.append(deviceName) }
    defer {
      if !wasListed { things.products[productKey]?.registrable.removeAll { $0 == deviceName } }
    }
    let device = try register(request, &notes)
    unlisted.insert(path)
    things.devices.insert(path)
    return device
  }

  /// Refuses a topic filter that the device may not subscribe to.
  ///
  /// A filter without wildcards is a topic that the platform sends to. Unverified (`mqtt-wildcards`): that
  /// wildcards are taken behind the device's names, and in the message id of `/ext/rrpc`.
  package func checkSubscription(
    _ filter: ArraySlice<String>,
    of device: SimulatedDevice,
    takesWildcards: Bool
  ) throws(Refusal) {
    guard TopicVerdict.hasWildcard(filter) else { return try checkSubscribed(filter, of: device) }
    guard takesWildcards else {
      throw Refusal(.unknownTopic, "no wildcards are taken")
    }
    guard TopicVerdict.areFilterLevels(filter) else {
      throw Refusal(.unknownTopic, "a wildcard stands alone on its level, # on the last one")
    }
    if filter.starts(with: ["ext", "rrpc", "+"]), filter.count == 4, filter.last == "#" { return }
    guard TopicVerdict.names(device, in: filter) else {
      throw Refusal(.foreignTopic, "the filter does not name the device of this connection")
    }
    guard filter.first != "ext" || ["rrpc", "session"].contains(filter.dropFirst().first) else {
      throw Refusal(.unknownTopic, "the device guide has no such topic")
    }
  }

  /// `PRODUCTKEY/DEVICENAME` in a topic or filter; empty where there is none, or a wildcard.
  package func owner(in topic: ArraySlice<String>) -> String {
    TopicVerdict.owner(in: topic) ?? ""
  }

  private func checkSubscribed(
    _ topic: ArraySlice<String>,
    of device: SimulatedDevice
  ) throws(Refusal) {
    if topic.elementsEqual(["ext", "notify"]) || topic.elementsEqual(["ext", "register"]) {
      return
    }
    if configuration.takesAnyTopic, TopicVerdict.names(device, in: topic) { return }
    let product = things.products[device.productKey]
    let classes = configuration.topicClasses + (product?.topicClasses ?? [])
    let model = product?.thingModel
    if TopicVerdict.isSubscribable(topic, of: device, classes, model) { return }
    switch TopicVerdict(topic, of: device, classes, model, isConnected: true) {
    case .foreign:
      throw Refusal(.foreignTopic, "the topic does not name the device of this connection")
    case .publish:
      throw Refusal(.subscribeOnlyTopic, "devices may only publish to this topic")
    case .subscribeOnly, .unknown:
      throw Refusal(.unknownTopic, "there is no such topic")
    }
  }

  private func device(
    _ productKey: String,
    _ deviceName: String,
    _ notes: inout RequestNotes
  ) throws(Refusal) -> SimulatedDevice {
    guard let device = devices["\(productKey)/\(deviceName)"] else {
      throw Refusal(.unknownDevice, "unknown device")
    }
    guard configuration.deviceNames.allows(deviceName) else {
      throw Refusal(.unknownDevice, "the deviceName breaks the rule")
    }
    notes.device = device.path
    return device
  }

  private func begin(
    _ device: SimulatedDevice,
    at now: Instant
  ) throws(Refusal) -> PlatformSession {
    try checkEnabled(device.path)
    _ = endSubDevice(device.path, .connectedElsewhere)
    if registered[device.path] != nil { registered[device.path] = true }
    return makeSession(of: device, at: now)
  }
}
