// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import PayloadValues
internal import PlatformCore

/// Why a CONNECT is refused.
private struct ConnectRefusal: Error {
  let code: UInt8
  let note: String
}

/// CONNECT (device guide 3.1 and 3.2).
extension BrokerFront {
  func connect(
    _ request: ConnectRequest,
    _ side: BrokerSide,
    at now: Instant,
    _ output: inout Output
  ) {
    var record = BrokerRecord(.connect, at: now)
    record.transport = BrokerTransport(side, isWebSocket: request.isWebSocket)
    record.peer = request.address
    record.notes.leniencies = LeniencyUse(configuration)
    var answer = BrokerOrder.answer(.accept)
    do throws(ConnectRefusal) {
      let connection = try admit(request, side, at: now, &record.notes)
      record.outcome = "CONNACK 0"
      if record.note.isEmpty {
        record.note =
          "clientId \(connection.clientID), keep-alive \(connection.keepAlive) s, "
          + "clean session \(connection.isClean ? 1 : 0)"
      }
      answer = .answer(.accept, id: connection.id)
      output.records.append(record)
      if connection.session == nil {
        deliverCredentials(connection, request, at: now, &output)
      } else {
        take(connection, at: now, &output)
      }
    } catch {
      record.outcome = "CONNACK \(error.code)"
      record.note = error.note
      answer = .answer(.refuse, code: error.code)
      output.records.append(record)
    }
    output.order(side, answer)
  }

  private func admit(
    _ request: ConnectRequest,
    _ side: BrokerSide,
    at now: Instant,
    _ notes: inout RequestNotes
  ) throws(ConnectRefusal) -> Connection {
    let codes = settings.assumptions
    guard request.version == 3 || request.version == 4 else {
      // MQTT 3.1.1, 3.2.2.3: unacceptable protocol version.
      throw ConnectRefusal(code: 1, note: "MQTT \(request.version), not 3.1 or 3.1.1")
    }
    let iotID = Self.iotID(of: request)
    let identifier: ClientIdentifier
    do throws(Refusal) {
      identifier =
        iotID == nil
        ? try ClientIdentifier(request.clientID, &notes.leniencies)
        : try ClientIdentifier(beside: request.clientID)
    } catch {
      throw ConnectRefusal(code: codes.badIdentifier, note: error.note)
    }
    let isRegistration = identifier.kind == .register || identifier.kind == .registerUnlisted
    if let failure = core.nextFailure(
      isRegistration ? .registration : .authentication,
      token: nil,
      // Without names it is refused below.
      device: (try? names(request)).map { "\($0.productKey)/\($0.deviceName)" },
      at: now,
      &notes
    ) {
      // MQTT 3.1.1, 3.2.2.3: server unavailable.
      throw ConnectRefusal(code: 3, note: "\(failure.status): \(notes.note)")
    }
    guard !request.hasWill else { throw ConnectRefusal(code: codes.will, note: "a will") }
    guard (30...1_200).contains(request.keepAlive) else {
      throw ConnectRefusal(
        code: codes.keepAlive,
        note: "the keep-alive is \(request.keepAlive) s, not 30 to 1,200"
      )
    }
    try checkSecurityMode(identifier, side)
    let (device, session) =
      if let iotID {
        try identify(iotID, request, at: now, &notes)
      } else {
        try identify(try names(request), identifier, request, at: now, &notes)
      }
    let key = Connection.Key(side: side, number: request.connection)
    guard session != nil else {
      let id = makeRegistrationID()
      let made = Connection(key, id: id, session: nil, device: device, request, identifier)
      connections[key] = made
      return made
    }
    return Connection(
      key,
      id: id(of: device, side, request),
      session: session,
      device: device,
      request,
      identifier
    )
  }

