// SPDX-License-Identifier: Apache-2.0
import CoAPExchange
import ConstrainedCore
import DTLSSecurity
import SecurityLayer
import SystemClocks
import UDPTransport

/// DTLSSecurity over a real socket on the real clock, which blocks, and writes down every datagram.
final class SecureClient {
  struct Datagram: CustomStringConvertible {
    let isSent: Bool
    let time: Instant
    let bytes: [UInt8]

    /// Content types and lengths of its records.
    var description: String {
      var text = "\(time.milliseconds) \(isSent ? "->" : "<-")"
      for record in Records(bytes) { text += " \(record.type)/\(record.epoch):\(record.count)" }
      return text
    }
  }

  /// What did not happen in time, with everything that did.
  struct Timeout: Error, CustomStringConvertible {
    let description: String
  }

  private var layer: DTLSSecurity
  private let socket: Holder
  private let end: Instant
  private(set) var datagrams: [Datagram] = []
  private(set) var events: [SecurityEvent] = []
  private var messages: [[UInt8]] = []
  private var waiting: [[UInt8]] = []

  /// A device of 127.0.0.1; all that it waits for must happen within `seconds`.
  init(port: UInt16, _ layer: consuming DTLSSecurity, within seconds: Int64 = 30) throws {
    socket = Holder(try UDPSocket(host: Array("127.0.0.1".utf8).span, port: port))
    self.layer = layer
    end = MonotonicClock.now() + Milliseconds(seconds * 1_000)
  }

  var now: Instant { MonotonicClock.now() }
  var isEstablished: Bool { layer.isEstablished }
  var sent: [[UInt8]] { datagrams.filter(\.isSent).map(\.bytes) }
  var trace: String { datagrams.map(\.description).joined(separator: "\n") + "\n\(events)" }

  var suite: String {
    let name = layer.suite
    var bytes: [UInt8] = []
    for index in name.bytes.indices { bytes.append(name.bytes[index]) }
    return String(decoding: bytes, as: UTF8.self)
  }
}

// MARK: - Commands

extension SecureClient {
  /// Sends a message as soon as there is an association.
  func send(_ message: [UInt8]) throws {
    waiting.append(message)
    try transmit()
  }

  /// Sends a message and returns the next one that comes.
  func exchange(_ message: [UInt8]) throws -> [UInt8] {
    try send(message)
    return try receive()
  }

  /// The next message.
  func receive() throws -> [UInt8] {
    try wait(for: "a message") { !messages.isEmpty }
    return messages.removeFirst()
  }

  /// Waits for the layer to say something, which is then forgotten.
  func event() throws -> SecurityEvent {
    try wait(for: "an event") { !events.isEmpty }
    return events.removeFirst()
  }

  /// The session for another process; `nil` when there is none.
  func exportSession() throws -> [UInt8]? {
    var bytes = [UInt8](repeating: 0xA5, count: DTLSSecurity.maxSessionSize)
    var writer = ByteWriter(bytes.mutableSpan)
    let isThere = try layer.exportSession(into: &writer)
    let count = writer.count
    return isThere ? Array(bytes[..<count]) : nil
  }

  func importSession(_ bytes: [UInt8]) throws(DTLSConfigurationError) {
    try layer.importSession(bytes.span)
  }

  /// Says goodbye.
  func close() throws {
    layer.close()
    try transmit()
  }

  /// Gives up messages that wait.
  func giveUp() {
    waiting = []
    layer.interrupt()
  }

  /// Goes on for that long, whatever happens.
  func run(for milliseconds: Int64) throws {
    let until = now + Milliseconds(milliseconds)
    while now < until { try step(until: until) }
  }

  /// Goes on until the condition holds; throws when it does not hold in time.
  func wait(for what: String, until isDone: () -> Bool) throws {
    while !isDone() {
      guard now < end else { throw Timeout(description: "\(what) did not come:\n\(trace)") }
      try step(until: min(end, now + Milliseconds(20)))
    }
  }
}

// MARK: - Input and output

extension SecureClient {
  private func step(until limit: Instant) throws {
    try transmit()
    socket.socket.wait(until: min(layer.pollTimeout() ?? limit, limit))
    while let datagram = try receiveDatagram() {
      datagrams.append(Datagram(isSent: false, time: now, bytes: datagram))
      try unwrap(datagram)
      while layer.hasPendingMessage { try unwrap([]) }
    }
    if let due = layer.pollTimeout(), due <= now { layer.handleTimeout(at: now) }
    takeEvent()
    try transmit()
  }

  private func takeEvent() {
    while let event = layer.pollEvent() {
      events.append(event)
      // As a program would: what waited for a handshake that failed is not sent of itself.
      if case .failed = event { waiting = [] }
    }
  }

  private func unwrap(_ datagram: [UInt8]) throws {
    var buffer = [UInt8](repeating: 0xA5, count: 2_048)
    var writer = ByteWriter(buffer.mutableSpan)
    try layer.unwrap(datagram.span, into: &writer, at: now)
    let count = writer.count
    if count > 0 { messages.append(Array(buffer[..<count])) }
    takeEvent()
  }

  private func transmit() throws {
    while let message = waiting.first, !layer.holdsBack || layer.isEstablished {
      var buffer = [UInt8](repeating: 0xA5, count: 2_048)
      var writer = ByteWriter(buffer.mutableSpan)
      do throws(SecurityError) {
        try layer.wrap(message.span, into: &writer, at: now)
      } catch {
        guard error == .notEstablished else { throw error }
        break
      }
      let count = writer.count
      waiting.removeFirst()
      // The handshake's last flight goes first.
      try transmitHandshake()
      try put(Array(buffer[..<count]))
    }
    try transmitHandshake()
    takeEvent()
  }

  private func transmitHandshake() throws {
    while true {
      var buffer = [UInt8](repeating: 0xA5, count: 2_048)
      var writer = ByteWriter(buffer.mutableSpan)
      guard try layer.pollTransmit(into: &writer, at: now) else { return }
      let count = writer.count
      try put(Array(buffer[..<count]))
    }
  }

  private func put(_ datagram: [UInt8]) throws {
    datagrams.append(Datagram(isSent: true, time: now, bytes: datagram))
    do throws(TransportError) {
      try socket.socket.send(datagram.span)
    } catch {
      // A server that is being started again: what is sent to it is lost.
      guard error == .refused else { throw error }
    }
  }

  private func receiveDatagram() throws(TransportError) -> [UInt8]? {
    do throws(TransportError) {
      return try socket.receive()
    } catch {
      guard error == .refused else { throw error }
      return nil
    }
  }
}

// MARK: - Records

/// The records of a datagram (RFC 6347 Section 4.1), by their headers.
struct Records: Sequence, IteratorProtocol {
  struct Record: Equatable {
    let type: UInt8
    let epoch: Int
    let count: Int
    /// Of a handshake message in the clear, its type (RFC 5246 Section 7.4).
    let message: UInt8?
  }

  private var rest: ArraySlice<UInt8>

  init(_ datagram: [UInt8]) { rest = datagram[...] }

  mutating func next() -> Record? {
    guard rest.count >= 13 else { return nil }
    let header = Array(rest.prefix(13))
    let count = Int(header[11]) << 8 | Int(header[12])
    let epoch = Int(header[3]) << 8 | Int(header[4])
    let body = rest.dropFirst(13).prefix(count)
    rest = rest.dropFirst(13 + count)
    let message = header[0] == 22 && epoch == 0 ? body.first : nil
    return Record(type: header[0], epoch: epoch, count: count, message: message)
  }
}
