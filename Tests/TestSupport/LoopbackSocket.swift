// SPDX-License-Identifier: Apache-2.0
internal import Foundation

/// A UDP socket on a port of 127.0.0.1 that the system chose, or of another address, which waits for nothing.
package struct LoopbackSocket: Sendable {
  /// The socket's descriptor; `close` is the caller's.
  package let descriptor: Int32
  /// Its port.
  package let port: UInt16

  package init(on last: UInt8 = 1, port wanted: UInt16 = 0) throws {
    let kind = SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue
    descriptor = socket(AF_INET, Int32(kind), 0)
    var address = Self.address(wanted)
    address.sin_addr.s_addr = (0x7F00_0000 | UInt32(last)).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = descriptor
    let result = unsafe withUnsafeMutablePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(descriptor, $0, length) | getsockname(descriptor, $0, &length)
      }
    }
    guard result == 0 else { throw POSIXError(.EADDRNOTAVAIL) }
    port = UInt16(bigEndian: address.sin_port)
  }

  /// The next datagram and the port that sent it; `nil` when there is none.
  package func receive() -> (bytes: [UInt8], port: UInt16)? {
    var buffer = [UInt8](repeating: 0, count: 2_048)
    var sender = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let count = unsafe withUnsafeMutablePointer(to: &sender) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe recvfrom(descriptor, &buffer, buffer.count, 0, $0, &length)
      }
    }
    return count < 0 ? nil : (Array(buffer[..<count]), UInt16(bigEndian: sender.sin_port))
  }

  /// Sends a datagram to a port of 127.0.0.1.
  package func send(_ datagram: [UInt8], to port: UInt16) {
    let address = Self.address(port)
    _ = unsafe withUnsafePointer(to: address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe sendto(
          descriptor,
          datagram,
          datagram.count,
          0,
          $0,
          socklen_t(MemoryLayout<sockaddr_in>.size)
        )
      }
    }
  }

  package func close() { _ = Foundation.close(descriptor) }

  /// Waits until one of them can be read, `milliseconds` at most.
  package static func wait(for sockets: [LoopbackSocket], milliseconds: Int32) {
    var entries = sockets.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
    _ = unsafe poll(&entries, nfds_t(entries.count), milliseconds)
  }

  /// A TCP connection to a port of 127.0.0.1, with at most so many seconds for each read, 0 for any; `close` is
  /// the caller's.
  package static func stream(to port: UInt16, patience: Int = 30) throws -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var limit = timeval(tv_sec: patience, tv_usec: 0)
    let size = socklen_t(MemoryLayout<timeval>.size)
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
    let result = unsafe withUnsafePointer(to: address(port)) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 else {
      _ = Foundation.close(descriptor)
      throw POSIXError(.ECONNREFUSED)
    }
    return descriptor
  }

  /// A TCP port of 127.0.0.1 that is taken, and its socket, which is the caller's to close.
  package static func takenPort() throws -> (descriptor: Int32, port: UInt16) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = address(0)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = unsafe withUnsafeMutablePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(descriptor, $0, length) | listen(descriptor, 1)
          | getsockname(descriptor, $0, &length)
      }
    }
    guard result == 0 else { throw POSIXError(.EADDRNOTAVAIL) }
    return (descriptor, UInt16(bigEndian: address.sin_port))
  }

  /// A port of 127.0.0.1.
  static func address(_ port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return address
  }
}
