// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import PayloadValues
internal import PlatformCore

/// PUBLISH, SUBSCRIBE and UNSUBSCRIBE of devices.
extension BrokerFront {
  func publish(
    _ request: PublishRequest,
    _ side: BrokerSide,
    at now: Instant,
    _ output: inout Output
  ) {
    let key = Connection.Key(side: side, number: request.connection)
    guard let connection = connections[key], !connection.isReplaced, !connection.isClosing else {
      return output.order(side, .answer(.hangUp))
    }
    var record = record(.publish, connection, at: now)
    record.topic = request.topic
    record.qos = request.qos
    record.payload = request.payload
    let taken = request.qos == 0 ? "taken" : "PUBACK"
    var verdict = BrokerOrder.Verdict.accept
    do throws(Refusal) {
      guard let session = connection.session else {
        throw Refusal(.unknownTopic, "a connection that registers may publish nothing")
      }
      if executeSession(request, connection, &record, at: now, &output) {
        return output.order(side, .answer(.accept))
      }
      if let failure = core.nextFailure(
        .report,
        token: nil,
        device: connection.device.path,
        topic: request.topic,
        at: now,
        &record.notes
      ) {
        record.note = "\(failure.status): \(record.note)"
        verdict = .hangUp
      } else if let note = Self.complaint(about: request) {
        record.note = note
        verdict = .hangUp
      } else {
        let speaker: PlatformSession
        switch core.speaker(TopicFilter.segments(of: request.topic) ?? [], over: session) {
        case .connection: speaker = session
        case .subDevice(let own):
          speaker = own
          record.notes.device = own.device.path
        case .absent(let device) where isAwaited(request, device.path):
          // What the console has done has ended its session: its answer to that is taken all the same.
          record.outcome = taken
          record.notes.device = device.path
          output.records.append(record)
          finishPush(request, device.path, at: now, &output)
          return output.order(side, .answer(.accept))
        case .absent(let device):
          // Device guide 5, table 5-4.
          record.outcome = "refused, \(taken)"
          record.note = "\(device.path) is not online over this connection"
          output.records.append(record)
          tellAbsent(device, request, connection, at: now, &output)
          return output.order(side, .answer(.accept))
        }
        // An answer to what the console had sent unchecked: the product need not have the service.
        let answer =
          connection.uncheckedAnswers.contains(request.topic)
          ? .taken : try execute(request, speaker, &record.notes)
        record.outcome = taken
        output.records.append(record)
        reply(answer, to: request, of: speaker.device, connection, at: now, &output)
        finishPush(request, speaker.device.path, at: now, &output)
        offerFirmware(to: connection, at: now, &output)
        return output.order(side, .answer(.accept))
      }
    } catch {
      record.note = error.note
      // MQTT 3.1.1, 3.3.5: a server that does not permit a PUBLISH acknowledges it all the same, or closes the
      // connection. Unverified (`mqtt-refused-publish` of `BrokerAssumption`): which.
      verdict =
        settings.assumptions.closesAfterRefusal || connection.session == nil ? .hangUp : .accept
    }
    record.outcome = verdict == .hangUp ? "closed" : "refused, \(taken)"
    output.records.append(record)
    output.order(side, .answer(verdict))
  }

  /// What no client of this platform may send at all.
  private static func complaint(about request: PublishRequest) -> String? {
    if request.isRetained { return "a retained message" }
    return request.qos > 1 ? "QoS \(request.qos)" : nil
  }

  private func execute(
    _ request: PublishRequest,
    _ session: PlatformSession,
    _ notes: inout RequestNotes
  ) throws(Refusal) -> ReportAnswer {
    guard let topic = TopicFilter.segments(of: request.topic) else {
      throw Refusal(.unknownTopic, "the topic does not begin with a slash")
    }
    try core.checkTopicLength(request.topic.utf8.count - 1)
    try core.checkTopic(topic, of: session.device, isConnected: true, &notes)
    guard request.payload.count <= settings.payloadLimit else {
      throw Refusal(.longPayload, "the payload has over \(settings.payloadLimit) bytes")
    }
    let answer = try core.execute(
      core.method(of: topic),
      topic: topic,
      request.payload,
      .json,
      of: session,
      &notes
    )
    core.countReport(of: session)
    return answer
  }

