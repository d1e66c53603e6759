public import Alink
internal import AliyunIoT
internal import CBORPayload
internal import CoAPMessage
public import ConstrainedCore
internal import DeviceSession
public import PayloadCoding

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
  /// Throws `DeviceClientError`: `request` for one that breaks a limit, of which nothing was sent, and
  /// `thingModel` for one that
  /// breaks the configuration's model, and `refused` for a reply whose code says no. Throws `CancellationError` when the task is cancelled.
  @discardableResult
  public func request<Kind: AlinkKind, Writer: PayloadWriter & ~Copyable & ~Escapable>(
    _ kind: Kind.Type,
    as writer: Writer.Type,
    _ build: (inout AlinkRequest<Kind, Writer>) throws(AlinkError) -> Void
  ) async throws -> AlinkAnswer {
    let (topic, payload): (Topic, [UInt8])
    do throws(DeviceClientError) {
      (topic, payload) = try written(build)
    } catch {
      throw error as any Error
    }
    let format = ContentFormat(rawValue: Writer.contentFormat)
    let receipt = try await ask(payload, .topic(topic, accept: format), format: format)
    return try Self.answer(receipt)
  }

  /// Sends bytes as they are, for the product's script to make a request of the thing model of them (device
  /// guide 6.5), and returns what the platform replied.
  @discardableResult
  public func publishRaw(_ payload: [UInt8]) async throws -> AlinkAnswer {
    let topic: Topic
    do throws(TopicError) {
      topic = try Topic(rawUpOf: identity)
    } catch {
      throw DeviceClientError.topic(error)
    }
    return try Self.answer(try await ask(payload, .topic(topic), format: .octetStream))
  }

  /// Delivers a request; a reply that refuses it is a reply as well.
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

  /// Answers a request of the platform, which came by another way than CoAP or by `pull`: `data` writes the
  /// members of the answer's object, keys and values in turn (device guide 6).
  public func reply<Writer: PayloadWriter & ~Copyable & ~Escapable>(
    to method: DownlinkMethod,
    id: UInt64,
    code: AlinkCode = .success,
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

  private static func answer(_ receipt: Receipt) throws -> AlinkAnswer {
    guard receipt.result.extent == .whole || !receipt.answer.isEmpty else {
      throw DeviceClientError.unreadableReply(.incomplete, receipt)
    }
    let answer: AlinkAnswer
    do throws(AlinkMessageError) {
      answer = try AlinkAnswer(receipt)
    } catch {
      throw DeviceClientError.unreadableReply(error, receipt)
    }
    if let code = answer.code, !code.isSuccess { throw DeviceClientError.refused(answer) }
    return answer
  }

  /// What a post of properties has around its payload, for a `PropertyBatch`.
  public var propertyPostOverhead: MessageOverhead {
    get throws {
      var buffer = [UInt8](repeating: 0, count: PropertyBatch<JSONWriter>.minLimit)
      var topic = [UInt8](repeating: 0, count: Topic.maxCount)
      do {
        let request = try AlinkRequest<PropertyPost, JSONWriter>(buffer.mutableSpan, id: 1)
        var writer = ByteWriter(topic.mutableSpan)
        try request.writeTopic(of: identity, into: &writer)
        return core.overhead(of: try Topic(writer.written))
      } catch {
        throw DeviceClientError.request(.topicTooLong)
      }
    }
  }

  /// Asks for up to `maxMessages` messages, 1 to 10, that wait for the device.
  ///
  /// Unverified: `/pull` and the shape of its answer are not in the device guide; the platform's C SDK v4
  /// asks so. `configuration.settings.allowsPull` must be set.
  public func pull(maxMessages: Int = 10) async throws -> Receipt {
    let receipt = try await deliver([], .pull(maxMessages), format: .json)
    guard receipt.result.extent == .whole || !receipt.answer.isEmpty else {
      throw DeviceClientError.unreadableReply(.incomplete, receipt)
    }
    return receipt
  }

  private func written<Kind: AlinkKind, Writer: PayloadWriter & ~Copyable & ~Escapable>(
    _ build: (inout AlinkRequest<Kind, Writer>) throws(AlinkError) -> Void
  ) throws(DeviceClientError) -> (Topic, [UInt8]) {
    var buffer = [UInt8](repeating: 0, count: PlatformRequest.maxPayload)
    var topic = [UInt8](repeating: 0, count: Topic.maxCount)
    let written: (Topic, [UInt8], event: FixedBytes<64>)
    do throws(AlinkError) {
      var request = try AlinkRequest<Kind, Writer>(buffer.mutableSpan, id: makeRequestID())
      try build(&request)
      let count = try request.finish()
      var writer = ByteWriter(topic.mutableSpan)
      do throws(CapacityError) {
        try request.writeTopic(of: identity, into: &writer)
      } catch {
        throw .topicTooLong
      }
      let checked: Topic
      do throws(TopicError) {
        checked = try Topic(writer.written)
      } catch {
        preconditionFailure("names and identifiers are checked to be parts of a topic")
      }
      written = (checked, Array(buffer[..<count]), request.eventIdentifier)
    } catch {
      throw .request(error)
    }
    let (checked, payload, event) = written
    if Writer.contentFormat == ContentFormat.cbor.rawValue {
      try check(Kind.self, CBORReader(payload.span), event)
    } else {
      try check(Kind.self, JSONReader(payload.span), event)
    }
    return (checked, payload)
  }

  /// Checks a request that was written against the configuration's thing model.
  private func check<Kind: AlinkKind, Reader: PayloadReader & ~Escapable>(
    _ kind: Kind.Type,
    _ start: Reader,
    _ event: FixedBytes<64>
  ) throws(DeviceClientError) {
    // An object that has a name twice means one of the two, nobody knows which.
    if (try? start.repeatedKey()) != nil { throw .request(.repeated) }
    guard let thingModel else { return }
    var reader = start
    do throws(ThingModelError) {
      let model = try ThingModelView(thingModel.span)
      if kind == PropertyPost.self {
        try model.check(propertyPost: &reader)
      } else if kind == EventPost.self {
        try model.check(event: event.bytes, post: &reader)
      }
    } catch {
      throw .thingModel(error, at: error.offset.map { Self.path(to: $0, in: start) } ?? "")
    }
  }

  /// The names that lead to a place in a request: `temperature.value`.
  private static func path<Reader: PayloadReader & ~Escapable>(
    to offset: Int,
    in start: Reader
  ) -> String {
    var reader = start
    var names: [String] = []
    var name = ""
    while let token = try? reader.nextToken(), reader.tokenOffset <= offset {
      switch token {
      case .beginObject, .beginArray: names.append(name)
      case .endObject, .endArray: names.removeLast()
      case .key(let text):
        var buffer = [UInt8](repeating: 0, count: reader.byteCount(of: text))
        var writer = ByteWriter(buffer.mutableSpan)
        try? reader.copy(text, into: &writer)
        name = String(decoding: buffer, as: UTF8.self)
      default: break
      }
    }
    // The request itself has no name, and `params` goes without saying.
    return (names + [name]).dropFirst(2).joined(separator: ".")
  }
}
