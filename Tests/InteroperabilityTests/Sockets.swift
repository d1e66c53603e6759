// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import Glibc
import UDPTransport

/// Why a socket of the tests could not be had.
struct SocketError: Error {
  let code = errno
}

/// A UDP socket on a free port of 127.0.0.1, for the tests' own servers.
///
/// It answers whoever sent it the last datagram.
final class BoundSocket: @unchecked Sendable {
  let descriptor: Int32
  let port: UInt16
  private var peer = sockaddr_in()

  init() throws {
    let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = unsafe withUnsafeMutablePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(descriptor, $0, length) | getsockname(descriptor, $0, &length)
      }
    }
    self.descriptor = descriptor
    port = UInt16(bigEndian: address.sin_port)
    guard result == 0 else { throw SocketError() }
  }

  deinit {
    _ = close(descriptor)
  }

  /// Sends to that port of 127.0.0.1 from now on.
  func setPeer(_ port: UInt16) {
    peer.sin_family = sa_family_t(AF_INET)
    peer.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    peer.sin_port = port.bigEndian
  }

  /// The next datagram; `nil` when none comes within that time.
  func receive(within milliseconds: Int32) -> [UInt8]? {
    guard wait(for: [descriptor], milliseconds) else { return nil }
    var buffer = [UInt8](repeating: 0, count: 2_048)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let count = unsafe withUnsafeMutablePointer(to: &peer) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe recvfrom(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT), $0, &length)
      }
    }
    return count >= 0 ? Array(buffer[..<count]) : nil
  }

  func send(_ datagram: [UInt8]) {
    let length = socklen_t(MemoryLayout<sockaddr_in>.size)
    _ = unsafe withUnsafePointer(to: peer) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe sendto(descriptor, datagram, datagram.count, 0, $0, length)
      }
    }
  }
}

/// Waits until one of the descriptors can be read; `false` when none can within that time.
func wait(for descriptors: [Int32], _ milliseconds: Int32) -> Bool {
  var entries = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
  return unsafe poll(&entries, nfds_t(entries.count), milliseconds) > 0
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