  private func checkSecurityMode(
    _ identifier: ClientIdentifier,
    _ side: BrokerSide
  ) throws(ConnectRefusal) {
    let code = settings.assumptions.securityMode
    guard identifier.kind == nil || side == .secure else {
      throw ConnectRefusal(code: code, note: "registration is over TLS alone")
    }
    let wanted = identifier.kind == nil ? (side == .secure ? 2 : 3) : identifier.securityMode
    guard identifier.securityMode == wanted else {
      throw ConnectRefusal(
        code: code,
        note: "securemode is \(identifier.securityMode), on this port it is \(wanted)"
      )
    }
  }

  /// The user name of a device that has authenticated over HTTPS (device guide 3.2); `nil` for any other one's.
  ///
  /// A short name beside a client id of a direct connection is a user name that lacks its product key.
  private static func iotID(of request: ConnectRequest) -> String? {
    guard let name = request.userName, !name.isEmpty, !name.contains("&") else { return nil }
    return name.utf8.count == 30 || !request.clientID.contains("|") ? name : nil
  }

  /// The device whose `iotId` and `iotToken` these are.
  private func identify(
    _ iotID: String,
    _ request: ConnectRequest,
    at now: Instant,
    _ notes: inout RequestNotes
  ) throws(ConnectRefusal) -> (SimulatedDevice, PlatformSession?) {
    do throws(Refusal) {
      let session = try core.connect(
        name: iotID,
        token: request.password ?? "",
        at: now,
        &notes
      )
      return (session.device, session)
    } catch {
      // Device guide 3.2: 3 where iotId or iotToken is invalid.
      let code = error.reason == .unknownToken ? 3 : code(for: error.reason)
      throw ConnectRefusal(code: code, note: error.note)
    }
  }

  /// Device name and product key of the user name.
  private func names(
    _ request: ConnectRequest
  ) throws(ConnectRefusal) -> (deviceName: String, productKey: String) {
    let parts = (request.userName ?? "").split(separator: "&", omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
      throw ConnectRefusal(
        code: settings.assumptions.badIdentifier,
        note: "the user name is not DEVICENAME&PRODUCTKEY"
      )
    }
    return (String(parts[0]), String(parts[1]))
  }

  /// The device, and its session unless it has come to register.
  private func identify(
    _ names: (deviceName: String, productKey: String),
    _ identifier: ClientIdentifier,
    _ request: ConnectRequest,
    at now: Instant,
    _ notes: inout RequestNotes
  ) throws(ConnectRefusal) -> (SimulatedDevice, PlatformSession?) {
    do throws(Refusal) {
      switch identifier.kind {
      case nil:
        let session = try core.connect(
          SubmittedIdentity(
            productKey: names.productKey,
            deviceName: names.deviceName,
            clientID: identifier.clientID,
            timestamp: identifier.timestamp,
            signMethod: identifier.signMethod,
            sign: request.password ?? ""
          ),
          at: now,
          &notes
        )
        return (session.device, session)
      case .unlisted:
        let session = try core.connect(
          names.productKey,
          names.deviceName,
          deviceToken: request.password ?? "",
          at: now,
          &notes
        )
        return (session.device, session)
      case .register, .registerUnlisted:
        return (try register(names, identifier, request, &notes), nil)
      }
    } catch {
      throw ConnectRefusal(code: code(for: error.reason), note: error.note)
    }
  }

  private func register(
    _ names: (deviceName: String, productKey: String),
    _ identifier: ClientIdentifier,
    _ request: ConnectRequest,
    _ notes: inout RequestNotes
  ) throws(Refusal) -> SimulatedDevice {
    let form: PayloadValue = [
      "productKey": .text(names.productKey), "deviceName": .text(names.deviceName),
      "random": .text(identifier.random ?? ""), "sign": .text(request.password ?? ""),
      "signmethod": .text(identifier.signMethod ?? "hmacmd5"),
    ]
    guard identifier.kind == .registerUnlisted else { return try core.register(form, &notes) }
    // Unverified (`mqtt-regnwl` of `BrokerAssumption`): that there is such a registration.
    guard settings.assumptions.servesUnlisted else {
      throw Refusal(.registrationRefused, "authType regnwl is not served")
    }
    return try core.registerUnlisted(form, &notes)
  }

