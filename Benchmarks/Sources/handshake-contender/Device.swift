// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import DTLSSecurity
internal import SecurityLayer
internal import SystemClocks
internal import UDPTransport

/// A device and its socket.
struct Device: ~Copyable {
  private var security: DTLSSecurity
  private let socket: UDPSocket
  private var datagram = FixedBytes<2_048>()
  private var message = FixedBytes<2_048>()

  init(_ security: consuming DTLSSecurity, _ socket: consuming UDPSocket) {
    self.security = security
    self.socket = socket
  }

  /// Sends `report`, after a handshake if necessary; returns its record's length.
  mutating func send(_ report: Span<UInt8>) -> Int {
    while true {
      var isSealed = false
      if !security.holdsBack {
        datagram.write { (writer: inout ByteWriter) in
          do throws(SecurityError) {
            try security.wrap(report, into: &writer, at: MonotonicClock.now())
            isSealed = true
          } catch {
            guard error == .notEstablished else { fail("\(error)") }
          }
        }
      }
      if isSealed { break }
      transmitHandshake()
      receive()
    }
    do { try socket.send(datagram.bytes) } catch { fail("\(error)") }
    return datagram.count
  }

  /// Waits for a message from the server.
  mutating func awaitAnswer() {
    message.removeAll()
    while message.isEmpty { receive() }
  }

  /// Writes the session to a file, if there is one worth resuming.
  func saveSession(to path: String) {
    var session = [UInt8](repeating: 0, count: 65_536)
    var count = 0
    do throws(CapacityError) {
      var writer = ByteWriter(session.mutableSpan)
      guard try security.exportSession(into: &writer) else { return }
      count = writer.count
    } catch {
      fail("the session is too long")
    }
    write([UInt8](session[..<count]), to: path)
  }

  /// Sends close_notify, so that the server can accept the next device.
  mutating func close() {
    security.close()
    transmitHandshake()
  }

  func summary(_ record: Int) -> String {
    let suite = security.suite
    var name = ""
    for index in suite.bytes.indices {
      name.unicodeScalars.append(Unicode.Scalar(suite.bytes[index]))
    }
    return "\(name) \(isResumed ? "resumed" : "full"), a record of \(record) bytes"
  }

  private var isResumed = false

  private mutating func transmitHandshake() {
    var isThere = true
    while isThere {
      datagram.write { (writer: inout ByteWriter) in
        do throws(SecurityError) {
          isThere = try security.pollTransmit(into: &writer, at: MonotonicClock.now())
        } catch {
          fail("\(error)")
        }
      }
      guard isThere else { break }
      do { try socket.send(datagram.bytes) } catch { fail("\(error)") }
    }
    while let event = security.pollEvent() {
      switch event {
      case .established(let isResumed): self.isResumed = isResumed
      case .closed: fail("the server closed")
      case .failed(let failure): fail("\(failure)")
      }
    }
  }

  /// Waits for a datagram and handles it.
  private mutating func receive() {
    socket.wait(until: security.pollTimeout() ?? MonotonicClock.now() + Milliseconds(5_000))
    var isThere = false
    datagram.write { (writer: inout ByteWriter) in
      do { isThere = try socket.receive(into: &writer) } catch { fail("\(error)") }
    }
    let now = MonotonicClock.now()
    guard isThere else {
      guard security.pollTimeout() != nil else { fail("no answer") }
      return security.handleTimeout(at: now)
    }
    message.write { (writer: inout ByteWriter) in
      do throws(SecurityError) {
        try security.unwrap(datagram.bytes, into: &writer, at: now)
      } catch {
        fail("\(error)")
      }
    }
    transmitHandshake()
  }
}
