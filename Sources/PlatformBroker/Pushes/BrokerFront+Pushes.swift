// SPDX-License-Identifier: Apache-2.0
package import ConstrainedCore
internal import PayloadValues
internal import PlatformCore

/// What the platform sends to devices, and what they answer.
extension BrokerFront {
  /// Whether a push is over at once, or has a number under which its end comes later.
  package enum PushStart {
    case ended(PushResult)
    case waiting(Int)
  }

  /// Sends what the platform has to say to a device.
  package func push(
    _ request: PushRequest,
    at now: Instant
  ) -> (start: PushStart, output: Output) {
    var output = Output()
    core.applyConsole()
    let (productKey, deviceName) = (request.productKey, request.deviceName)
    guard
      let device = core.device(productKey: productKey, deviceName: deviceName)
        ?? core.subDevice(productKey: productKey, deviceName: deviceName)
    else {
      let name = "\(request.productKey)/\(request.deviceName)"
      return (.ended(PushResult(.refused, reason: "there is no device \(name)")), output)
    }
    do throws(PushRefusal) {
      let message = try message(request, of: device)
      if request.kind == .desired { try keepDesired(request, of: device) }
      let start = start(message, request, device, at: now, &output)
      change(request.kind, device)
      tellNotices(at: now, &output)
      return (start, output)
    } catch {
      return (.ended(PushResult(.refused, reason: error.reason)), output)
    }
  }

  /// What the console does to a sub-device beside telling it (device guide 6.8).
  ///
  /// A device with a connection of its own is told only: `SimulatedThings.setDisabled` disables it.
  private func change(_ kind: PushRequest.Kind, _ device: SimulatedDevice) {
    let (productKey, deviceName) = (device.productKey, device.deviceName)
    guard core.subDevice(productKey: productKey, deviceName: deviceName) != nil else { return }
    switch kind {
    case .disable, .enable:
      core.things.setDisabled(kind == .disable, productKey: productKey, deviceName: deviceName)
    case .delete: core.things.deleteSubDevice(productKey: productKey, deviceName: deviceName)
    default: break
    }
  }

  private func start(
    _ message: PushMessage,
    _ request: PushRequest,
    _ device: SimulatedDevice,
    at now: Instant,
    _ output: inout Output
  ) -> PushStart {
    var result = PushResult(.sent)
    result.topic = message.topic
    result.identifier = message.identifier
    result.payload = message.payload
    result.answerTopic = message.answerTopic ?? ""
    guard let connection = connection(of: device.path) ?? listener(to: message, request, device)
    else {
      keep(message, request, device, &result, &output)
      return .ended(result)
    }
    guard let quality = quality(of: message.topic, connection) else {
      result.outcome = .unsubscribed
      result.reason = "the device is connected and has not subscribed to \(message.topic)"
      return .ended(result)
    }
    if request.kind == .firmware, connection.device.path == device.path {
      connection.offeredFirmware = core.things.offeredFirmware(of: device)
    }
    if request.isUnchecked, let topic = message.answerTopic { connection.expectAnswer(on: topic) }
    send(connection, message.topic, message.payload, quality, at: now, &output)
    guard message.answerTopic != nil, request.wait > Milliseconds(0) else { return .ended(result) }
    lastPush += 1
    waiting[lastPush] = WaitingPush(
      path: device.path,
      start: now,
      deadline: now + request.wait,
      result: result,
      hasIdentifier: message.hasIdentifier
    )
    return .waiting(lastPush)
  }

  /// The connection of the gateway whose topology has a sub-device that is offline, where it has subscribed to the
  /// message that the sub-device is enabled.
  ///
  /// Unverified: that the platform sends it there; nobody else could hear it.
  private func listener(
    to message: PushMessage,
    _ request: PushRequest,
    _ device: SimulatedDevice
  ) -> Connection? {
    guard request.kind == .enable else { return nil }
    return connections.values.first { connection in
      guard let session = connection.session, !connection.isClosing, !connection.isReplaced else {
        return false
      }
      return core.things.isInTopology(device, of: session.device)
        && quality(of: message.topic, connection) != nil
    }
  }

