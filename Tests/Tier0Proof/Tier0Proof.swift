// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import CoAPExchange
internal import CoAPMessage
internal import ConstrainedCore
internal import PayloadCoding
internal import Platform
internal import PlatformCoAP
internal import PlatformHTTPS
internal import PlatformMQTT
internal import SecurityLayer

// Generic code is compiled when it is used with concrete types. This target uses all that tier 0 has,
// so that `make embedded`, which compiles it with -no-allocations, proves that none of it touches
// the heap. It is never run.

/// A layer that passes everything through, in place of one that needs OpenSSL.
struct PlainSecurity: ~Copyable, SecurityLayer {
  var usesSequence: Bool { true }

  mutating func establish(secret: Span<UInt8>, random: Span<UInt8>) throws(SecurityError) {}

  mutating func seal(payload: Span<UInt8>, into output: inout ByteWriter) throws(SecurityError) {
    try wrap(payload, into: &output, at: Instant(milliseconds: 0))
  }

  mutating func open(payload: Span<UInt8>, into output: inout ByteWriter) throws(SecurityError) {
    try unwrap(payload, into: &output, at: Instant(milliseconds: 0))
  }

  mutating func sealSequence(
    _ sequence: UInt64,
    into output: inout ByteWriter
  ) throws(SecurityError) {
    do throws(CapacityError) {
      try output.append(decimal: sequence)
    } catch {
      throw .capacity
    }
  }
}

/// A whole exchange: two names and an answer in, a request out.
///
/// Returns a count of bytes or a negative number.
@c(tier0_proof)
public func tier0Proof(
  _ productKey: UnsafePointer<UInt8>,
  _ productKeyCount: Int,
  _ deviceName: UnsafePointer<UInt8>,
  _ deviceNameCount: Int,
  _ datagram: UnsafePointer<UInt8>,
  _ datagramCount: Int,
  _ output: UnsafeMutablePointer<UInt8>,
  _ outputCount: Int,
  _ milliseconds: Int64,
  _ random: UInt32
) -> Int {
  // SAFETY: the caller passes buffers with their counts.
  let productKey = unsafe Span(_unsafeStart: productKey, count: productKeyCount)
  let deviceName = unsafe Span(_unsafeStart: deviceName, count: deviceNameCount)
  let datagram = unsafe Span(_unsafeStart: datagram, count: datagramCount)
  var written = unsafe ByteWriter(MutableSpan(_unsafeStart: output, count: outputCount))
  let now = Instant(milliseconds: milliseconds)
  var endpoint = ClientEndpoint<2, 1_472, 8>(
    parameters: .nbIoT,
    isAdaptive: true,
    key: (1, 1)
  )
  do throws(ProofFailure) {
    let identity = try identity(productKey, deviceName)
    let message = try report(identity, datagram, UInt16(truncatingIfNeeded: random), random)
    let exchange = try start(&endpoint, message.bytes, random)
    try transmit(&endpoint, into: &written, at: now)
    take(&endpoint, datagram, at: now)
    endpoint.handleTimeout(at: now + endpointTimeout(endpoint, now))
    while endpoint.pollEvent() != nil {}
    endpoint.cancel(exchange)
    try exchangeKinds(&endpoint, datagram, random)
    try registration(identity, datagram)
  } catch {
    return -1
  }
  return written.count
}

enum ProofFailure: Error {
  case failed
}

func identity(
  _ productKey: Span<UInt8>,
  _ deviceName: Span<UInt8>
) throws(ProofFailure) -> DeviceIdentity {
  do throws(IdentityError) {
    return try DeviceIdentity(productKey: productKey, deviceName: deviceName)
  } catch {
    throw .failed
  }
}

/// A source of numbers that nobody should use.
struct FixedSource: RandomSource {
  mutating func next() -> UInt64 { 0 }
}

/// Asks for a device secret and reads the answer.
func registration(
  _ identity: DeviceIdentity,
  _ json: Span<UInt8>
) throws(ProofFailure) {
  var source = FixedSource()
  let request = RegistrationRequest(identity, drawing: &source)
  var content = FixedBytes<512>()
  do throws(CapacityError) {
    try content.write { (writer: inout ByteWriter) throws(CapacityError) in
      try request.writeForm(signature: json, into: &writer)
    }
  } catch {
    throw .failed
  }
  do throws(RegistrationAnswerError) {
    var answer = try RegistrationAnswer(json: json)
    answer.withDeviceSecretStorage { $0[0] = 0 }
  } catch {
    throw .failed
  }
  do throws(HTTPSAnswerError) {
    let report = try PlatformHTTPSAnswer(report: json)
    let device = try PlatformHTTPSAnswer(authentication: json)
    let connection = try MQTTAuthenticationAnswer(json: json)
    guard device.code.meaning == report.code.meaning, connection.isSuccess else {
      throw .member(.code)
    }
    do throws(CapacityError) {
      try content.write { (writer: inout ByteWriter) throws(CapacityError) in
        try PlatformMessageID.write(report.messageID.bytes, into: &writer)
      }
    } catch {
      throw .member(.code)
    }
  } catch {
    throw .failed
  }
}

