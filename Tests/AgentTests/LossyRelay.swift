import Foundation
import Synchronization
import TestSupport

/// A gateway on a thread of its own that loses datagrams, each way for itself, and lives as long as the
/// test: the device comes back from another port each time, as after a restart.
final class LossyRelay: Sendable {
  private struct State {
    var isStopped = false
    var lossPercent: UInt64
  }

  let port: UInt16
  private let state: Mutex<State>

  /// Relays to `serverPort` of 127.0.0.1.
  init(to serverPort: UInt16, lossPercent: UInt64, seed: UInt64) {
    state = Mutex(State(lossPercent: lossPercent))
    let inside = Self.socket(connectedTo: nil)
    let outside = Self.socket(connectedTo: serverPort)
    port = Self.port(of: inside)
    Thread.detachNewThread { [self] in
      var random = SeededRandom(seed: seed)
      var device = sockaddr_in()
      var length = socklen_t(MemoryLayout<sockaddr_in>.size)
      var buffer = [UInt8](repeating: 0, count: 2_048)
      while !state.withLock({ $0.isStopped }) {
        var entries = [inside, outside].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        _ = unsafe poll(&entries, 2, 20)
        let loss = state.withLock { $0.lossPercent }
        if entries[0].revents != 0 {
          let count = unsafe withUnsafeMutablePointer(to: &device) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
              unsafe recvfrom(inside, &buffer, buffer.count, 0, $0, &length)
            }
          }
          if count > 0, random.next() % 100 >= loss {
            _ = unsafe send(outside, &buffer, count, 0)
          }
        }
        if entries[1].revents != 0 {
          let count = unsafe recv(outside, &buffer, buffer.count, 0)
          if count > 0, random.next() % 100 >= loss {
            _ = unsafe withUnsafePointer(to: device) {
              unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe sendto(inside, buffer, count, Int32(MSG_NOSIGNAL), $0, length)
              }
            }
          }
        }
      }
      _ = close(inside)
      _ = close(outside)
    }
  }

  /// How many of a hundred datagrams are lost from now on.
  func lose(_ percent: UInt64) { state.withLock { $0.lossPercent = percent } }

  func stop() { state.withLock { $0.isStopped = true } }

  private static func socket(connectedTo port: UInt16?) -> Int32 {
    let descriptor = Glibc.socket(
      AF_INET,
      Int32(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue),
      0
    )
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    address.sin_port = (port ?? 0).bigEndian
    let length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = unsafe withUnsafePointer(to: address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe port == nil ? bind(descriptor, $0, length) : connect(descriptor, $0, length)
      }
    }
    precondition(result == 0, "a socket on 127.0.0.1 can be made")
    return descriptor
  }

  private static func port(of descriptor: Int32) -> UInt16 {
    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    _ = unsafe withUnsafeMutablePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe getsockname(descriptor, $0, &length)
      }
    }
    return UInt16(bigEndian: address.sin_port)
  }
}
