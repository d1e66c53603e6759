// SPDX-License-Identifier: Apache-2.0
public import Alink
public import ConstrainedCore
public import Platform
public import ReportLink

/// What the platform sends to a device, over whatever carries it: the dispatcher's decisions carried out.
///
/// Order of calls: `listen` once; `take` after each event `downlink`, before the next event is asked for; `answer` when
/// whoever it was handed over to has an answer; and, at `pollTimeout` at the latest, `pollExpired` until it gives `nil`.
/// The channel is an argument, so that its owner may be an outbox, a client or a test.
///
/// It holds the dispatcher's table of `capacity` requests, an answer of `answerBytes` at most, and eight answers that
/// could not be sent, all in place: no call allocates.
public struct DownlinkExchange<let capacity: Int, let answerBytes: Int>: ~Copyable {
  /// What decides.
  public private(set) var dispatcher: DownlinkDispatcher<capacity>
  /// Answers of the dispatcher's own that were dropped: there was no connection for too long, or too many waited.
  public private(set) var lostAnswers = 0
  private let device: DeviceIdentity
  private var unsent = InlineArray<8, UnsentAnswer?>(repeating: nil)
  /// When what could not be sent is tried again.
  private var nextTry = Instant(milliseconds: .min)
  private var message = InlineArray<answerBytes, UInt8>(repeating: 0)

  /// An answer that waits for a connection, or for room.
  private struct UnsentAnswer {
    var answer: DownlinkAnswer
    /// Until when somebody waits for it.
    var end: Instant
  }

  /// Starts with nothing open; `firstNumber` is drawn at random, see `DownlinkDispatcher`.
  public init(
    _ device: DeviceIdentity,
    settings: DownlinkSettings = DownlinkSettings(),
    firstNumber: UInt32
  ) {
    self.device = device
    dispatcher = DownlinkDispatcher(device, settings: settings, firstNumber: firstNumber)
  }

  /// Asks for the messages of all kinds that the settings take, once for all connections; those that cannot be asked
  /// for.
  ///
  /// `customTopic` is what the topic of custom synchronous calls ends with; empty for any. What the platform refuses is
  /// told by `DownlinkChannel.pollRefusedFilter`.
  public mutating func listen<Channel: DownlinkChannel & ~Copyable>(
    over channel: inout Channel,
    customTopic: FixedBytes<64> = FixedBytes()
  ) -> DownlinkKinds {
    var failed = DownlinkKinds()
    var filters = DownlinkFilters(dispatcher.settings.taken)
    filters.customTopic = customTopic
    while true {
      // No filter of valid names is longer.
      var bytes = InlineArray<256, UInt8>(repeating: 0)
      var writer = ByteWriter(bytes.mutableSpan)
      var kind: DownlinkKind?
      do throws(CapacityError) { kind = try filters.next(of: device, into: &writer) } catch {}
      let count = writer.count
      guard let kind else { return failed }
      if !channel.listen(to: bytes.span.extracting(0..<count)) { failed.insert(kind) }
    }
  }

  // MARK: - Input

  /// Takes the message of the channel's last event `downlink`, and sends the answer that it has without anybody's
  /// doing.
  ///
  /// What is to be handed over is in the verdict; its ranges are places in `downlinkPayload`.
  public mutating func take<Channel: DownlinkChannel & ~Copyable>(
    from channel: inout Channel,
    subDevice: DeviceIdentity? = nil,
    at now: Instant
  ) -> DownlinkVerdict {
    let verdict = dispatcher.handle(
      topic: channel.downlinkTopic,
      message: channel.downlinkPayload,
      subDevice: subDevice,
      isMarkedAsRepeated: channel.isDownlinkRepeated,
      at: now
    )
    sendAnswer(of: verdict, over: &channel, at: now)
    return verdict
  }

  /// The same; what the thing model does not allow is answered with 460.
  public mutating func take<Channel: DownlinkChannel & ~Copyable>(
    from channel: inout Channel,
    model: ThingModelView,
    subDevice: DeviceIdentity? = nil,
    at now: Instant
  ) -> DownlinkVerdict {
    let verdict = dispatcher.handle(
      topic: channel.downlinkTopic,
      message: channel.downlinkPayload,
      model: model,
      subDevice: subDevice,
      isMarkedAsRepeated: channel.isDownlinkRepeated,
      at: now
    )
    sendAnswer(of: verdict, over: &channel, at: now)
    return verdict
  }

  // MARK: - Commands

  /// Answers a request with a code and `data`, one JSON object, `{}` where it is empty.
  public mutating func answer<Channel: DownlinkChannel & ~Copyable>(
    _ number: UInt32,
    _ code: DeviceReplyCode,
    data: Span<UInt8> = Span(),
    over channel: inout Channel,
    at now: Instant
  ) throws(DownlinkReplyError) {
    try answer(number, code: code, data, over: &channel, at: now)
  }

