import ConstrainedCore
import Foundation
import Synchronization
import SystemClocks
import UDPTransport

/// A gateway between device and server, on a thread of its own, that treats each datagram as it is
/// told to.
final class DatagramRelay: Sendable {
  enum Direction: Sendable, CaseIterable {
    case up, down
  }

  /// What becomes of a datagram.
  enum Fate: Sendable, Hashable, CaseIterable {
    case passes, isLost, comesTwice
    /// It comes behind the next one of its direction, or after 150 ms where there is none.
    case comesLater
  }

  struct Passage: Sendable {
    let direction: Direction
    let bytes: [UInt8]
  }

  /// Something on its way.
  private struct Parcel {
    let direction: Direction
    let bytes: [UInt8]
    var due: Instant
    var isHeld: Bool
  }

  private struct State {
    var passages: [Passage] = []
    var isStopped = false
  }

  let port: UInt16
  private let state = Mutex(State())

  /// Relays to `serverPort`, each way with a delay; `fate` is asked for each datagram, together with
  /// its number in its direction; `inject` gives what the device gets before a datagram is on its way.
  init(
    to serverPort: UInt16,
    delay: Int64 = 0,
    inject: @escaping @Sendable (Direction, Int, [UInt8]) -> [UInt8]? = { _, _, _ in nil },
    fate: @escaping @Sendable (Direction, Int, [UInt8]) -> Fate = { _, _, _ in .passes }
  ) throws {
    let down = try BoundSocket()
    let up = Holder(try UDPSocket(host: Array("127.0.0.1".utf8).span, port: serverPort))
    port = down.port
    Thread.detachNewThread { [self] in
      var parcels: [Parcel] = []
      var counts = [Direction.up: 0, .down: 0]
      let take = { (direction: Direction, bytes: [UInt8], now: Instant) in
        let number = counts[direction] ?? 0
        counts[direction] = number + 1
        self.state.withLock { $0.passages.append(Passage(direction: direction, bytes: bytes)) }
        if let forged = inject(direction, number, bytes) { down.send(forged) }
        let due = now + Milliseconds(delay)
        let parcel = Parcel(direction: direction, bytes: bytes, due: due, isHeld: false)
        let held = parcels.firstIndex { $0.isHeld && $0.direction == direction }
        switch fate(direction, number, bytes) {
        case .passes: parcels.append(parcel)
        case .isLost: break
        case .comesTwice: parcels += [parcel, parcel]
        case .comesLater:
          let late = due + Milliseconds(150)
          parcels.append(Parcel(direction: direction, bytes: bytes, due: late, isHeld: true))
        }
        if let held {
          var later = parcels.remove(at: held)
          later.due = due
          later.isHeld = false
          parcels.append(later)
        }
      }
      while !state.withLock({ $0.isStopped }) {
        _ = wait(for: [down.descriptor, up.socket.descriptor], parcels.isEmpty ? 20 : 2)
        let now = MonotonicClock.now()
        while let datagram = down.receive(within: 0) { take(.up, datagram, now) }
        while let datagram = (try? up.receive()) ?? nil { take(.down, datagram, now) }
        for parcel in parcels where parcel.due <= now {
          switch parcel.direction {
          case .up: try? up.socket.send(parcel.bytes.span)
          case .down: down.send(parcel.bytes)
          }
        }
        parcels.removeAll { $0.due <= now }
      }
    }
  }

  /// Everything that came to the relay so far.
  var passages: [Passage] { state.withLock { $0.passages } }

  /// How many datagrams came from one side.
  func count(_ direction: Direction) -> Int {
    passages.filter { $0.direction == direction }.count
  }

  func stop() {
    state.withLock { $0.isStopped = true }
  }
}
