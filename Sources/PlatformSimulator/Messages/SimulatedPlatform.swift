// SPDX-License-Identifier: Apache-2.0
internal import CoAPMessage
public import ConstrainedCore
public import PlatformCore

/// The platform's side of the symmetric mode (device guide 3.6), as a state machine without I/O.
///
/// Pass it datagrams and the time; it returns the datagrams to send and a record of each request.
/// For duplicate detection it keeps at most 10,000 requests; it also keeps at most 1,000
/// unacknowledged separate responses. Beyond these limits the oldest is dropped.
///
/// It is the core's CoAP front; copies of it share the core.
public struct SimulatedPlatform<Peer: Hashable> {
  /// A datagram to send.
  public struct Outgoing {
    /// The destination.
    public let peer: Peer
    /// The UDP payload; over DTLS the CoAP message inside it.
    public let bytes: [UInt8]
  }

  /// The result of one input.
  public struct Output {
    /// The datagrams to send, in order.
    public var datagrams: [Outgoing] = []
    /// The record of the input, if it was a request or not a message at all.
    public var record: RequestRecord?
  }

  let configuration: SimulatorConfiguration
  /// The protocol-independent platform, which makes the decisions.
  let core: PlatformCore
  private var answered: AnsweredRequests<Peer>
  private var separate: [SeparateResponse<Peer>] = []
  private var nextMessageID: UInt16

  /// The maximum number of separate responses awaiting acknowledgement.
  static var maxSeparate: Int { 1_000 }
  /// To how many addresses a separate response is sent at most.
  static var maxAddresses: Int { 4 }

  /// The number of separate responses awaiting acknowledgement.
  package var waitingResponses: Int { separate.count }

  /// Starts without authenticated devices.
  public init(_ configuration: SimulatorConfiguration, random: any RandomSource) {
    self.configuration = configuration
    var source = random
    nextMessageID = UInt16(truncatingIfNeeded: source.next())
    core = PlatformCore(
      configuration.platform,
      configuration.assumptions.platform,
      random: source
    )
    answered = AnsweredRequests(
      lifetime: configuration.exchangeLifetime,
      limit: configuration.requestLimit
    )
  }

  /// The platform's state of its devices, and the console's operations on them.
  public var things: SimulatedThings {
    get { core.things }
    set { core.things = newValue }
  }

  /// Forgets requests and responses, as a new process does; `core` is not touched.
  mutating func forgetMessages() {
    answered = AnsweredRequests(
      lifetime: configuration.exchangeLifetime,
      limit: configuration.requestLimit
    )
    separate = []
  }

  /// Handles a received datagram.
  public mutating func handle(_ datagram: [UInt8], from peer: Peer, at now: Instant) -> Output {
    var output = Output()
    do throws(MessageFormatError) {
      let message = try MessageView(datagram.span)
      handle(message, datagram, from: peer, at: now, output: &output)
      // Here, so that the records kept for duplicates are without them.
      output.record?.request = datagram
      output.record?.response = output.datagrams.last?.bytes ?? []
    } catch {
      var record = RequestRecord(kind: .malformed, time: now, peer: "\(peer)")
      record.bytesUp = datagram.count
      record.note = error.description
      if let reset = Self.reset(for: datagram, error) {
        record.bytesDown = reset.count
        output.datagrams.append(Outgoing(peer: peer, bytes: reset))
      }
      output.record = record
    }
    return output
  }

  /// The time of the next call of `handleTimeout`; `nil` if no timer runs.
  public func pollTimeout() -> Instant? {
    separate.map(\.deadline).min()
  }

  /// Retransmits the separate responses that are due, until they are acknowledged, with RFC 7252's
  /// default parameters.
  public mutating func handleTimeout(at now: Instant) -> [Outgoing] {
    var datagrams: [Outgoing] = []
    for index in separate.indices where separate[index].deadline <= now {
      if separate[index].retransmit(at: now) {
        datagrams.append(Outgoing(peer: separate[index].peer, bytes: separate[index].bytes))
      }
    }
    separate.removeAll { $0.isGivenUp }
    return datagrams
  }

  private mutating func handle(
    _ message: borrowing MessageView,
    _ datagram: [UInt8],
    from peer: Peer,
    at now: Instant,
    output: inout Output
  ) {
    let messageID = message.messageID
    switch message.type {
    case .acknowledgement, .reset:
      // RFC 7252 Section 4.2: both are Empty messages here; any other is ignored.
      guard message.code == .empty else { return }
      separate.removeAll { $0.peer == peer && $0.messageID == messageID }
      return
    case .confirmable, .nonConfirmable: break
    }
    guard message.code.isRequest else {
      // RFC 7252 Sections 4.2 and 4.3: a ping, a response or a reserved code.
      if message.type == .confirmable {
        output.datagrams.append(Outgoing(peer: peer, bytes: Self.empty(.reset, messageID)))
      }
      return
    }
    for known in answered.find(peer, messageID, at: now)
    where isOfOneDevice(message, datagram, known) {
      return repeatReply(known, to: message, from: peer, at: now, output: &output)
    }
    // Unverified (`moved-device` of `Assumption`): that NAT between two transmissions makes no other message of the second.
    if configuration.assumptions.recognisesMovedDevices,
      let known = answered.find(secured: datagram, at: now)
    {
      if let messageID = known.separateID { sendSeparately(messageID, to: peer) }
      return repeatReply(known, to: message, from: peer, at: now, output: &output)
    }
    var record = RequestRecord(kind: .other, time: now, peer: "\(peer)")
    record.messageID = messageID
    record.bytesUp = message.count
    var response = respond(to: message, at: now, record: &record)
    if message.type == .nonConfirmable, response.isAboutOption {
      return reject(message, datagram, from: peer, at: now, record: &record, output: &output)
    }
    record.code = response.code
    record.platformMessageID = response.platformMessageID
    send(&response, to: message, datagram, from: peer, at: now, record: &record, output: &output)
    output.record = record
  }

