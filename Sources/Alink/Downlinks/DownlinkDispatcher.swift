// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
internal import PayloadCoding
public import Platform

/// The device's half of everything that the platform sends (device guide 4 to 6), as a state machine without I/O:
/// what comes is checked, handed over once and answered once.
///
/// Order of calls: `handle` for each message that the transport delivers, whose verdict is carried out; `answer`
/// when whoever it was handed over to has an answer, which is then sent; and, at `pollTimeout` at the latest,
/// `pollExpired` until it gives `nil`. Time is an argument.
///
/// | request | time to answer | not answered by then | no place in the table |
/// |---|---|---|---|
/// | of the thing model | `timeToAnswer` | 400: the work may have begun | 429 at once |
/// | synchronous call of the thing model | `timeForSynchronousCalls` | nothing: nobody waits any more | 429 at once |
/// | synchronous call with bytes, raw bytes | the same two | nothing: bytes have no code | dropped |
/// | what is answered at once, and what has no answer | – | – | handed over, not remembered |
///
/// It holds at most `capacity` requests, open ones and such as are remembered; see `OpenRequests`. No heap.
public struct DownlinkDispatcher<let capacity: Int>: ~Copyable {
  /// What the guide leaves open; changes hold for what comes from then on.
  public var settings: DownlinkSettings
  /// What the platform has last said of this device.
  public private(set) var standing = DeviceStanding.enabled
  private let device: DeviceIdentity
  private var requests: OpenRequests<capacity>

  /// Starts with nothing open.
  ///
  /// Numbers count from `firstNumber`: one that is drawn at random keeps a late answer to a request from before a
  /// restart from being taken for another's.
  public init(
    _ device: DeviceIdentity,
    settings: DownlinkSettings = DownlinkSettings(),
    firstNumber: UInt32 = 1
  ) {
    self.device = device
    self.settings = settings
    requests = OpenRequests(firstNumber: firstNumber == 0 ? 1 : firstNumber)
  }

  /// How many requests wait for their answer.
  public var openCount: Int { requests.openCount }

  // MARK: - Input

  /// Takes a message of the platform in.
  ///
  /// `subDevice` is the one that is allowed beside the device itself: the gateway's sub-device that is online and
  /// that the topic names (`DownlinkTopic`). `isMarkedAsRepeated` is MQTT's DUP flag.
  public mutating func handle(
    topic: Span<UInt8>,
    message: Span<UInt8>,
    subDevice: DeviceIdentity? = nil,
    isMarkedAsRepeated: Bool = false,
    at now: Instant
  ) -> DownlinkVerdict {
    do throws(DownlinkFault) {
      var incoming = try read(topic, message, subDevice)
      incoming.isMarkedAsRepeated = isMarkedAsRepeated
      return decide(incoming, at: now)
    } catch {
      return .dropped(error)
    }
  }

  /// The same; what the thing model does not allow is answered with 460.
  ///
  /// `model` is that of the product of the device that the topic names.
  public mutating func handle(
    topic: Span<UInt8>,
    message: Span<UInt8>,
    model: ThingModelView,
    subDevice: DeviceIdentity? = nil,
    isMarkedAsRepeated: Bool = false,
    at now: Instant
  ) -> DownlinkVerdict {
    do throws(DownlinkFault) {
      var incoming = try read(topic, message, subDevice)
      incoming.isMarkedAsRepeated = isMarkedAsRepeated
      if incoming.fault == nil {
        do throws(ThingModelError) {
          try model.check(incoming.downlink, message)
        } catch {
          incoming.fault = .model(error)
        }
      }
      return decide(incoming, at: now)
    } catch {
      return .dropped(error)
    }
  }

  // MARK: - Commands

  /// Writes the answer to a request: its topic, and `{"id":…,"code":…,"data":…}` with `data` as it is, one JSON
  /// object, or `{}` where it is empty.
  ///
  /// The request is answered then, and the answer is to be sent; where it could not be, `answerWasLost` says so.
  /// After a throw it is as open as it was, and the outputs are as they were.
  public mutating func answer(
    _ number: UInt32,
    _ code: DeviceReplyCode,
    data: Span<UInt8> = Span(),
    topic: inout ByteWriter,
    message: inout ByteWriter,
    at now: Instant
  ) throws(DownlinkAnswerError) {
    try answer(number, code: code, data, topic: &topic, message: &message, at: now)
  }

  /// Writes an answer of bytes, as they are, to raw bytes or to a synchronous call.
  public mutating func answer(
    _ number: UInt32,
    bytes: Span<UInt8>,
    topic: inout ByteWriter,
    message: inout ByteWriter,
    at now: Instant
  ) throws(DownlinkAnswerError) {
    try answer(number, code: nil, bytes, topic: &topic, message: &message, at: now)
  }

  /// Writes either answer: bytes have no code.
  package mutating func answer(
    _ number: UInt32,
    code: DeviceReplyCode?,
    _ contents: Span<UInt8>,
    topic: inout ByteWriter,
    message: inout ByteWriter,
    at now: Instant
  ) throws(DownlinkAnswerError) {
    let index = try requests.place(of: number, at: now)
    let isForm = code == nil ? requests[index].kind.answer != .alink : !requests[index].isBytes
    guard isForm else { throw .form }
    if code != nil, !contents.isEmpty { try checkObject(contents) }
    let (start, messageStart) = (topic.count, message.count)
    do throws(CapacityError) {
      let request = requests[index]
      try topic.append(request.topic.bytes)
      if let code {
        try AlinkReply.write(id: request.id.bytes, code: code, data: contents, into: &message)
      } else {
        try message.append(contents)
      }
    } catch {
      topic.truncate(to: start)
      message.truncate(to: messageStart)
      throw .capacity
    }
    requests.close(index, rememberedUntil: now + settings.memory)
  }

