// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import Synchronization

/// A gateway between devices and a server of 127.0.0.1, on a thread of its own, that treats each datagram as it is
/// told to, and remembers it.
package final class DatagramRelay: Sendable {
  /// Which way a datagram goes: up to the server.
  package enum Direction: Sendable, CaseIterable {
    case up, down
  }

  /// What becomes of a datagram.
  package enum Fate: Sendable, Hashable {
    case passes, isLost, comesTwice
    /// It comes behind the next one of its direction, or after 150 ms where there is none.
    case comesLater
    /// It goes on its way once the device has been sent these bytes.
    case passesAfter([UInt8])
    /// It is lost, and the device is sent these bytes.
    case isAnswered([UInt8])
  }

  /// A datagram that came to the relay.
  package struct Passage: Sendable {
    package let direction: Direction
    /// Which one it is of its direction, counted from 0.
    package let number: Int
    package let bytes: [UInt8]
    /// The port of the device that has sent it, or is to have it.
    package let device: UInt16
    /// What has become of it.
    package fileprivate(set) var fate = Fate.passes

    package var isLost: Bool { fate == .isLost }
  }

  /// Which ports the server sees.
  package enum Ports: Sendable {
    /// One for each port of a device.
    case perDevice
    /// One for all of them: answers go to the device that was heard last, which may have been started anew.
    case shared
  }

  /// Decides about a datagram, and is told of those before it.
  package typealias Judge = @Sendable (_ next: Passage, _ earlier: [Passage]) -> Fate

  private struct State {
    var passages: [Passage] = []
    var counts: [Direction: Int] = [:]
    var isStopped = false
    var forgets = false
  }

  /// Where devices find it.
  package let port: UInt16
  private let state = Mutex(State())

  /// Relays to `server`, a port of 127.0.0.1, each way with a delay in milliseconds.
  package init(
    to server: UInt16,
    ports: Ports = .perDevice,
    delay: Int64 = 0,
    fate: @escaping Judge = { _, _ in .passes }
  ) throws {
    let inside = try LoopbackSocket()
    port = inside.port
    Thread.detachNewThread { [self] in
      var roads = Roads(inside: inside, server: server, ports: ports, delay: .milliseconds(delay))
      while !state.withLock({ $0.isStopped }) {
        roads.wait()
        if state.withLock({ state in
          defer { state.forgets = false }
          return state.forgets
        }) {
          roads.forget()
        }
        roads.pass { direction, bytes, device in
          state.withLock { state in
            let number = state.counts[direction, default: 0]
            state.counts[direction] = number + 1
            var passage = Passage(
              direction: direction,
              number: number,
              bytes: bytes,
              device: device
            )
            passage.fate = fate(passage, state.passages)
            state.passages.append(passage)
            return passage.fate
          }
        }
      }
      roads.close()
    }
  }

  /// Everything that came to the relay so far.
  package var passages: [Passage] { state.withLock { $0.passages } }

  /// How many datagrams came from one side.
  package func count(_ direction: Direction) -> Int {
    state.withLock { $0.counts[direction, default: 0] }
  }

  /// All datagrams so far as packets that a capture would hold of them, a millisecond apart.
  package var packets: [CaptureBytes.Packet] {
    passages.enumerated().map { index, passage in
      let packet: [UInt8]
      switch passage.direction {
      case .up:
        packet = PacketBytes.ipv4(PacketBytes.udp(passage.bytes, from: Int(passage.device)))
      case .down:
        let datagram = PacketBytes.udp(passage.bytes, from: 5_682, to: Int(passage.device))
        packet = PacketBytes.back(PacketBytes.ipv4(datagram))
      }
      return (packet, packet.count, 1_700_000_000_000_000 + index * 1_000)
    }
  }

  /// From now on each device has another port to the server, as after a silence behind NAT; what comes to the old one
  /// is lost.
  package func forget() { state.withLock { $0.forgets = true } }

  package func stop() { state.withLock { $0.isStopped = true } }
}

/// The sockets of a relay, and what is on its way between them.
private struct Roads {
  private struct Parcel {
    let direction: DatagramRelay.Direction
    let bytes: [UInt8]
    let device: UInt16
    var due: ContinuousClock.Instant
    var isHeld = false
  }

  private let inside: LoopbackSocket
  private let server: UInt16
  private let ports: DatagramRelay.Ports
  private let delay: Duration
  /// For each port of a device the socket that speaks to the server for it; under 0 the one that all share.
  private var outside: [UInt16: LoopbackSocket] = [:]
  private var lastDevice: UInt16 = 0
  private var parcels: [Parcel] = []

  init(
    inside: LoopbackSocket,
    server: UInt16,
    ports: DatagramRelay.Ports,
    delay: Duration
  ) {
    self.inside = inside
    self.server = server
    self.ports = ports
    self.delay = delay
  }

  func wait() {
    let sockets = [inside] + outside.values
    LoopbackSocket.wait(for: sockets, milliseconds: parcels.isEmpty ? 20 : 2)
  }

  /// Takes in what has come, and hands over what is due.
  mutating func pass(_ judge: (DatagramRelay.Direction, [UInt8], UInt16) -> DatagramRelay.Fate) {
    let now = ContinuousClock.now
    while let datagram = inside.receive() {
      lastDevice = datagram.port
      take(.up, datagram.bytes, datagram.port, now, judge)
    }
    for (key, socket) in outside {
      while let datagram = socket.receive() {
        guard datagram.port == server else { continue }
        take(.down, datagram.bytes, ports == .shared ? lastDevice : key, now, judge)
      }
    }
    for parcel in parcels where parcel.due <= now {
      switch parcel.direction {
      case .up: speaker(for: parcel.device)?.send(parcel.bytes, to: server)
      case .down: inside.send(parcel.bytes, to: parcel.device)
      }
    }
    parcels.removeAll { $0.due <= now }
  }

  private mutating func take(
    _ direction: DatagramRelay.Direction,
    _ bytes: [UInt8],
    _ device: UInt16,
    _ now: ContinuousClock.Instant,
    _ judge: (DatagramRelay.Direction, [UInt8], UInt16) -> DatagramRelay.Fate
  ) {
    let due = now + delay
    var parcel = Parcel(direction: direction, bytes: bytes, device: device, due: due)
    let held = parcels.firstIndex { $0.isHeld && $0.direction == direction }
    switch judge(direction, bytes, device) {
    case .passes: parcels.append(parcel)
    case .isLost: break
    case .comesTwice: parcels += [parcel, parcel]
    case .comesLater:
      parcel.due = due + .milliseconds(150)
      parcel.isHeld = true
      parcels.append(parcel)
    case .passesAfter(let forged):
      inside.send(forged, to: device)
      parcels.append(parcel)
    case .isAnswered(let answer): inside.send(answer, to: device)
    }
    guard let held else { return }
    var later = parcels.remove(at: held)
    later.due = due
    later.isHeld = false
    parcels.append(later)
  }

  private mutating func speaker(for device: UInt16) -> LoopbackSocket? {
    let key = ports == .shared ? 0 : device
    if outside[key] == nil { outside[key] = try? LoopbackSocket() }
    return outside[key]
  }

  mutating func forget() {
    for socket in outside.values { socket.close() }
    outside = [:]
  }

  mutating func close() {
    forget()
    inside.close()
  }
}
