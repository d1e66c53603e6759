// SPDX-License-Identifier: Apache-2.0
import Foundation
import HTTPSPeers

/// A TCP server that answers whatever comes first with the same bytes, if any, and closes the connection.
final class PlainServer: Sendable {
  let port: UInt16
  private let descriptor: Int32

  init(answer: String?) throws {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    // SAFETY: the address is read and written within its length.
    let isListening = unsafe withUnsafeMutablePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(descriptor, $0, length) == 0 && listen(descriptor, 4) == 0
          && getsockname(descriptor, $0, &length) == 0
      }
    }
    guard isListening else { throw PlainServerError() }
    self.descriptor = descriptor
    port = UInt16(bigEndian: address.sin_port)
    Thread.detachNewThread {
      while case let client = accept(descriptor, nil, nil), client >= 0 {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        _ = unsafe read(client, &buffer, buffer.count)
        if let answer { _ = unsafe write(client, answer, answer.utf8.count) }
        close(client)
      }
    }
  }

  /// Nobody listens any more.
  func stop() {
    _ = shutdown(descriptor, Int32(SHUT_RDWR))
    close(descriptor)
  }
}

/// There is no port to listen at.
struct PlainServerError: Error {}
