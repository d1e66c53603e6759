public import Alink
internal import AliyunIoT
internal import CoAPMessage
internal import ConstrainedCore
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
  /// `refused` for a reply whose code says no. Throws `CancellationError` when the task is cancelled.
  @discardableResult
  public func request<Kind: AlinkKind, Writer: PayloadWriter & ~Copyable & ~Escapable>(
    _ kind: Kind.Type,
    as writer: Writer.Type,
    _ build: (inout AlinkRequest<Kind, Writer>) throws(AlinkError) -> Void
  ) async throws -> AlinkAnswer {
    let (topic, payload): (Topic, [UInt8])
    do throws(AlinkError) {
      (topic, payload) = try written(build)
    } catch {
      throw DeviceClientError.request(error)
    }
    let format = ContentFormat(rawValue: Writer.contentFormat)
    let receipt = try await deliver(payload, .topic(topic, accept: format), format: format)
    let answer: AlinkAnswer
    do throws(AlinkMessageError) {
      answer = try AlinkAnswer(receipt)
    } catch {
      throw DeviceClientError.unreadableReply(error, receipt)
    }
    if let code = answer.code, !code.isSuccess { throw DeviceClientError.refused(answer) }
    return answer
  }

  /// Asks for up to `maxMessages` messages, 1 to 10, that wait for the device.
  ///
  /// Unverified: `/pull` and the shape of its answer are not in the device guide; the platform's C SDK v4
  /// asks so. `configuration.settings.allowsPull` must be set.
  public func pull(maxMessages: Int = 10) async throws -> Receipt {
    try await deliver([], .pull(maxMessages), format: .json)
  }

  private func written<Kind: AlinkKind, Writer: PayloadWriter & ~Copyable & ~Escapable>(
    _ build: (inout AlinkRequest<Kind, Writer>) throws(AlinkError) -> Void
  ) throws(AlinkError) -> (Topic, [UInt8]) {
    var buffer = [UInt8](repeating: 0, count: PlatformRequest.maxPayload)
    var topic = [UInt8](repeating: 0, count: Topic.maxCount)
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
    return (checked, Array(buffer[..<count]))
  }
}
