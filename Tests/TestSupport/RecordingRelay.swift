internal import Foundation
internal import Synchronization

/// Stands between devices and a platform, on a thread of its own, and keeps every datagram as the packet that
/// a capture would hold of it.
package final class RecordingRelay: Sendable {
  private struct State {
    var isStopped = false
    var packets: [CaptureBytes.Packet] = []
  }

  /// Where devices find it.
  package let port: UInt16
  private let state = Mutex(State())

  /// Relays to `platform`, a port of 127.0.0.1.
  package init(to platform: UInt16) throws {
    let inside = try LoopbackSocket()
    port = inside.port
    Thread.detachNewThread { [self] in relay(inside, to: platform) }
  }

  /// All packets so far, a millisecond apart.
  package var packets: [CaptureBytes.Packet] { state.withLock { $0.packets } }

  package func stop() { state.withLock { $0.isStopped = true } }

  private func relay(_ inside: LoopbackSocket, to platform: UInt16) {
    // For each port of a device the socket that speaks to the platform for it.
    var outside: [UInt16: LoopbackSocket] = [:]
    while !state.withLock({ $0.isStopped }) {
      LoopbackSocket.wait(for: [inside] + outside.values, milliseconds: 20)
      while let datagram = inside.receive() {
        if outside[datagram.port] == nil { outside[datagram.port] = try? LoopbackSocket() }
        keep(PacketBytes.ipv4(PacketBytes.udp(datagram.bytes, from: Int(datagram.port))))
        outside[datagram.port]?.send(datagram.bytes, to: platform)
      }
      for (device, socket) in outside {
        while let datagram = socket.receive() {
          let packet = PacketBytes.udp(datagram.bytes, from: 5_682, to: Int(device))
          keep(PacketBytes.back(PacketBytes.ipv4(packet)))
          inside.send(datagram.bytes, to: device)
        }
      }
    }
    for socket in [inside] + outside.values { socket.close() }
  }

  private func keep(_ packet: [UInt8]) {
    state.withLock {
      let time = 1_700_000_000_000_000 + $0.packets.count * 1_000
      $0.packets.append((packet, packet.count, time))
    }
  }
}
