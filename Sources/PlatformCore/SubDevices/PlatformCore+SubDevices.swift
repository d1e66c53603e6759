// SPDX-License-Identifier: Apache-2.0
package import ConstrainedCore
package import PayloadValues

/// Sub-devices that are online over their gateway's connection (device guide 5 and 6.4).
///
/// A front of such a protocol asks `execute(_:_:of:at:_:)` for what comes at `/ext/session/…`, `speaker` for whose
/// each other topic is, and `settleSubDevices` after each event; `endSubDevices` when a gateway's connection ends.
extension PlatformCore {
  /// How often a sub-device may log in within a minute (device guide 5, code 429).
  private static let loginsPerMinute = 5
  /// The most sub-devices of a batch.
  ///
  /// Unverified: public device code sends 50 at a time.
  private static let mostOfBatch = 50

  /// Whose a topic is that a connection publishes to or subscribes to.
  package enum Speaker {
    /// The connection's own device, or nobody that is known.
    case connection
    /// A sub-device that is online over this connection.
    case subDevice(PlatformSession)
    /// A sub-device that is not.
    case absent(SimulatedDevice)
  }

  /// Whose a topic is, or a filter without wildcards in its names.
  package func speaker(_ topic: ArraySlice<String>, over gateway: PlatformSession) -> Speaker {
    // What a gateway hears of its sub-devices comes on topics of its own.
    guard topic.first != "ext" || topic.dropFirst().first == "rrpc",
      let path = TopicVerdict.owner(in: topic), path != gateway.device.path,
      let device = subDevice(path)
    else { return .connection }
    guard let session = subDeviceSessions[path], session.gateway === gateway else {
      return .absent(device)
    }
    return .subDevice(session.session)
  }

  /// The sub-device of these names; `nil` for one that is not in the register.
  package func subDevice(productKey: String, deviceName: String) -> SimulatedDevice? {
    subDevice("\(productKey)/\(deviceName)")
  }

  /// The session of the gateway over which a sub-device is online; `nil` for one that is not.
  package func gateway(of path: String) -> PlatformSession? { subDeviceSessions[path]?.gateway }

  /// The sub-devices that are online, each with its gateway.
  package var onlineSubDevices: [(device: SimulatedDevice, gateway: SimulatedDevice)] {
    subDeviceSessions.values.map { ($0.session.device, $0.gateway.device) }
  }

  /// Executes a request at `/ext/session/…`, and returns its reply.
  package func execute(
    _ method: SessionMethod,
    _ payload: [UInt8],
    of gateway: PlatformSession,
    at now: Instant,
    _ notes: inout RequestNotes
  ) -> PayloadValue {
    let value = PayloadValue(payload, .json)
    notes.method = "combine.\(method.rawValue)"
    var data = PayloadValue.text("")
    var code = ReplyCode.success
    do throws(ThingRefusal) {
      let parameters = try Self.parameters(of: value, assumptions)
      switch method {
      case .login: try logIn(parameters, parameters["signMethod"], of: gateway, at: now)
      case .logout: try logOut(parameters, of: gateway)
      case .batchLogin: data = try logInAll(parameters, of: gateway, at: now, &notes)
      }
    } catch {
      code = error.code
      notes.note = error.note
    }
    notes.replyCode = code
    return Self.reply(to: value, code, data)
  }

  /// The reply of a platform that has failed, 500 (device guide 5).
  package func failedReply(
    to method: SessionMethod,
    _ payload: [UInt8],
    _ notes: inout RequestNotes
  ) -> PayloadValue {
    notes.method = "combine.\(method.rawValue)"
    notes.replyCode = ReplyCode(rawValue: 500)
    return Self.reply(to: PayloadValue(payload, .json), ReplyCode(rawValue: 500), "")
  }

  /// A number for a message of the platform's own, as a text.
  package func makeNoticeIdentifier() -> PayloadValue { .text("\(things.makePushIdentifier())") }

  /// Ends the sessions of all sub-devices over a connection that has ended.
  package func endSubDevices(over gateway: PlatformSession) {
    subDeviceSessions = subDeviceSessions.filter { $0.value.gateway !== gateway }
  }

  /// Ends a sub-device's session; with `code` its gateway is told.
  ///
  /// Returns `false` if the sub-device is not online.
  package func endSubDevice(_ path: String, _ code: ReplyCode?) -> Bool {
    guard let session = subDeviceSessions.removeValue(forKey: path) else { return false }
    if let code {
      subDeviceNotices.append(
        SubDeviceNotice(gateway: session.gateway, device: session.session.device, code: code)
      )
    }
    return true
  }

  /// Ends the sessions of sub-devices that have been deleted, disabled or taken out of the topology since the last
  /// call, and returns what their gateways are to be told.
  package func settleSubDevices() -> [SubDeviceNotice] {
    if !things.changedSubDevices.isEmpty {
      for path in things.changedSubDevices {
        guard let session = subDeviceSessions[path] else { continue }
        if let refusal = things.refusal(of: session.session.device, to: session.gateway.device) {
          _ = endSubDevice(path, refusal.code)
        }
      }
      things.changedSubDevices = []
    }
    defer { subDeviceNotices = [] }
    return subDeviceNotices
  }

  // MARK: Requests