  /// Opens a request again whose answer was written and did not leave the device; whether there is still time for
  /// another one.
  public mutating func answerWasLost(_ number: UInt32, at now: Instant) -> Bool {
    requests.reopen(number, at: now)
  }

  // MARK: - Output

  /// When `pollExpired` has something next; `nil` while nothing is open.
  public func pollTimeout() -> Instant? { requests.nextDeadline }

  /// The next request whose time is over, and what is to be sent for it; `nil` when there is none.
  public mutating func pollExpired(at now: Instant) -> ExpiredDownlink? {
    guard let index = requests.expire(at: now, rememberedUntil: now + settings.memory) else {
      return nil
    }
    let request = requests[index]
    var answer: DownlinkAnswer?
    if !request.isBytes, !request.kind.isSynchronous {
      answer = DownlinkAnswer(topic: request.topic, id: request.id, code: .requestError)
    }
    return ExpiredDownlink(number: request.number, kind: request.kind, answer: answer)
  }

  // MARK: - Inside

  /// Takes a message apart and checks it; throws for what cannot be answered whatever it holds.
  private func read(
    _ topic: Span<UInt8>,
    _ message: Span<UInt8>,
    _ subDevice: DeviceIdentity?
  ) throws(DownlinkFault) -> IncomingDownlink {
    let parts = try DownlinkTopic(topic)
    guard settings.taken.contains(parts.kind) else { throw .notTaken }
    var incoming = IncomingDownlink(downlink: Downlink(parts.kind, of: message.count))
    if !parts.isOf(device, topic) {
      guard let subDevice, parts.isOf(subDevice, topic) else { throw .otherDevice }
      incoming.downlink.isOfSubDevice = true
    }
    do throws(CapacityError) {
      try incoming.topic.write { (output: inout ByteWriter) throws(CapacityError) in
        if parts.kind.answer == .nothing { return try output.append(topic) }
        try parts.writeAnswerTopic(of: topic, into: &output)
      }
    } catch {
      throw .topicTooLong(topic.count)
    }
    incoming.hash = FNVHash.of(message)
    do throws(DownlinkFault) {
      try incoming.downlink.read(message, on: topic, parts, maxMessage: settings.maxMessage)
    } catch {
      incoming.fault = error
    }
    return incoming
  }

  private mutating func decide(
    _ incoming: IncomingDownlink,
    at now: Instant
  ) -> DownlinkVerdict {
    var downlink = incoming.downlink
    let kind = downlink.kind
    // What is pushed again is decided upon again: a firmware by `FirmwarePush`. The other two are no requests.
    let isKnown = kind != .firmware && kind != .subDeviceError && kind != .desiredValues
    if isKnown, let fault = requests.fault(incoming, at: now) { return .dropped(fault) }
    let memoryEnd = now + settings.memory
    if let fault = incoming.fault {
      guard let code = fault.code, kind.answer != .nothing, !downlink.id.isEmpty else {
        return .dropped(fault)
      }
      requests.remember(incoming, until: memoryEnd)
      return .refused(DownlinkAnswer(topic: incoming.topic, id: downlink.id, code: code), fault)
    }
    if kind.answer == .nothing {
      if isKnown { requests.remember(incoming, until: memoryEnd) }
      return .notice(downlink, nil)
    }
    if kind.answer == .alink, settings.answeredAtOnce.contains(kind) {
      requests.remember(incoming, until: memoryEnd)
      note(downlink)
      let answer = DownlinkAnswer(topic: incoming.topic, id: downlink.id, code: .success)
      return .notice(downlink, answer)
    }
    let deadline = now + settings.timeToAnswer(kind)
    guard let number = requests.open(incoming, until: deadline) else {
      if downlink.isBytes { return .dropped(.tooManyOpen) }
      let answer = DownlinkAnswer(topic: incoming.topic, id: downlink.id, code: .tooManyRequests)
      return .refused(answer, .tooManyOpen)
    }
    note(downlink)
    downlink.number = number
    downlink.deadline = deadline
    return .request(downlink)
  }

  /// Remembers what the platform says of this device.
  private mutating func note(_ downlink: Downlink) {
    guard !downlink.isOfSubDevice else { return }
    switch downlink.kind {
    case .disable: standing = .disabled
    case .enable: standing = .enabled
    case .delete: standing = .deleted
    default: break
    }
  }

  private func checkObject(_ data: Span<UInt8>) throws(DownlinkAnswerError) {
    var repeated: Int?
    do throws(JSONError) {
      var reader = JSONReader(data)
      guard try reader.next() == .beginObject else { throw .truncated }
      repeated = try JSONReader(data).repeatedKey()?.second.range.lowerBound
    } catch {
      throw .notAnObject
    }
    if let repeated { throw .nameTwice(offset: repeated) }
  }
}
