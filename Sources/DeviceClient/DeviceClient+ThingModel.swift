// SPDX-License-Identifier: Apache-2.0
public import Alink
internal import CBORPayload
internal import CoAPLink
internal import CoAPMessage
public import ConstrainedCore
public import PayloadCoding
internal import Platform
internal import PlatformCoAP

extension DeviceClient {
  /// Sends a request of the thing model and returns what the platform replied.
  ///
  /// ```
  /// try await client.request(PropertyPost.self, as: CBORWriter.self) { post throws(AlinkError) in
  ///   try post.add("temperature") { (cbor: inout CBORWriter) throws(CapacityError) in
  ///     try cbor.double(21.5)
  ///   }
  /// }
  /// ```
  ///
  /// Throws `DeviceClientError`: `request` for one that breaks a limit, and `thingModel` for one that breaks the
  /// configuration's models, of which nothing was sent; `refused` for a reply whose code says no,
  /// `unreadableReply` for one that cannot be read or has no code, `foreignReply` for one to a request of another
  /// id, and `noReply` where the platform sends none: the firmware's requests alone may have none. Throws `CancellationError` when the task is cancelled.
  ///
  /// The reply to a `FirmwareRequest` has an id of the platform's own, as the guide prints it (6.11).
  @discardableResult
  public func request<Kind: AlinkKind, Writer: PayloadWriter & ~Copyable & ~Escapable>(
    _ kind: Kind.Type,
    as writer: Writer.Type,
    _ build: (inout AlinkRequest<Kind, Writer>) throws(AlinkError) -> Void
  ) async throws -> AlinkAnswer {
    let (topic, payload, id): (Topic, [UInt8], UInt32)
    do throws(DeviceClientError) {
      (topic, payload, id) = try written(build)
    } catch {
      throw error as any Error
    }
    let format = ContentFormat(rawValue: Writer.contentFormat)
    let receipt = try await ask(payload, .topic(topic, accept: format), format: format)
    // The guide prints no replies to `inform` and `progress`, and says of none to `request` that nothing is on offer.
    let isFirmware = Kind.form == .firmware
    return try Self.answer(receipt, to: isFirmware ? nil : id, needsReply: !isFirmware)
  }

  /// Sends raw bytes, which the product's script converts to a thing-model request (device guide
  /// 6.5), and returns the platform's reply.
  @discardableResult
  public func publishRaw(_ payload: [UInt8]) async throws -> AlinkAnswer {
    let topic: Topic
    do throws(TopicError) {
      topic = try Topic(rawUpOf: identity)
    } catch {
      throw DeviceClientError.topic(error)
    }
    // The request that has an id is the script's.
    let receipt = try await ask(payload, .topic(topic), format: .octetStream)
    return try Self.answer(receipt, to: nil, needsReply: true)
  }

  /// Delivers a request; a refusal in the reply is returned like any reply.
  private func ask(
    _ payload: [UInt8],
    _ target: Target,
    format: ContentFormat
  ) async throws -> Receipt {
    do {
      return try await deliver(payload, target, format: format)
    } catch DeviceClientError.undelivered(let receipt)
      where receipt.result.outcome == .rejected && receipt.result.replyCode != nil
    {
      return receipt
    }
  }

  /// Answers a request of the platform that arrived by another way than CoAP, or by `pull`; `data`
  /// writes the members of the answer's object, keys and values alternating (device guide 6).
  public func reply<Writer: PayloadWriter & ~Copyable & ~Escapable>(
    to method: DownlinkMethod,
    id: UInt64,
    code: DeviceReplyCode = .success,
    as writer: Writer.Type,
    _ data: (inout Writer) throws(CapacityError) -> Void = { _ in }
  ) async throws {
    var buffer = [UInt8](repeating: 0, count: PlatformRequest.maxPayload)
    var topic = [UInt8](repeating: 0, count: Topic.maxCount)
    let (payload, replyTopic): ([UInt8], [UInt8])
    do throws(CapacityError) {
      var output = Writer(buffer.mutableSpan)
      try AlinkReply.write(id: id, code: code, into: &output, data: data)
      let count = output.count
      payload = Array(buffer[..<count])
      var name = ByteWriter(topic.mutableSpan)
      try method.writeReplyTopic(of: identity, into: &name)
      let length = name.count
      replyTopic = Array(topic[..<length])
    } catch {
      throw DeviceClientError.request(.capacity)
    }
    let checked: Topic
    do throws(TopicError) {
      checked = try Topic(replyTopic.span)
    } catch {
      throw DeviceClientError.topic(error)
    }
    _ = try await deliver(payload, .topic(checked), format: .init(rawValue: Writer.contentFormat))
  }

  /// The reply to the request `id`; to whichever it is for `nil`.
  private static func answer(
    _ receipt: Receipt,
    to id: UInt32?,
    needsReply: Bool
  ) throws -> AlinkAnswer {
    guard receipt.result.extent == .whole || !receipt.answer.isEmpty else {
      throw DeviceClientError.unreadableReply(.incomplete, receipt)
    }
    guard !receipt.answer.isEmpty || !needsReply else { throw DeviceClientError.noReply(receipt) }
    let answer: AlinkAnswer
    do throws(AlinkMessageError) {
      answer = try AlinkAnswer(receipt)
    } catch {
      throw DeviceClientError.unreadableReply(error, receipt)
    }
    if let id, !answer.idBytes.isEmpty, answer.id != UInt64(id) {
      throw DeviceClientError.foreignReply(to: id, answer)
    }
    guard !answer.isSuccess else { return answer }
    guard answer.code != nil else {
      throw DeviceClientError.unreadableReply(.member(.code), receipt)
    }
    throw DeviceClientError.refused(answer)
  }

