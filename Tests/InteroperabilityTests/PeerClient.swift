// SPDX-License-Identifier: Apache-2.0
import CoAPExchange
import CoAPMessage
import ConstrainedCore
import SystemClocks
import UDPTransport

/// The library as a program would use it: an endpoint over a real socket on the real clock, which
/// blocks, and writes down every datagram.
final class PeerClient {
  struct Record: CustomStringConvertible {
    let isSent: Bool
    let time: Instant
    let message: Dissection

    var description: String { "\(time.milliseconds) \(isSent ? "->" : "<-") \(message)" }
  }

  /// What did not happen in time, with everything that did.
  struct Timeout: Error, CustomStringConvertible {
    let description: String
  }

  private var endpoint: ClientEndpoint<8, 1_280, 16>
  private let socket: Holder
  private let end: Instant
  private var random: UInt32 = 0x5EED
  private var receptions: [(Reception, Dissection)] = []
  private(set) var events: [ExchangeEvent] = []
  private(set) var records: [Record] = []

  /// A client of 127.0.0.1; all that it waits for must happen within `seconds`.
  init(
    port: UInt16,
    parameters: TransmissionParameters = .standard,
    within seconds: Int64 = 30
  ) throws {
    socket = Holder(try UDPSocket(host: Array("127.0.0.1".utf8).span, port: port))
    let now = MonotonicClock.now()
    end = now + Milliseconds(seconds * 1_000)
    endpoint = ClientEndpoint(
      parameters: parameters,
      key: (UInt64.random(in: 0 ... .max), UInt64.random(in: 0 ... .max))
    )
  }

  /// For tests of what happens in the lossy context: 300 to 450 ms, then twice that, three times.
  static let impatient = TransmissionParameters(
    acknowledgementTimeout: Milliseconds(300),
    maxRetransmit: 3
  )

  var isIdle: Bool { endpoint.isIdle }
  var now: Instant { MonotonicClock.now() }
  var sent: [Dissection] { records.filter(\.isSent).map(\.message) }
  var received: [Dissection] { records.filter { !$0.isSent }.map(\.message) }
  var trace: String { records.map(\.description).joined(separator: "\n") }
}

// MARK: - Commands

extension PeerClient {
  /// Starts a request; `before` writes the options whose numbers are below Uri-Path's 11, `build` those
  /// above and the payload.
  func send(
    _ code: Code,
    _ path: String = "",
    type: MessageType = .confirmable,
    token: Token? = nil,
    random: UInt32? = nil,
    _ build: (inout MessageWriter) throws(MessageWriterError) -> Void = { _ in },
    before: (inout MessageWriter) throws(MessageWriterError) -> Void = { _ in }
  ) throws -> ExchangeID {
    self.random = self.random &* 1_103_515_245 &+ 12_345
    let segments = Array(path.utf8)
    let id = try endpoint.send(
      code,
      type: type,
      token: token ?? endpoint.newToken(),
      random: random ?? self.random
    ) { (message: inout MessageWriter) throws(MessageWriterError) in
      try before(&message)
      try message.path(segments.span)
      try build(&message)
    }
    return id
  }

  /// Sends a request and waits for its answer.
  func exchange(
    _ code: Code,
    _ path: String,
    type: MessageType = .confirmable,
    token: Token? = nil,
    _ build: (inout MessageWriter) throws(MessageWriterError) -> Void = { _ in },
    before: (inout MessageWriter) throws(MessageWriterError) -> Void = { _ in }
  ) throws -> Dissection {
    try response(
      to: send(code, path, type: type, token: token, build, before: before)
    )
  }

  func ping() throws -> ExchangeID { try endpoint.ping(random: 0) }

  func cancel(_ exchange: ExchangeID) { endpoint.cancel(exchange) }

  func cancelObservation(_ exchange: ExchangeID) throws { try endpoint.cancelObservation(exchange) }

  /// Makes the whole of a block-wise transfer; returns the response's body and its last message.
  ///
  /// With `notification` it fetches the rest of a resource whose first block came with that.
  func transfer<let size: Int>(
    _ transfer: inout BlockwiseTransfer<size>,
    body: [UInt8] = [],
    notification: Dissection? = nil
  ) throws -> (body: [UInt8], last: Dissection) {
    var collected: [UInt8] = []
    var pending = notification
    while true {
      let answer = try pending ?? response(to: send(&transfer, body))
      pending = nil
      let step = try transfer.handle(try MessageView(answer.bytes.span))
      switch step {
      case .next: break
      case .restart: collected = []
      case .block(let offset), .finished(let offset):
        guard offset == collected.count else { throw Timeout(description: "a gap at \(offset)") }
        collected += answer.payload
        if case .finished = step { return (collected, answer) }
      }
    }
  }