func report(
  _ identity: DeviceIdentity,
  _ json: Span<UInt8>,
  _ messageID: UInt16,
  _ random: UInt32
) throws(ProofFailure) -> FixedBytes<1_472> {
  var security = PlainSecurity()
  var sequence = FixedBytes<32>()
  var payload = FixedBytes<1_040>()
  let topic: Topic
  let answer: AuthenticationAnswer
  do throws(AuthenticationAnswerError) {
    answer = try AuthenticationAnswer(JSONReader(received: json))
    _ = try AuthenticationAnswer(json: json)
  } catch {
    throw .failed
  }
  do throws(TopicError) { topic = try Topic(identity.clientID.bytes) } catch { throw .failed }
  var tracker = SequenceTracker(offset: answer.sequenceOffset ?? 0)
  do throws(SecurityError) {
    try security.establish(secret: json, random: answer.random.bytes)
    if let number = tracker.next() {
      try sequence.write { (writer: inout ByteWriter) throws(SecurityError) in
        try security.sealSequence(number, into: &writer)
      }
    }
    try payload.write { (writer: inout ByteWriter) throws(SecurityError) in
      try security.seal(payload: json, into: &writer)
    }
  } catch {
    throw .failed
  }
  let request = AuthenticationRequest(
    signMethod: .hmacSHA256,
    acknowledgementMode: .separate,
    timestamp: 1,
    sequence: 2
  )
  var content = FixedBytes<1_472>()
  do throws(CapacityError) {
    try content.write { (writer: inout ByteWriter) throws(CapacityError) in
      try request.writeSigningContent(identity, into: &writer)
      try request.writePayload(identity, signature: json, into: &writer)
    }
    var storage = InlineArray<256, UInt8>(repeating: 0)
    try reading(JSONWriter(storage.mutableSpan))
  } catch {
    throw .failed
  }
  var storage = InlineArray<1_472, UInt8>(repeating: 0)
  do throws(MessageWriterError) {
    var message = try MessageWriter(
      storage.mutableSpan,
      type: .confirmable,
      code: .post,
      messageID: messageID,
      token: Token(random)
    )
    try PlatformRequest.writeReport(
      topic: topic.bytes.bytes,
      contentFormat: .json,
      accept: .cbor,
      tokenOption: .current,
      token: answer.token.bytes,
      sequence: sequence.bytes,
      into: &message
    )
    try message.payload { (writer: inout ByteWriter) throws(MessageWriterError) in
      do throws(CapacityError) { try writer.append(payload.bytes) } catch { throw .capacity }
    }
    try PlatformRequest.writeAuthentication(payload: payload.bytes, into: &message)
    let count = message.count
    content.removeAll()
    content.write { (writer: inout ByteWriter) in
      try? writer.append(storage.span.extracting(0..<count))
    }
  } catch {
    throw .failed
  }
  return content
}

/// Writes one value of each kind.
func reading(_ writer: consuming JSONWriter) throws(CapacityError) {
  try writer.beginObject()
  try writer.key("a")
  try writer.decimal(-2_150, fractionDigits: 2)
  try writer.key("b")
  try writer.beginArray()
  try writer.integer(1)
  try writer.unsigned(2)
  try writer.boolean(true)
  try writer.null()
  try writer.endArray()
  try writer.endObject()
}

func start(
  _ endpoint: inout ClientEndpoint<2, 1_472, 8>,
  _ message: Span<UInt8>,
  _ random: UInt32
) throws(ProofFailure) -> ExchangeID {
  do throws(ExchangeError) {
    return try endpoint.send(.post, token: endpoint.newToken(), random: random) {
      (writer: inout MessageWriter) throws(MessageWriterError) in
      try writer.payload(message)
    }
  } catch {
    throw .failed
  }
}

/// Starts what is not a plain request: a ping, an observation and its end, a block of a body.
func exchangeKinds(
  _ endpoint: inout ClientEndpoint<2, 1_472, 8>,
  _ datagram: Span<UInt8>,
  _ random: UInt32
) throws(ProofFailure) {
  do throws(MessageWriterError) {
    var transfer = try BlockwiseTransfer<64>(.put, bodySize: 2_000, responseBlockSize: .largest) {
      (writer: inout MessageWriter) throws(MessageWriterError) in
      try writer.path(datagram)
    }
    do throws(ExchangeError) {
      endpoint.cancel(try endpoint.ping(random: random))
      let observation = try endpoint.send(
        .get,
        type: .nonConfirmable,
        token: endpoint.newToken(),
        random: random
      ) { (writer: inout MessageWriter) throws(MessageWriterError) in
        try writer.option(.observe, uint: 0)
      }
      try endpoint.cancelObservation(observation)
      endpoint.resetTimeout()
      _ = try endpoint.send(transfer.code, token: endpoint.newToken(), random: random) {
        (writer: inout MessageWriter) throws(MessageWriterError) in
        try transfer.write(datagram, isLast: transfer.nextPiece.isEmpty, into: &writer)
      }
    } catch {
      throw .capacity
    }
    do throws(MessageFormatError) {
      let message = try MessageView(datagram)
      do throws(BlockwiseError) {
        _ = try transfer.handle(message)
      } catch {
        throw .truncatedToken
      }
    } catch {
      throw .capacity
    }
  } catch {
    throw .failed
  }
}

