// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import PayloadValues
internal import PlatformCore

/// Sub-devices over the connection of their gateway (device guide 5 and 6.4).
extension BrokerFront {
  /// Executes a request at `/ext/session/…` and sends its reply; `false` where the topic is none of these.
  func executeSession(
    _ request: PublishRequest,
    _ connection: Connection,
    _ record: inout BrokerRecord,
    at now: Instant,
    _ output: inout Output
  ) -> Bool {
    guard let session = connection.session, !request.isRetained, request.qos < 2,
      let topic = TopicFilter.segments(of: request.topic),
      let method = SessionMethod(topic: topic),
      core.owner(in: topic) == connection.device.path,
      method != .batchLogin || settings.assumptions.servesBatchLogin
    else { return false }
    guard request.qos == 0 else {
      // Device guide 6.4: QoS 0 alone. Unverified: that the others are taken without an answer.
      record.outcome = "refused, PUBACK"
      record.note = "the sessions of sub-devices have QoS 0 alone (device guide 6.4)"
      output.records.append(record)
      return true
    }
    let reply: PayloadValue
    let failure = core.nextFailure(
      .authentication,
      token: nil,
      device: connection.device.path,
      at: now,
      &record.notes
    )
    if failure != nil {
      reply = core.failedReply(to: method, request.payload, &record.notes)
    } else if request.payload.count > settings.payloadLimit {
      record.outcome = "refused, taken"
      record.note = "the payload has over \(settings.payloadLimit) bytes"
      output.records.append(record)
      return true
    } else {
      reply = core.execute(method, request.payload, of: session, at: now, &record.notes)
    }
    record.outcome = "taken"
    output.records.append(record)
    closeDirectConnections(of: session, at: now, &output)
    let answerTopic = request.topic + "_reply"
    if quality(of: answerTopic, connection) != nil {
      // As the request: both ways there is QoS 0 alone.
      send(connection, answerTopic, reply.encoded(.json), 0, at: now, &output)
    }
    return true
  }

  /// Closes the connections that sub-devices of a gateway have of their own: one identity is in one place (3.2).
  private func closeDirectConnections(
    of gateway: PlatformSession,
    at now: Instant,
    _ output: inout Output
  ) {
    for connection in connections.values
    where !connection.isClosing && !connection.isReplaced && connection.session != nil {
      let path = connection.device.path
      guard core.gateway(of: path) != nil, lines[path]?.connection === connection else { continue }
      if connection.wantsNotice, settings.assumptions.givesNotice {
        tellKick(connection, at: now, &output)
      }
      close(connection, "the device is online over a gateway", at: now, &output)
    }
  }

  /// Tells gateways what has become of their sub-devices.
  func tellNotices(at now: Instant, _ output: inout Output) {
    for notice in core.settleSubDevices() {
      tell(notice, core.makeNoticeIdentifier(), at: now, &output)
    }
  }

  /// Tells a gateway that a message of a sub-device was not sent, because that is not online (520).
  func tellAbsent(
    _ device: SimulatedDevice,
    _ request: PublishRequest,
    _ connection: Connection,
    at now: Instant,
    _ output: inout Output
  ) {
    guard let session = connection.session else { return }
    let identifier = PayloadValue(request.payload, .json)?["id"] ?? "0"
    tell(
      SubDeviceNotice(gateway: session, device: device, code: .noSession),
      identifier,
      at: now,
      &output
    )
  }

  private func tell(
    _ notice: SubDeviceNotice,
    _ identifier: PayloadValue,
    at now: Instant,
    _ output: inout Output
  ) {
    guard let connection = lines[notice.gateway.device.path]?.connection,
      connection.session === notice.gateway, !connection.isClosing
    else { return }
    let topic = "/ext/error/\(notice.gateway.device.path)"
    guard let quality = quality(of: topic, connection) else {
      var record = record(.deliver, connection, at: now)
      record.topic = topic
      record.note =
        "\(notice.device.path): \(notice.code.rawValue), and the gateway has not subscribed"
      output.records.append(record)
      return
    }
    let message = notice.message(identifier, named: settings.assumptions.namesInErrors)
    send(connection, topic, message.encoded(.json), quality, at: now, &output)
  }

  /// The connection over which a device hears the platform: its own, or that of its gateway.
  func connection(of path: String) -> Connection? {
    if let own = lines[path]?.connection, !own.isClosing { return own }
    guard let gateway = core.gateway(of: path),
      let connection = lines[gateway.device.path]?.connection,
      connection.session === gateway, !connection.isClosing
    else { return nil }
    return connection
  }
}
