// SPDX-License-Identifier: Apache-2.0
internal import PayloadValues
internal import PlatformCore

/// A message of the platform as it is sent, and where its answer comes.
struct PushMessage {
  var topic: String
  var payload: [UInt8]
  /// For people, and to know the answer by.
  var identifier = ""
  /// `nil` where nothing answers.
  var answerTopic: String?
  /// Whether the answer has an `id`.
  var hasIdentifier = false
  /// For the core, where the message may wait there.
  var value: PayloadValue?
}

/// Why a push is not sent.
struct PushRefusal: Error {
  let reason: String
}

extension BrokerFront {
  /// The message that a push asks for.
  func message(
    _ request: PushRequest,
    of device: SimulatedDevice
  ) throws(PushRefusal) -> PushMessage {
    let path = device.path
    switch request.kind {
    case .propertySet, .desired:
      let values = try parameters(of: request)
      if !request.isUnchecked,
        let objection = core.things.objection(toProperties: values, ofProduct: device.productKey)
      {
        throw PushRefusal(reason: objection)
      }
      return alink("thing.service.property.set", values, path)
    case .propertyGet:
      return alink("thing.service.property.get", try parameters(of: request), path)
    case .service: return try service(request, of: device)
    case .raw:
      let topic = "/sys/\(path)/thing/model/down_raw"
      return PushMessage(
        topic: topic,
        payload: try bytes(of: request),
        answerTopic: topic + "_reply"
      )
    case .config:
      guard
        let file = request.parameters ?? core.things.configuration(ofProduct: device.productKey)
      else {
        throw PushRefusal(reason: "the product has no remote configuration, and none is given")
      }
      return alink("thing.config.push", file, path)
    case .firmware: return try firmware(request, of: device)
    case .rrpc:
      let number = "\(core.makeMessageID())"
      if let topic = request.topic { try check(topic) }
      return call(number, request.topic, try bytes(of: request), path)
    case .topoNotify: return alink("thing.topo.add.notify", try parameters(of: request), path)
    case .subConfig:
      return alink(
        "thing.model.config.push",
        try parameters(of: request),
        path,
        member: "data",
        isAnswered: false
      )
    case .disable, .enable, .delete:
      return alink("thing.\(request.kind.rawValue)", request.parameters ?? [:], path)
    case .error:
      let identifier = "\(core.things.makePushIdentifier())"
      let members = (try parameters(of: request)).members ?? []
      let value = PayloadValue.object([.init("id", .text(identifier))] + members)
      var message = PushMessage(topic: "/ext/error/\(path)", payload: value.encoded(.json))
      message.identifier = identifier
      return message
    case .message:
      guard let topic = request.topic else { throw PushRefusal(reason: "the topic is missing") }
      try check(topic)
      return PushMessage(topic: topic, payload: try bytes(of: request))
    }
  }

  private func service(
    _ request: PushRequest,
    of device: SimulatedDevice
  ) throws(PushRefusal) -> PushMessage {
    guard let service = request.service else { throw PushRefusal(reason: "the service is missing") }
    let values = request.parameters ?? [:]
    if !request.isUnchecked,
      let objection = core.things.objection(
        toService: service,
        values,
        ofProduct: device.productKey
      )
    {
      throw PushRefusal(reason: objection)
    }
    let message = alink("thing.service.\(service)", values, device.path)
    try check(message.topic)
    guard request.isSynchronous else { return message }
    return call("\(core.makeMessageID())", nil, message.payload, device.path)
  }

  /// Unverified: the topics of synchronous calls, and that a message id is digits; public device code has them so.
  private func call(
    _ number: String,
    _ topic: String?,
    _ payload: [UInt8],
    _ path: String
  ) -> PushMessage {
    var message: PushMessage
    if let topic {
      message = PushMessage(topic: "/ext/rrpc/\(number)\(topic)", payload: payload)
      message.answerTopic = message.topic
    } else {
      message = PushMessage(topic: "/sys/\(path)/rrpc/request/\(number)", payload: payload)
      message.answerTopic = "/sys/\(path)/rrpc/response/\(number)"
    }
    message.identifier = number
    return message
  }

  private func firmware(
    _ request: PushRequest,
    of device: SimulatedDevice
  ) throws(PushRefusal) -> PushMessage {
    var value: PayloadValue
    if let data = request.parameters {
      value = [
        "code": "1000", "data": data, "id": .integer(core.things.makePushIdentifier()),
        "message": "success",
      ]
      if let version = data["version"]?.string { core.things.noteOffer(version, to: device) }
    } else {
      guard let firmware = core.things.firmware(ofProduct: device.productKey) else {
        throw PushRefusal(reason: "the product has no firmware, and none is given")
      }
      value = core.things.message(of: firmware)
      core.things.noteOffer(firmware.version, to: device)
    }
    var message = PushMessage(
      topic: "/ota/device/upgrade/\(device.path)",
      payload: value.encoded(.json)
    )
    message.identifier = value["id"]?.integer.map { "\($0)" } ?? ""
    message.value = value
    return message
  }

  /// The envelope of the guide (6).
  private func alink(
    _ method: String,
    _ parameters: PayloadValue,
    _ path: String,
    member: String = "params",
    isAnswered: Bool = true
  ) -> PushMessage {
    let identifier = "\(core.things.makePushIdentifier())"
    let value = PayloadValue.object([
      .init("id", .text(identifier)), .init("version", "1.0"), .init(member, parameters),
      .init("method", .text(method)),
    ])
    let topic = "/sys/\(path)/\(method.replacing(".", with: "/"))"
    var message = PushMessage(topic: topic, payload: value.encoded(.json))
    message.identifier = identifier
    message.answerTopic = isAnswered ? topic + "_reply" : nil
    message.hasIdentifier = true
    message.value = value
    return message
  }

  /// Refuses a topic that a server may not publish to (MQTT 3.1.1 Sections 1.5.3, 3.3.2.1 and 4.7), or a longer one than
  /// the platform has.
  private func check(_ topic: String) throws(PushRefusal) {
    guard topic.hasPrefix("/") else { throw PushRefusal(reason: "the topic does not begin with /") }
    do throws(Refusal) {
      try core.checkTopicLength(topic.utf8.count)
    } catch {
      throw PushRefusal(reason: error.note)
    }
    // Of bytes: behind either a combining mark makes another Character.
    guard !topic.utf8.contains(where: { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "#") }) else {
      throw PushRefusal(reason: "the topic has a wildcard, which only a subscription may have")
    }
    guard topic.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
      throw PushRefusal(reason: "the topic has a control character")
    }
  }

  private func parameters(of request: PushRequest) throws(PushRefusal) -> PayloadValue {
    guard let parameters = request.parameters else {
      throw PushRefusal(reason: "the parameters are missing")
    }
    return parameters
  }

  private func bytes(of request: PushRequest) throws(PushRefusal) -> [UInt8] {
    guard let payload = request.payload else { throw PushRefusal(reason: "the payload is missing") }
    guard payload.count <= settings.payloadLimit else {
      throw PushRefusal(reason: "the payload has over \(settings.payloadLimit) bytes")
    }
    return payload
  }
}