  private func code(for reason: Refusal.Reason) -> UInt8 {
    let codes = settings.assumptions
    return switch reason {
    case .badSign, .registrationBadSign: codes.badSign
    case .unknownDevice: codes.unknownDevice
    case .disabledDevice: codes.disabledDevice
    case .registrationRefused: codes.registrationRefused
    default: codes.badIdentifier
    }
  }

  /// The id of a device's new connection: that of its session, or of a new session where an older connection has to
  /// be told before it is closed, for mosquitto closes one of the same id at once.
  private func id(
    of device: SimulatedDevice,
    _ side: BrokerSide,
    _ request: ConnectRequest
  ) -> String {
    var line = line(of: device)
    var kept = line.sessions[side] ?? DeviceLine.Kept()
    if let older = line.connection, older.key.side == side, wantsNotice(older) {
      kept = DeviceLine.Kept(generation: kept.generation + 1)
    }
    if request.isClean || !kept.isKept { kept.subscriptions = Subscriptions() }
    kept.isKept = !request.isClean
    line.sessions[side] = kept
    lines[device.path] = line
    return line.id(side)
  }

  private func wantsNotice(_ connection: Connection) -> Bool {
    connection.wantsNotice && settings.assumptions.givesNotice
  }

  /// Makes a connection the device's own, in an older one's place.
  private func take(_ connection: Connection, at now: Instant, _ output: inout Output) {
    let path = connection.device.path
    if let older = lines[path]?.connection {
      older.isReplaced = true
      // Device guide 6.4: their channel is the connection.
      if let session = older.session { core.endSubDevices(over: session) }
      if wantsNotice(older) { tellKick(older, at: now, &output) }
      let note = "thrown out by another connection of the same device"
      if older.id == connection.id, older.key.side == connection.key.side {
        older.isClosing = true
        var record = record(.close, older, at: now)
        record.note = note
        output.records.append(record)
      } else {
        close(older, note, at: now, &output)
      }
    }
    connections[connection.key] = connection
    lines[path]?.connection = connection
    offerFirmware(to: connection, at: now, &output)
  }

  /// Tells a device that it is being thrown out, whatever it has subscribed to.
  ///
  /// Unverified (`mqtt-kick-notice` of `BrokerAssumption`): all of it; public device code reads it.
  func tellKick(_ connection: Connection, at now: Instant, _ output: inout Output) {
    let payload: PayloadValue = ["title": "kick", "content": "Kicked by the same device"]
    send(connection, "/ext/notify", payload.encoded(.json), 0, at: now, &output)
  }

  /// Gives a device its secret, or its token, and nothing else.
  private func deliverCredentials(
    _ connection: Connection,
    _ request: ConnectRequest,
    at now: Instant,
    _ output: inout Output
  ) {
    let device = connection.device
    let secret = PayloadValue.text(String(decoding: device.secret, as: UTF8.self))
    var payload: PayloadValue = [
      "productKey": .text(device.productKey), "deviceName": .text(device.deviceName),
      "deviceSecret": secret,
    ]
    if request.clientID.contains("authType=regnwl") {
      // Unverified: the names of the members, which no document has.
      payload = [
        "clientId": .text(connection.clientID), "productKey": .text(device.productKey),
        "deviceName": .text(device.deviceName), "deviceToken": secret,
      ]
    }
    let masked =
      "{\"productKey\":\"\(device.productKey)\",\"deviceName\":\"\(device.deviceName)\",…}"
    output.order(
      connection.key.side,
      .deliver(id: connection.id, qos: 1, topic: "/ext/register", payload: payload.encoded(.json))
    )
    var record = record(.deliver, connection, at: now)
    record.topic = "/ext/register"
    record.payload = Array(masked.utf8)
    output.records.append(record)
  }
}