  /// Sends the reply to a device's request, where it listens.
  ///
  /// Unverified: that the firmware which a device asks for comes on the topic on which it is pushed; the guide
  /// prints no other one (6.11).
  private func reply(
    _ answer: ReportAnswer,
    to request: PublishRequest,
    of device: SimulatedDevice,
    _ connection: Connection,
    at now: Instant,
    _ output: inout Output
  ) {
    let payload: [UInt8]
    switch answer {
    case .taken: return
    case .reply(let value): payload = value.encoded(.json)
    case .configured(let bytes): payload = bytes
    }
    var topic = request.topic + "_reply"
    let path = device.path
    if request.topic == "/ota/device/request/\(path)" { topic = "/ota/device/upgrade/\(path)" }
    guard let quality = quality(of: topic, connection) else { return }
    if topic.hasPrefix("/ota/"), path == connection.device.path {
      connection.offeredFirmware = core.things.offeredFirmware(of: device)
    }
    send(connection, topic, payload, quality, at: now, &output)
  }

  /// With which quality of service a connected device hears a topic; `nil` where it does not.
  func quality(of topic: String, _ connection: Connection) -> UInt8? {
    let most: UInt8 = settings.assumptions.deliversOnce ? 1 : 0
    let line = lines[connection.device.path]
    let segments = TopicFilter.segments(of: topic) ?? []
    if let own = line?.quality(of: topic, core.owner(in: segments), connection.key.side) {
      return min(own, most)
    }
    // Unverified: which topics `_ss=1` stands for.
    let isOfSystem = ["sys", "ota", "ext"].contains(segments.first)
    return connection.hasSystemTopics && isOfSystem ? most : nil
  }

  /// Sends a message to a connection.
  func send(
    _ connection: Connection,
    _ topic: String,
    _ payload: [UInt8],
    _ qos: UInt8,
    at now: Instant,
    _ output: inout Output
  ) {
    output.order(
      connection.key.side,
      .deliver(id: connection.id, qos: qos, topic: topic, payload: payload)
    )
    var record = record(.deliver, connection, at: now)
    record.topic = topic
    record.qos = qos
    record.payload = payload
    output.records.append(record)
  }

  func subscribe(
    _ key: Connection.Key,
    _ qos: UInt8,
    _ filter: String,
    at now: Instant,
    _ output: inout Output
  ) {
    guard let connection = connections[key], !connection.isReplaced, !connection.isClosing else {
      return output.order(key.side, .answer(.hangUp))
    }
    var record = record(.subscribe, connection, at: now)
    record.topic = filter
    record.qos = qos
    do throws(Refusal) {
      guard connection.session != nil else {
        throw Refusal(.unknownTopic, "a connection that registers may subscribe to nothing")
      }
      guard qos < 2 else { throw Refusal(.unknownTopic, "QoS 2") }
      try checkFilter(filter, connection)
      record.outcome = "granted \(qos)"
      output.records.append(record)
      lines[connection.device.path]?.sessions[key.side]?.subscriptions
        .add(filter, qos, of: owner(of: filter))
      offerFirmware(to: connection, at: now, &output)
      output.order(key.side, .answer(.accept))
    } catch {
      record.outcome = "refused 0x80"
      record.note = error.note
      output.records.append(record)
      output.order(key.side, .answer(.refuse))
    }
  }

  private func checkFilter(_ filter: String, _ connection: Connection) throws(Refusal) {
    guard let segments = TopicFilter.segments(of: filter) else {
      throw Refusal(.unknownTopic, "the topic does not begin with a slash")
    }
    try core.checkTopicLength(filter.utf8.count - 1)
    var device = connection.device
    if let session = connection.session {
      switch core.speaker(segments, over: session) {
      case .connection: break
      case .subDevice(let own): device = own.device
      case .absent(let absent):
        // Unverified: that a gateway subscribes for a sub-device only while that is online.
        throw Refusal(.foreignTopic, "\(absent.path) is not online over this connection")
      }
    }
    try core.checkSubscription(
      segments,
      of: device,
      takesWildcards: settings.assumptions.takesWildcards
    )
    let kept = lines[connection.device.path]?.sessions[connection.key.side]
    let owner = owner(of: filter)
    // Unverified: 200 for each device.
    guard let subscriptions = kept?.subscriptions,
      !subscriptions.contains(filter, of: owner), subscriptions.count(of: owner) >= 200
    else { return }
    throw Refusal(.unknownTopic, "the device has 200 subscriptions")
  }

  /// The device that a filter names; empty for none.
  private func owner(of filter: String) -> String {
    core.owner(in: TopicFilter.segments(of: filter) ?? [])
  }

  func unsubscribe(
    _ key: Connection.Key,
    _ filter: String,
    at now: Instant,
    _ output: inout Output
  ) {
    guard let connection = connections[key] else { return }
    var record = record(.unsubscribe, connection, at: now)
    record.topic = filter
    output.records.append(record)
    guard !connection.isReplaced else { return }
    lines[connection.device.path]?.sessions[key.side]?.subscriptions
      .remove(filter, of: owner(of: filter))
  }
}