  private func subDevice(_ path: String) -> SimulatedDevice? {
    guard let known = things.subDevices[path] else { return nil }
    let names = path.split(separator: "/", maxSplits: 1).map(String.init)
    guard names.count == 2 else { return nil }
    return SimulatedDevice(
      productKey: names[0],
      deviceName: names[1],
      secret: known.secret ?? []
    )
  }

  private static func parameters(
    of value: PayloadValue?,
    _ assumptions: PlatformAssumptions
  ) throws(ThingRefusal) -> PayloadValue {
    guard let value, value.members != nil else {
      throw .parameters("the payload is no object of JSON")
    }
    // A text of digits; the guide's logout has a number (6.4).
    switch value["id"] {
    case .integer(let number)? where number >= 0: break
    case .text(let text)?
    where !text.isEmpty && text.utf8.allSatisfy({ (0x30...0x39).contains($0) }): break
    case .text(let text)? where !text.isEmpty:
      guard let code = assumptions.lettersInIdentifier else { break }
      throw ThingRefusal(code, "id is no text of decimal digits")
    default: throw .parameters("id is no text of decimal digits")
    }
    guard let parameters = value["params"] else { throw .parameters("params is missing") }
    return parameters
  }

  private static func reply(
    to value: PayloadValue?,
    _ code: ReplyCode,
    _ data: PayloadValue
  ) -> PayloadValue {
    let message: String =
      switch code.rawValue {
      // Of this number the guide has another text for a firmware (6.11).
      case 500: "server error"
      default: code.message
      }
    return [
      "id": value?["id"] ?? "0", "code": .integer(Int64(code.rawValue)),
      "message": .text(message), "data": data,
    ]
  }

  private func logIn(
    _ parameters: PayloadValue,
    _ method: PayloadValue?,
    of gateway: PlatformSession,
    at now: Instant
  ) throws(ThingRefusal) {
    _ = try parameters.object("params")
    let identity = try parameters.identity()
    let clientID = try parameters.text("clientId")
    guard clientID.utf8.count <= 64 else { throw .parameters("clientId has over 64 bytes") }
    let isClean = try parameters.text("cleanSession")
    guard isClean == "true" || isClean == "false" else {
      throw .parameters("cleanSession is neither \"true\" nor \"false\"")
    }
    guard let device = subDevice(identity.path) else {
      throw ThingRefusal(.deviceNotFound, "\(identity.path) is not in the register")
    }
    if let refusal = things.refusal(of: device, to: gateway.device) { throw refusal }
    try countLogin(of: device.path, at: now)
    try things.checkLoginSign(of: parameters, method, device.secret)
    let own = subDeviceSessions[device.path].map { $0.gateway === gateway } ?? false
    if !own {
      let online = subDeviceSessions.values.count { $0.gateway === gateway }
      guard online < configuration.subDeviceLimit else {
        throw ThingRefusal(.tooManySubDevices, "\(online) sub-devices are online")
      }
      _ = endSubDevice(device.path, .connectedElsewhere)
    }
    things.markActive(device.path)
    subDeviceSessions[device.path] = SubDeviceSession(
      makeSession(of: device, at: now),
      over: gateway
    )
  }

  /// Refuses the sixth login within a minute.
  ///
  /// Unverified: that a refused login does not count, and that one with a wrong sign does.
  private func countLogin(of path: String, at now: Instant) throws(ThingRefusal) {
    var times = logins[path, default: []].filter { now - $0 < Milliseconds(60_000) }
    guard times.count < Self.loginsPerMinute else {
      throw ThingRefusal(.tooManyRequests, "the sixth login within a minute")
    }
    times.append(now)
    logins[path] = times
  }

  /// The sub-devices that are in afterwards.
  ///
  /// Unverified: that each is taken or refused by itself, that `data` lists those that are in, and that the code is
  /// that of the first refusal where none is.
  private func logInAll(
    _ parameters: PayloadValue,
    of gateway: PlatformSession,
    at now: Instant,
    _ notes: inout RequestNotes
  ) throws(ThingRefusal) -> PayloadValue {
    guard let list = parameters["deviceList"]?.elements, !list.isEmpty else {
      throw .parameters("deviceList is no list")
    }
    guard list.count <= Self.mostOfBatch else {
      throw .parameters("deviceList has over \(Self.mostOfBatch) devices")
    }
    var refusals: [ThingRefusal] = []
    var online: [PayloadValue] = []
    for element in list {
      do throws(ThingRefusal) {
        try logIn(element, parameters["signMethod"], of: gateway, at: now)
        online.append(try element.identity().value)
      } catch {
        refusals.append(error)
      }
    }
    if let first = refusals.first {
      guard !online.isEmpty else { throw first }
      notes.note = "\(refusals.count) of \(list.count) are refused; the first: \(first.note)"
    }
    return .array(online)
  }

  private func logOut(
    _ parameters: PayloadValue,
    of gateway: PlatformSession
  ) throws(ThingRefusal) {
    _ = try parameters.object("params")
    let identity = try parameters.identity()
    guard let session = subDeviceSessions[identity.path], session.gateway === gateway else {
      throw ThingRefusal(.noSession, "\(identity.path) is not online over this connection")
    }
    subDeviceSessions[identity.path] = nil
  }
}
