import ConstrainedCore
import Foundation
import Synchronization
import UDPTransport

/// A gateway on a thread of its own that gives a device another port when it is told to, as NAT does
/// after a silence.
final class NATRelay: Sendable {
  private struct State {
    var isStopped = false
    var forgets = false
  }

  let port: UInt16
  private let state = Mutex(State())

  /// Relays to `serverPort` of 127.0.0.1.
  init(to serverPort: UInt16) throws {
    let inside = socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = unsafe withUnsafeMutablePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(inside, $0, length) | getsockname(inside, $0, &length)
      }
    }
    guard result == 0 else { throw TransportError.system(code: errno) }
    port = UInt16(bigEndian: address.sin_port)
    Thread.detachNewThread { [self] in
      defer { _ = close(inside) }
      while !state.withLock({ $0.isStopped }) {
        guard let outside = try? UDPSocket(host: Array("127.0.0.1".utf8).span, port: serverPort)
        else { return }
        state.withLock { $0.forgets = false }
        relay(inside, outside)
      }
    }
  }

  /// From now on the device has another port to the server.
  func forget() { state.withLock { $0.forgets = true } }

  func stop() { state.withLock { $0.isStopped = true } }

  /// Passes datagrams on until the binding is forgotten.
  private func relay(_ inside: Int32, _ outside: borrowing UDPSocket) {
    var device = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    var buffer = [UInt8](repeating: 0, count: 2_048)
    while state.withLock({ !$0.forgets && !$0.isStopped }) {
      var entries = [inside, outside.descriptor].map {
        pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
      }
      _ = unsafe poll(&entries, 2, 10)
      if state.withLock({ $0.forgets }) { return }
      let count = unsafe withUnsafeMutablePointer(to: &device) {
        unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          unsafe recvfrom(inside, &buffer, buffer.count, 0, $0, &length)
        }
      }
      if count > 0 { try? outside.send(buffer.span.extracting(0..<count)) }
      var writer = ByteWriter(buffer.mutableSpan)
      guard (try? outside.receive(into: &writer)) == true else { continue }
      let answer = writer.count
      _ = unsafe withUnsafePointer(to: device) {
        unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          unsafe sendto(inside, buffer, answer, 0, $0, length)
        }
      }
    }
  }
}
