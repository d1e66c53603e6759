// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import Synchronization

/// Passes TCP connections on to a server of 127.0.0.1, and counts their bytes.
package final class StreamRelay: Sendable {
  /// Where devices find it.
  package let port: UInt16
  private let listener: Int32
  private let counts = Mutex((up: 0, down: 0, connections: 0))

  /// Bytes from devices, bytes to them, and the connections that they were in.
  package var counted: (up: Int, down: Int, connections: Int) { counts.withLock { $0 } }

  /// Relays to `server`, a port of 127.0.0.1.
  package init(to server: UInt16) throws {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = LoopbackSocket.address(0)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    // SAFETY: the address lives through the calls, and has that length.
    let isBound = unsafe withUnsafeMutablePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(listener, $0, length) == 0 && listen(listener, 8) == 0
          && getsockname(listener, $0, &length) == 0
      }
    }
    guard isBound else { throw POSIXError(.EADDRINUSE) }
    port = UInt16(bigEndian: address.sin_port)
    self.listener = listener
    Thread.detachNewThread { [weak self] in
      while true {
        let device = accept(listener, nil, nil)
        guard device >= 0, let relay = self else { return }
        relay.counts.withLock { $0.connections += 1 }
        guard let platform = try? LoopbackSocket.stream(to: server, patience: 0) else {
          close(device)
          continue
        }
        let rest = DispatchGroup()
        rest.enter()
        Thread.detachNewThread {
          relay.pass(device, platform) { $0.up += $1 }
          rest.leave()
        }
        Thread.detachNewThread {
          relay.pass(platform, device) { $0.down += $1 }
          rest.wait()
          close(device)
          close(platform)
        }
      }
    }
  }

  /// Takes no more connections.
  package func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

  deinit { close(listener) }

  /// Passes on what comes from one socket until it ends, and then the end.
  private func pass(
    _ source: Int32,
    _ target: Int32,
    _ count: (inout (up: Int, down: Int, connections: Int), Int) -> Void
  ) {
    var bytes = [UInt8](repeating: 0, count: 65_536)
    while true {
      let received = unsafe recv(source, &bytes, bytes.count, 0)
      guard received > 0 else { break }
      counts.withLock { count(&$0, received) }
      guard unsafe send(target, bytes, received, Int32(MSG_NOSIGNAL)) == received else {
        break
      }
    }
    shutdown(target, Int32(SHUT_WR))
  }
}