  /// Answers a request with bytes as they are.
  public mutating func answer<Channel: DownlinkChannel & ~Copyable>(
    _ number: UInt32,
    bytes: Span<UInt8>,
    over channel: inout Channel,
    at now: Instant
  ) throws(DownlinkReplyError) {
    try answer(number, code: nil, bytes, over: &channel, at: now)
  }

  /// Answers either way: bytes have no code.
  @inline(never)
  private mutating func answer<Channel: DownlinkChannel & ~Copyable>(
    _ number: UInt32,
    code: DeviceReplyCode?,
    _ contents: Span<UInt8>,
    over channel: inout Channel,
    at now: Instant
  ) throws(DownlinkReplyError) {
    var topicBytes = InlineArray<128, UInt8>(repeating: 0)
    var topic = ByteWriter(topicBytes.mutableSpan)
    var output = ByteWriter(message.mutableSpan)
    do throws(DownlinkAnswerError) {
      try dispatcher.answer(
        number,
        code: code,
        contents,
        topic: &topic,
        message: &output,
        at: now
      )
    } catch {
      throw .refused(error)
    }
    let (topicCount, count) = (topic.count, output.count)
    let payload = message.span.extracting(0..<count)
    let name = topicBytes.span.extracting(0..<topicCount)
    if channel.send(topic: name, payload: payload, quality: .atLeastOnce, at: now) { return }
    throw .notSent(isOpen: dispatcher.answerWasLost(number, at: now))
  }

  // MARK: - Output

  /// When `pollExpired` has something next; `nil` while nothing is open and nothing waits to be sent.
  public func pollTimeout() -> Instant? {
    var earliest = dispatcher.pollTimeout()
    for index in unsent.indices where unsent[index] != nil {
      earliest = min(earliest ?? nextTry, nextTry)
    }
    return earliest
  }

  /// The next request whose time is over, its answer sent; `nil` when there is none.
  ///
  /// Answers that could not be sent are tried again.
  public mutating func pollExpired<Channel: DownlinkChannel & ~Copyable>(
    over channel: inout Channel,
    at now: Instant
  ) -> ExpiredDownlink? {
    sendWaiting(over: &channel, at: now)
    let expired = dispatcher.pollExpired(at: now)
    if let answer = expired?.answer { send(answer, over: &channel, at: now) }
    return expired
  }

  // MARK: - Inside

  private mutating func sendAnswer<Channel: DownlinkChannel & ~Copyable>(
    of verdict: DownlinkVerdict,
    over channel: inout Channel,
    at now: Instant
  ) {
    switch verdict {
    case .notice(_, let answer?), .refused(let answer, _): send(answer, over: &channel, at: now)
    case .request, .notice, .dropped: break
    }
  }

  /// Sends an answer of the dispatcher's, or keeps it.
  private mutating func send<Channel: DownlinkChannel & ~Copyable>(
    _ answer: DownlinkAnswer,
    over channel: inout Channel,
    at now: Instant
  ) {
    if transmit(answer, over: &channel, at: now) { return }
    for index in unsent.indices where unsent[index] == nil {
      unsent[index] = UnsentAnswer(answer: answer, end: now + Self.patience)
      nextTry = now + Self.pause
      return
    }
    lostAnswers += 1
  }

  private func transmit<Channel: DownlinkChannel & ~Copyable>(
    _ answer: DownlinkAnswer,
    over channel: inout Channel,
    at now: Instant
  ) -> Bool {
    var bytes = InlineArray<320, UInt8>(repeating: 0)
    var writer = ByteWriter(bytes.mutableSpan)
    // An id of 32 bytes, each written as six, has room.
    do throws(CapacityError) { try answer.writePayload(into: &writer) } catch { return true }
    let count = writer.count
    return channel.send(
      topic: answer.topic.bytes,
      payload: bytes.span.extracting(0..<count),
      quality: .atLeastOnce,
      at: now
    )
  }

  /// Tries those again that could not be sent.
  private mutating func sendWaiting<Channel: DownlinkChannel & ~Copyable>(
    over channel: inout Channel,
    at now: Instant
  ) {
    guard now >= nextTry else { return }
    for index in unsent.indices {
      guard let waiting = unsent[index] else { continue }
      if transmit(waiting.answer, over: &channel, at: now) {
        unsent[index] = nil
      } else if now >= waiting.end {
        unsent[index] = nil
        lostAnswers += 1
      } else {
        nextTry = now + Self.pause
      }
    }
  }

  /// How long an answer waits for a connection.
  private static var patience: Milliseconds { Milliseconds(30_000) }

  /// How long after a failure it is tried again.
  private static var pause: Milliseconds { Milliseconds(1_000) }
}

/// Why an answer of the owner's was not sent.
public enum DownlinkReplyError: Error, Equatable, Sendable {
  /// The dispatcher does not take it.
  case refused(DownlinkAnswerError)
  /// There is no connection, or no room; `isOpen` says whether there is still time for another try.
  case notSent(isOpen: Bool)
}