  /// What becomes of a message to a device that is not connected.
  private func keep(
    _ message: PushMessage,
    _ request: PushRequest,
    _ device: SimulatedDevice,
    _ result: inout PushResult,
    _ output: inout Output
  ) {
    if request.kind == .desired {
      result.outcome = .kept
      result.reason = "the device is not connected: it finds the values when it asks for them"
      return
    }
    if request.waitsForPull, let value = message.value {
      guard message.payload.count <= Self.longestForPull else {
        result.outcome = .refused
        result.reason =
          "the device is not connected, and what waits for its /pull has at most \(Self.longestForPull) bytes: "
          + "this has \(message.payload.count)"
        return
      }
      let before = core.things.downlink(of: device).count
      let kept = core.things.enqueue(
        DownlinkMessage(topic: message.topic, payload: value),
        of: device
      )
      result.outcome = kept ? .kept : .offline
      result.reason = "the device is not connected: the message waits for its /pull"
      if kept, core.things.downlink(of: device).count == before {
        result.reason += "; \(before) wait at most, and the oldest was dropped"
      }
      return
    }
    if settings.assumptions.deliversOnce, let line = lines[device.path] {
      for side in BrokerSide.allCases where line.sessions[side]?.isKept == true {
        guard line.quality(of: message.topic, device.path, side) == 1, request.kind != .rrpc else {
          continue
        }
        output.order(
          side,
          .deliver(id: line.id(side), qos: 1, topic: message.topic, payload: message.payload)
        )
        result.outcome = .queued
        result.reason = "the device is not connected: the message waits for its session to go on"
        return
      }
    }
    if [.disable, .enable, .delete].contains(request.kind),
      core.subDevice(productKey: device.productKey, deviceName: device.deviceName) != nil
    {
      result.outcome = .kept
      result.reason =
        "the sub-device is \(request.kind.rawValue)d; it is not online over a gateway, so nobody was told"
      return
    }
    result.outcome = .offline
    result.reason =
      core.subDevice(productKey: device.productKey, deviceName: device.deviceName) == nil
      ? "the device is not connected over MQTT, and has no session that keeps it: have it connect first"
      : "the sub-device is not online over a gateway: have it log in first"
  }

  /// The platform takes and sends at most so many bytes in a message over CoAP.
  ///
  /// Unverified: that it refuses to keep a longer one.
  private static let longestForPull = 1_024

  private func keepDesired(
    _ request: PushRequest,
    of device: SimulatedDevice
  ) throws(PushRefusal) {
    for member in request.parameters?.members ?? [] {
      guard core.things.setDesired(member.name, member.value, of: device) else {
        throw PushRefusal(reason: "the device has 500 desired values already")
      }
    }
  }

  /// Whether a push waits for this message.
  func isAwaited(_ request: PublishRequest, _ path: String) -> Bool {
    waiting.values.contains { $0.path == path && $0.result.answerTopic == request.topic }
  }

  /// Ends the push that a device's message answers.
  func finishPush(
    _ request: PublishRequest,
    _ path: String,
    at now: Instant,
    _ output: inout Output
  ) {
    let candidates = waiting.filter {
      $0.value.path == path && $0.value.result.answerTopic == request.topic
    }
    guard !candidates.isEmpty else { return }
    let value = PayloadValue(request.payload, .json)
    let identifier = value?["id"]?.string ?? value?["id"]?.integer.map { "\($0)" }
    for (number, push) in candidates.sorted(by: { $0.key < $1.key })
    where !push.hasIdentifier || push.result.identifier == identifier {
      var result = push.result
      result.outcome = .answered
      result.answer = request.payload
      result.code = value?["code"]?.integer ?? value?["code"]?.string.flatMap { Int64($0) }
      result.milliseconds = (now - push.start).count
      waiting[number] = nil
      output.endings.append((number, result))
      return
    }
  }

  /// When `handleTimeout` is to be called next.
  package func pollTimeout() -> Instant? { waiting.values.map(\.deadline).min() }

  /// Takes in that time has passed.
  package func handleTimeout(at now: Instant) -> Output {
    var output = Output()
    for (number, push) in waiting.sorted(by: { $0.key < $1.key }) where push.deadline <= now {
      var result = push.result
      result.outcome = .silent
      result.milliseconds = (now - push.start).count
      result.reason = "the device has not answered in time"
      waiting[number] = nil
      output.endings.append((number, result))
    }
    return output
  }

  /// Pushes the product's firmware to a device that listens, once a connection and version.
  ///
  /// Device guide 4: a device that is not connected gets none, and when it is again the platform pushes it anew.
  /// Unverified (`mqtt-firmware` of `BrokerAssumption`): that a device gets it whose version is not known.
  func offerFirmware(to connection: Connection, at now: Instant, _ output: inout Output) {
    guard connection.session != nil, !connection.isClosing,
      let version = core.things.firmware(ofProduct: connection.device.productKey)?.version,
      connection.offeredFirmware != version
    else { return }
    let topic = "/ota/device/upgrade/\(connection.device.path)"
    let isSure = !settings.assumptions.offersToUnknownVersion
    guard let quality = quality(of: topic, connection),
      let firmware = core.things.firmware(for: connection.device, ifInformed: isSure)
    else { return }
    connection.offeredFirmware = firmware.version
    send(connection, topic, firmware.message.encoded(.json), quality, at: now, &output)
  }
}