  /// Whether a request with the peer and the message ID of an earlier one can be of the same device.
  ///
  /// NAT gives an address that one device has left to another. Over DTLS the association is a part of the peer (RFC 7252
  /// Section 9.1.1).
  private func isOfOneDevice(
    _ message: borrowing MessageView,
    _ datagram: [UInt8],
    _ known: AnsweredRequests<Peer>.Entry
  ) -> Bool {
    guard configuration.protection == .symmetric, datagram != known.request else { return true }
    let earlier = known.record.device ?? self.device(of: known.request)
    guard let earlier, let device = self.device(of: message) else { return true }
    return device == earlier
  }

  /// Sends a separate response to another address as well.
  ///
  /// Not in place of the earlier one, and an acknowledgement ends it for the address alone that it comes from: anybody who
  /// has seen the request can send it again from an address of his own.
  private mutating func sendSeparately(_ messageID: UInt16, to peer: Peer) {
    let known = separate.filter { $0.messageID == messageID }
    guard let first = known.first, known.count < Self.maxAddresses,
      separate.count < Self.maxSeparate, !known.contains(where: { $0.peer == peer })
    else { return }
    separate.append(first.copied(to: peer))
  }

  /// Answers a duplicate as the message before it.
  private func repeatReply(
    _ known: AnsweredRequests<Peer>.Entry,
    to message: borrowing MessageView,
    from peer: Peer,
    at now: Instant,
    output: inout Output
  ) {
    var record = known.record
    record.kind = .duplicate
    record.notes.leniencies = LeniencyUse()
    record.time = now
    record.peer = "\(peer)"
    // RFC 7252 Section 4.3: a duplicate of a non-confirmable message is ignored.
    let reply = message.type == .confirmable ? known.reply : nil
    record.bytesDown = reply?.count ?? 0
    output.record = record
    if let reply { output.datagrams.append(Outgoing(peer: peer, bytes: reply)) }
  }

  /// RFC 7252 Section 5.4.1: a non-confirmable request with an unknown critical option is rejected,
  /// here with a Reset (Section 4.3), which is not a response.
  private mutating func reject(
    _ message: borrowing MessageView,
    _ datagram: [UInt8],
    from peer: Peer,
    at now: Instant,
    record: inout RequestRecord,
    output: inout Output
  ) {
    let reset = Self.empty(.reset, message.messageID)
    record.note += " (rejected with a Reset: the request is non-confirmable)"
    record.bytesDown = reset.count
    output.datagrams.append(Outgoing(peer: peer, bytes: reset))
    output.record = record
    answered.insert(peer, message.messageID, kept(datagram), record: record, reply: reset, at: now)
  }

  private mutating func send(
    _ response: inout PlatformResponse,
    to message: borrowing MessageView,
    _ datagram: [UInt8],
    from peer: Peer,
    at now: Instant,
    record: inout RequestRecord,
    output: inout Output
  ) {
    var separateID: UInt16?
    let separately = response.isSeparate ?? (configuration.answerMode == .separate)
    let isConfirmable = message.type == .confirmable
    let reply: [UInt8]
    if isConfirmable && !separately {
      reply = response.encoded(.acknowledgement, message.messageID, message.token)
      output.datagrams.append(Outgoing(peer: peer, bytes: reply))
    } else {
      nextMessageID &+= 1
      let type: MessageType = isConfirmable ? .confirmable : .nonConfirmable
      let bytes = response.encoded(type, nextMessageID, message.token)
      reply = isConfirmable ? Self.empty(.acknowledgement, message.messageID) : bytes
      output.datagrams.append(Outgoing(peer: peer, bytes: reply))
      if isConfirmable {
        separateID = nextMessageID
        output.datagrams.append(Outgoing(peer: peer, bytes: bytes))
        // A peer that never acknowledges must not exhaust memory.
        if separate.count >= Self.maxSeparate { separate.removeFirst() }
        separate.append(
          SeparateResponse(peer: peer, messageID: nextMessageID, bytes: bytes, at: now)
        )
      }
    }
    record.bytesDown = output.datagrams.reduce(0) { $0 + $1.bytes.count }
    answered.insert(
      peer,
      message.messageID,
      kept(datagram),
      record: record,
      reply: reply,
      separateID: separateID,
      isSecured: record.sequence != nil,
      at: now
    )
  }

  /// What a duplicate is compared with; over DTLS its association says whose it is.
  private func kept(_ request: [UInt8]) -> [UInt8] {
    configuration.protection == .symmetric ? request : []
  }

  static func empty(_ type: MessageType, _ messageID: UInt16) -> [UInt8] {
    [0x40 | type.rawValue << 4, 0, UInt8(messageID >> 8), UInt8(messageID & 0xFF)]
  }

  /// RFC 7252 Section 4.2: a confirmable message with a format error is rejected with a Reset.
  private static func reset(for datagram: [UInt8], _ error: MessageFormatError) -> [UInt8]? {
    switch error {
    case .truncatedHeader, .unknownVersion: return nil
    default: break
    }
    guard datagram[0] >> 4 & 0x03 == MessageType.confirmable.rawValue else { return nil }
    return empty(.reset, UInt16(datagram[2]) << 8 | UInt16(datagram[3]))
  }
}
