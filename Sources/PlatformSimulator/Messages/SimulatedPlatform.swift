internal import CoAPMessage
public import ConstrainedCore
public import PlatformCore

/// The platform's side of the symmetric mode (device guide 3.6), as a state machine without I/O.
///
/// Hand it datagrams and the time; it returns the datagrams to send and a record of each request.
/// It remembers at most 10,000 requests to know duplicates by, and 1,000 separate responses that nobody has
/// acknowledged; beyond that the oldest is forgotten.
///
/// It is the core's front for CoAP: a copy of it asks the same core.
public struct SimulatedPlatform<Peer: Hashable> {
  /// A datagram to send.
  public struct Outgoing {
    /// Where to.
    public let peer: Peer
    /// The UDP payload, or the message in it.
    public let bytes: [UInt8]
  }

  /// What follows from one input.
  public struct Output {
    /// What to send, in order.
    public var datagrams: [Outgoing] = []
    /// What came in, if it was a request or no message at all.
    public var record: RequestRecord?
  }

  let configuration: SimulatorConfiguration
  /// Who decides; this type brings it what comes in by CoAP.
  let core: PlatformCore
  private var answered: AnsweredRequests<Peer>
  private var separate: [SeparateResponse<Peer>] = []
  private var nextMessageID: UInt16

  /// How many separate responses wait for their acknowledgements.
  static var maxSeparate: Int { 1_000 }

  /// How many of them wait now.
  package var waitingResponses: Int { separate.count }

  /// Starts with no device authenticated.
  public init(_ configuration: SimulatorConfiguration, random: any RandomSource) {
    self.configuration = configuration
    var source = random
    nextMessageID = UInt16(truncatingIfNeeded: source.next())
    core = PlatformCore(
      configuration.platform,
      configuration.assumptions.platform,
      random: source
    )
    answered = AnsweredRequests(lifetime: configuration.exchangeLifetime)
  }

  /// What the platform holds of its devices, and what the console can do to them.
  public var things: SimulatedThings {
    get { core.things }
    set { core.things = newValue }
  }

  /// Takes in a datagram.
  public mutating func handle(_ datagram: [UInt8], from peer: Peer, at now: Instant) -> Output {
    var output = Output()
    do throws(MessageFormatError) {
      let message = try MessageView(datagram.span)
      handle(message, from: peer, at: now, output: &output)
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

  /// When `handleTimeout` is to be called next.
  public func pollTimeout() -> Instant? {
    separate.map(\.deadline).min()
  }

  /// Takes in that time has passed: separate responses are sent again until they are acknowledged,
  /// with RFC 7252's standard parameters.
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
    from peer: Peer,
    at now: Instant,
    output: inout Output
  ) {
    let messageID = message.messageID
    switch message.type {
    case .acknowledgement, .reset:
      // RFC 7252 Section 4.2: both are empty messages here; any other is ignored.
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
    if let known = answered.find(peer, messageID, at: now) {
      var record = known.record
      record.kind = .duplicate
      record.notes.leniencies = LeniencyUse()
      record.time = now
      // RFC 7252 Section 4.3: a duplicate of a non-confirmable message is ignored.
      let reply = message.type == .confirmable ? known.reply : nil
      record.bytesDown = reply?.count ?? 0
      output.record = record
      if let reply { output.datagrams.append(Outgoing(peer: peer, bytes: reply)) }
      return
    }
    var record = RequestRecord(kind: .other, time: now, peer: "\(peer)")
    record.messageID = messageID
    record.bytesUp = message.count
    var response = respond(to: message, at: now, record: &record)
    if message.type == .nonConfirmable, response.isAboutOption {
      return reject(message, from: peer, at: now, record: &record, output: &output)
    }
    record.code = response.code
    record.platformMessageID = response.platformMessageID
    send(&response, to: message, from: peer, at: now, record: &record, output: &output)
    output.record = record
  }

  /// RFC 7252 Section 5.4.1: a non-confirmable request with an unknown critical option is rejected, here
  /// with a Reset (Section 4.3), which is no answer.
  private mutating func reject(
    _ message: borrowing MessageView,
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
    answered.insert(peer, message.messageID, record: record, reply: reset, at: now)
  }

  private mutating func send(
    _ response: inout PlatformResponse,
    to message: borrowing MessageView,
    from peer: Peer,
    at now: Instant,
    record: inout RequestRecord,
    output: inout Output
  ) {
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
        output.datagrams.append(Outgoing(peer: peer, bytes: bytes))
        // Who never acknowledges must not fill the memory.
        if separate.count >= Self.maxSeparate { separate.removeFirst() }
        separate.append(
          SeparateResponse(peer: peer, messageID: nextMessageID, bytes: bytes, at: now)
        )
      }
    }
    record.bytesDown = output.datagrams.reduce(0) { $0 + $1.bytes.count }
    answered.insert(peer, message.messageID, record: record, reply: reply, at: now)
  }

  static func empty(_ type: MessageType, _ messageID: UInt16) -> [UInt8] {
    [0x40 | type.rawValue << 4, 0, UInt8(messageID >> 8), UInt8(messageID & 0xFF)]
  }

  /// RFC 7252 Section 4.2: a confirmable message with a format error is refused with a Reset.
  private static func reset(for datagram: [UInt8], _ error: MessageFormatError) -> [UInt8]? {
    switch error {
    case .truncatedHeader, .unknownVersion: return nil
    default: break
    }
    guard datagram[0] >> 4 & 0x03 == MessageType.confirmable.rawValue else { return nil }
    return empty(.reset, UInt16(datagram[2]) << 8 | UInt16(datagram[3]))
  }
}