  /// Sends the next request of a transfer.
  func send<let size: Int>(
    _ transfer: inout BlockwiseTransfer<size>,
    _ body: [UInt8] = []
  ) throws -> ExchangeID {
    let piece = transfer.nextPiece.clamped(to: 0..<body.count)
    random = random &* 1_103_515_245 &+ 12_345
    return try endpoint.send(transfer.code, token: endpoint.newToken(), random: random) {
      (message: inout MessageWriter) throws(MessageWriterError) in
      try transfer.write(
        body.span.extracting(piece),
        isLast: piece.upperBound == body.count,
        into: &message
      )
    }
  }
}

// MARK: - Waiting

extension PeerClient {
  func response(to id: ExchangeID) throws -> Dissection { try take(.response(id)) }

  func notification(of id: ExchangeID) throws -> Dissection { try take(.notification(id)) }

  /// Waits for a message that is taken for that, and takes it out of those received.
  func take(_ reception: Reception) throws -> Dissection {
    var found: Dissection?
    try wait(for: "\(reception)") {
      guard let index = receptions.firstIndex(where: { $0.0 == reception }) else { return false }
      found = receptions.remove(at: index).1
      return true
    }
    guard let found else { throw Timeout(description: "no \(reception)") }
    return found
  }

  func wait(for event: ExchangeEvent) throws {
    try wait(for: "\(event)") { events.contains(event) }
  }

  /// Goes on until the condition holds; throws when it does not hold in time.
  func wait(for what: String, until isDone: () -> Bool) throws {
    while !isDone() {
      guard now < end else { throw Timeout(description: "\(what) did not come:\n\(trace)") }
      // What is waited for may happen elsewhere, in the relay.
      try step(until: min(end, now + Milliseconds(20)))
    }
  }

  /// Goes on for that long, whatever happens.
  func run(for milliseconds: Int64) throws {
    let until = min(now + Milliseconds(milliseconds), end)
    while now < until { try step(until: until) }
  }

  /// The messages that were received, and what the endpoint took them for, since they were asked for.
  func takeReceptions() -> [Reception] {
    defer { receptions = [] }
    return receptions.map(\.0)
  }

  /// Sends what is due, then waits for one thing to happen and takes it in.
  ///
  /// What has come already is taken in before anything is sent again: on a busy machine both may be late.
  private func step(until limit: Instant) throws {
    while let datagram = try receive() { try handle(datagram) }
    try transmit()
    socket.socket.wait(until: min(endpoint.pollTimeout() ?? limit, limit))
    while let datagram = try receive() { try handle(datagram) }
    endpoint.handleTimeout(at: now)
    while let event = endpoint.pollEvent() { events.append(event) }
    try transmit()
  }

  private func transmit() throws {
    while true {
      var datagram: [UInt8] = []
      // What the endpoint is told: a clock that is read again may have gone on.
      let time = now
      let transmission = endpoint.pollTransmit(at: time) { (bytes: Span<UInt8>) in
        for index in bytes.indices { datagram.append(bytes[index]) }
      }
      guard transmission != nil else { return }
      guard let message = Dissection(datagram) else {
        throw Timeout(description: "sent what is not a message: \(datagram)")
      }
      records.append(Record(isSent: true, time: time, message: message))
      do throws(TransportError) {
        try socket.socket.send(datagram.span)
      } catch {
        // A server that is being rebooted: what is sent to it is lost.
        guard error == .refused else { throw error }
      }
    }
  }

  private func receive() throws(TransportError) -> [UInt8]? {
    do throws(TransportError) {
      return try socket.receive()
    } catch {
      guard error == .refused else { throw error }
      return nil
    }
  }

  private func handle(_ datagram: [UInt8]) throws {
    guard let message = Dissection(datagram) else {
      throw Timeout(description: "received what is not a message: \(datagram)")
    }
    let time = now
    records.append(Record(isSent: false, time: time, message: message))
    let reception = endpoint.handle(try MessageView(datagram.span), at: time)
    receptions.append((reception, message))
  }
}
