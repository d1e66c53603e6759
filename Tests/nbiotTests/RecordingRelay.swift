import Foundation
import Synchronization
import TestSupport

/// Stands between devices and a platform, on a thread of its own, and keeps every datagram as the packet that
/// a capture would hold of it.
final class RecordingRelay: Sendable {
  private struct State {
    var isStopped = false
    var packets: [CaptureBytes.Packet] = []
  }

  let port: UInt16
  private let state = Mutex(State())

  /// Relays to `platform`, a port of 127.0.0.1.
  init(to platform: Int) throws {
    let (inside, port) = try Self.makeSocket()
    self.port = port
    Thread.detachNewThread { [self] in
      // For each port of a device the socket that speaks to the platform for it.
      var outside: [in_port_t: Int32] = [:]
      while !state.withLock({ $0.isStopped }) {
        var entries = ([inside] + outside.values).map {
          pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
        }
        _ = unsafe poll(&entries, nfds_t(entries.count), 20)
        while let (datagram, sender) = Self.receive(inside) {
          if outside[sender] == nil { outside[sender] = try? Self.makeSocket().0 }
          keep(PacketBytes.ipv4(PacketBytes.udp(datagram, from: Int(sender))))
          if let socket = outside[sender] { Self.send(datagram, socket, UInt16(platform)) }
        }
        for (device, socket) in outside {
          while let (datagram, _) = Self.receive(socket) {
            let packet = PacketBytes.udp(datagram, from: 5_682, to: Int(device))
            keep(PacketBytes.back(PacketBytes.ipv4(packet)))
            Self.send(datagram, inside, device)
          }
        }
      }
      for socket in [inside] + outside.values { _ = close(socket) }
    }
  }

  /// All packets so far, a millisecond apart.
  var packets: [CaptureBytes.Packet] { state.withLock { $0.packets } }

  func stop() { state.withLock { $0.isStopped = true } }

  private func keep(_ packet: [UInt8]) {
    state.withLock {
      $0.packets.append((packet, packet.count, 1_700_000_000_000_000 + $0.packets.count * 1_000))
    }
  }

  private static func makeSocket() throws -> (Int32, in_port_t) {
    let descriptor = socket(
      AF_INET,
      Int32(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue),
      0
    )
    var address = loopback(0)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = unsafe withUnsafeMutablePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(descriptor, $0, length) | getsockname(descriptor, $0, &length)
      }
    }
    guard result == 0 else { throw POSIXError(.EADDRNOTAVAIL) }
    return (descriptor, in_port_t(bigEndian: address.sin_port))
  }

  private static func loopback(_ port: in_port_t) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return address
  }

  private static func receive(_ socket: Int32) -> ([UInt8], in_port_t)? {
    var buffer = [UInt8](repeating: 0, count: 2_048)
    var sender = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let count = unsafe withUnsafeMutablePointer(to: &sender) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe recvfrom(socket, &buffer, buffer.count, 0, $0, &length)
      }
    }
    return count < 0 ? nil : (Array(buffer[..<count]), in_port_t(bigEndian: sender.sin_port))
  }

  private static func send(_ datagram: [UInt8], _ socket: Int32, _ port: in_port_t) {
    var address = loopback(port)
    _ = unsafe withUnsafePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe sendto(
          socket,
          datagram,
          datagram.count,
          0,
          $0,
          socklen_t(MemoryLayout<sockaddr_in>.size)
        )
      }
    }
  }
}
