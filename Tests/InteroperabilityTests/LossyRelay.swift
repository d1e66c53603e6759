import ConstrainedCore
import Foundation
import Synchronization
import UDPTransport

/// A gateway between client and server, on a thread of its own, that loses the datagrams it is told to.
final class LossyRelay: Sendable {
  enum Direction: Sendable {
    case up, down
  }

  /// A datagram that came to the relay, and what became of it.
  struct Passage: Sendable {
    let direction: Direction
    let message: Dissection
    let isLost: Bool
  }

  private struct State {
    var passages: [Passage] = []
    var isStopped = false
  }

  let port: UInt16
  private let state = Mutex(State())

  /// Relays to `serverPort`; `loses` is asked for each datagram, together with those before it.
  init(
    to serverPort: UInt16,
    loses: @escaping @Sendable (Direction, Dissection, [Passage]) -> Bool
  ) throws {
    let down = try BoundSocket()
    let up = try UDPSocket(host: Array("127.0.0.1".utf8).span, port: serverPort)
    port = down.port
    let upHolder = Holder(up)
    Thread.detachNewThread { [self] in
      while !state.withLock({ $0.isStopped }) {
        _ = wait(for: [down.descriptor, upHolder.socket.descriptor], 20)
        while let datagram = down.receive(within: 0) {
          if passes(datagram, .up, loses) { try? upHolder.socket.send(datagram.span) }
        }
        while let datagram = try? upHolder.receive() {
          if passes(datagram, .down, loses) { down.send(datagram) }
        }
      }
    }
  }

  /// Everything that came to the relay so far.
  var passages: [Passage] { state.withLock { $0.passages } }

  func stop() {
    state.withLock { $0.isStopped = true }
  }

  private func passes(
    _ datagram: [UInt8],
    _ direction: Direction,
    _ loses: (Direction, Dissection, [Passage]) -> Bool
  ) -> Bool {
    guard let message = Dissection(datagram) else { return true }
    return state.withLock {
      let isLost = loses(direction, message, $0.passages)
      $0.passages.append(Passage(direction: direction, message: message, isLost: isLost))
      return !isLost
    }
  }
}

/// Lets a closure own a socket.
final class Holder: @unchecked Sendable {
  let socket: UDPSocket

  init(_ socket: consuming UDPSocket) { self.socket = socket }

  /// The next datagram that is there.
  func receive() throws(TransportError) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0xA5, count: 2_048)
    var writer = ByteWriter(buffer.mutableSpan)
    guard try socket.receive(into: &writer) else { return nil }
    let count = writer.count
    return Array(buffer[..<count])
  }
}