func transmit(
  _ endpoint: inout ClientEndpoint<2, 1_472, 8>,
  into output: inout ByteWriter,
  at now: Instant
) throws(ProofFailure) {
  do throws(CapacityError) {
    while try endpoint.pollTransmit(into: &output, at: now) != nil {}
  } catch {
    throw .failed
  }
}

func take(
  _ endpoint: inout ClientEndpoint<2, 1_472, 8>,
  _ datagram: Span<UInt8>,
  at now: Instant
) {
  do throws(MessageFormatError) {
    let message = try MessageView(datagram)
    var path = InlineArray<128, UInt8>(repeating: 0)
    var writer = ByteWriter(path.mutableSpan)
    try? message.writePath(into: &writer)
    _ = message.contentFormat
    _ = ResponseMeaning(ofReport: message.code)
    _ = PlatformReply(message.payload)
    _ = try MessageView(cut: datagram).payload.count
    _ = ResponseMeaning(ofAuthentication: message.code)
    _ = endpoint.handle(message, at: now)
  } catch {
    endpoint.handleMalformed(datagram, error, at: now)
  }
}

func endpointTimeout(
  _ endpoint: borrowing ClientEndpoint<2, 1_472, 8>,
  _ now: Instant
) -> Milliseconds {
  (endpoint.pollTimeout() ?? now) - now
}

/// Numbers and the calls that JSON and CBOR share.
package func proveNumbers(_ text: Span<UInt8>, into storage: consuming MutableSpan<UInt8>) -> Int {
  var writer = JSONWriter(storage)
  do throws(CapacityError) {
    try writeReading(into: &writer)
  } catch {
    return -1
  }
  var reader = JSONReader(text)
  do throws(JSONError) {
    while let token = try reader.nextToken() {
      if case .double(let value) = token, value > 1 { return 1 }
      try reader.skip(token)
    }
  } catch {
    return -2
  }
  return writer.count
}

/// A value written again, token by token.
package func proveTokens(_ text: Span<UInt8>, into storage: consuming MutableSpan<UInt8>) -> Int {
  var writer = JSONWriter(storage)
  var reader = JSONReader(text)
  var scratch = InlineArray<64, UInt8>(repeating: 0)
  do throws(JSONError) {
    while let token = try reader.nextToken() {
      do throws(CapacityError) {
        try writer.write(token, from: reader, scratch: scratch.mutableSpan)
      } catch {
        return -1
      }
    }
  } catch {
    return -2
  }
  return writer.count
}

private func writeReading<Writer: PayloadWriter & ~Copyable & ~Escapable>(
  into writer: inout Writer
) throws(CapacityError) {
  try writer.beginObject()
  try writer.key("temperature")
  try writer.double(21.5)
  try writer.key("values")
  try writer.beginArray()
  try writer.integer(-1)
  try writer.unsigned(1)
  try writer.endArray()
  try writer.endObject()
}

/// The check against a thing model, and what it needs of a reader.
package func proveThingModel(
  _ model: Span<UInt8>,
  _ identifier: Span<UInt8>,
  _ payload: Span<UInt8>
) -> Int {
  do throws(ThingModelError) {
    let model = try ThingModelView(model)
    var reader = JSONReader(payload)
    try model.check(propertyPost: &reader)
    reader = JSONReader(payload)
    try model.check(propertySet: &reader)
    reader = JSONReader(payload)
    try model.check(properties: &reader)
    reader = JSONReader(payload)
    try model.check(event: identifier, post: &reader)
    reader = JSONReader(payload)
    try model.check(event: identifier, params: &reader)
    reader = JSONReader(payload)
    try model.check(service: identifier, reply: &reader)
    reader = JSONReader(payload)
    try model.check(service: identifier, call: &reader)
    reader = JSONReader(payload)
    try model.check(propertyGet: &reader)
    reader = JSONReader(payload)
    try model.check(packPost: &reader)
    reader = JSONReader(payload)
    try model.check(packPost: &reader, ofSubDevicesOf: identifier)
  } catch {
    return -1
  }
  let reader = JSONReader(payload)
  do throws(JSONError) {
    guard let key = try reader.repeatedKey() else { return 0 }
    return key.second.range.lowerBound
  } catch {
    return -2
  }
}
