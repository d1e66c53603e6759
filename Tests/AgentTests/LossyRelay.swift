import Foundation
import Synchronization
import TestSupport

/// A gateway on a thread of its own that loses datagrams, each way for itself, and lives as long as the
/// test: the device comes back from another port each time, as after a restart.
final class LossyRelay: Sendable {
  private struct State {
    var isStopped = false
    var lossPercent: UInt64
    var refused = 0
  }

  let port: UInt16
  private let state: Mutex<State>

  /// Relays to `serverPort` of 127.0.0.1, but for requests with one of the words in their path: it answers
  /// those itself, with 5.00 or 4.29.
  init(to serverPort: UInt16, lossPercent: UInt64, seed: UInt64, refusing words: [String] = []) {
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
            let answer = Self.refusal(of: buffer.prefix(count), words, random.next())
            if let answer {
              state.withLock { $0.refused += 1 }
              Self.hand(answer, to: device, over: inside)
            } else {
              _ = unsafe send(outside, &buffer, count, 0)
            }
          }
        }
        if entries[1].revents != 0 {
          let count = unsafe recv(outside, &buffer, buffer.count, 0)
          if count > 0, random.next() % 100 >= loss {
            Self.hand(Array(buffer.prefix(count)), to: device, over: inside)
          }
        }
      }
      _ = close(inside)
      _ = close(outside)
    }
  }

  /// How many of a hundred datagrams are lost from now on.
  func lose(_ percent: UInt64) { state.withLock { $0.lossPercent = percent } }

  /// How many requests it has refused.
  var refused: Int { state.withLock { $0.refused } }

  private static func refusal(
    of request: ArraySlice<UInt8>,
    _ words: [String],
    _ choice: UInt64
  ) -> [UInt8]? {
    let text = String(decoding: request, as: UTF8.self)
    guard words.contains(where: { text.contains($0) }) else { return nil }
    let code: UInt8 = choice % 2 == 0 ? 0xA0 : 0x9D
    return [0x60 | request[0] & 0x0F, code] + request[2..<4 + Int(request[0] & 0x0F)]
  }

  private static func hand(_ bytes: [UInt8], to device: sockaddr_in, over descriptor: Int32) {
    let length = socklen_t(MemoryLayout<sockaddr_in>.size)
    _ = unsafe withUnsafePointer(to: device) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe sendto(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL), $0, length)
      }
    }
  }

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