  /// The overhead of a property post around its payload, for a `PropertyBatch`.
  public var propertyPostOverhead: MessageOverhead {
    get throws {
      var buffer = [UInt8](repeating: 0, count: PropertyBatch<JSONWriter>.minLimit)
      do throws(AlinkError) {
        let request = try AlinkRequest<PropertyPost, JSONWriter>(buffer.mutableSpan, id: 1)
        return core.overhead(of: try request.topic(of: identity))
      } catch {
        throw DeviceClientError.request(error)
      }
    }
  }

  /// Requests up to `maxMessages` waiting messages, 1 to 10.
  ///
  /// Unverified: `/pull` and its answer are not in the device guide; the platform's C SDK v4 uses
  /// them. `configuration.settings.allowsPull` must be set.
  public func pull(maxMessages: Int = 10) async throws -> Receipt {
    let receipt = try await deliver([], .pull(maxMessages), format: .json)
    guard receipt.result.extent == .whole || !receipt.answer.isEmpty else {
      throw DeviceClientError.unreadableReply(.incomplete, receipt)
    }
    return receipt
  }

  private func written<Kind: AlinkKind, Writer: PayloadWriter & ~Copyable & ~Escapable>(
    _ build: (inout AlinkRequest<Kind, Writer>) throws(AlinkError) -> Void
  ) throws(DeviceClientError) -> (Topic, [UInt8], UInt32) {
    var buffer = [UInt8](repeating: 0, count: PlatformRequest.maxPayload)
    var topic = Topic()
    var event = FixedBytes<64>()
    let id = core.takeRequestID()
    let count: Int
    do throws(AlinkError) {
      count = try AlinkRequest<Kind, Writer>.write(
        id: id,
        of: identity,
        into: buffer.mutableSpan,
        topic: &topic
      ) { (request: inout AlinkRequest<Kind, Writer>) throws(AlinkError) in
        request.deviceNames = deviceNames
        try build(&request)
        event = request.eventIdentifier
      }
    } catch {
      throw .request(error)
    }
    let payload = Array(buffer[..<count])
    if Writer.contentFormat == ContentFormat.cbor.rawValue {
      try check(Kind.self, CBORReader(payload.span), event)
    } else {
      try check(Kind.self, JSONReader(payload.span), event)
    }
    return (topic, payload, id)
  }

  /// Checks an encoded request against the configuration's thing model.
  private func check<Kind: AlinkKind, Reader: PayloadReader & ~Escapable>(
    _ kind: Kind.Type,
    _ start: Reader,
    _ event: FixedBytes<64>
  ) throws(DeviceClientError) {
    // In an object with a duplicate name it is unknown which of the two is meant.
    if (try? start.repeatedKey()) != nil { throw .request(.repeated) }
    do throws(ThingModelError) {
      if let thingModel {
        var reader = start
        let model = try ThingModelView(thingModel.span, rules: thingModelRules)
        if kind == PropertyPost.self {
          try model.check(propertyPost: &reader)
        } else if kind == EventPost.self {
          try model.check(event: event.bytes, post: &reader)
        } else if kind == PackPost.self {
          try model.check(packPost: &reader)
        }
      }
      guard kind == PackPost.self else { return }
      for (productKey, text) in subDeviceModels {
        var reader = start
        let model = try ThingModelView(text.span, rules: thingModelRules)
        try model.check(packPost: &reader, ofSubDevicesOf: Array(productKey.utf8).span)
      }
    } catch {
      throw .thingModel(error, at: error.offset.map { Self.path(to: $0, in: start) } ?? "")
    }
  }

  /// The path of names to a place in a request: `temperature.value`, `subDevices[1].properties.t`.
  private static func path<Reader: PayloadReader & ~Escapable>(
    to offset: Int,
    in start: Reader
  ) -> String {
    var reader = start
    // The name of each open object and array, and for an array the number of items begun.
    var levels: [(name: String, count: Int?)] = []
    var name = ""
    while let token = try? reader.nextToken(), reader.tokenOffset <= offset {
      if let last = levels.indices.last, let count = levels[last].count, token != .endArray {
        name = "[\(count)]"
        levels[last].count = count + 1
      }
      switch token {
      case .beginObject: levels.append((name, nil))
      case .beginArray: levels.append((name, 0))
      case .endObject, .endArray: levels.removeLast()
      case .key(let text):
        var buffer = [UInt8](repeating: 0, count: reader.byteCount(of: text))
        var writer = ByteWriter(buffer.mutableSpan)
        try? reader.copy(text, into: &writer)
        name = String(decoding: buffer, as: UTF8.self)
      default: break
      }
    }
    // The request itself has no name, and `params` is implied.
    let names = (levels.map(\.name) + [name]).dropFirst(2)
    return names.reduce("") { path, name in
      path.isEmpty || name.hasPrefix("[") ? path + name : "\(path).\(name)"
    }
  }
}
