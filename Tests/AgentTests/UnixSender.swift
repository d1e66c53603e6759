// SPDX-License-Identifier: Apache-2.0
import Foundation

/// A Unix socket with a name of its own, that waits for answers.
struct UnixSender {
  private let descriptor: Int32

  init(named path: String, type: __socket_type = SOCK_DGRAM) {
    descriptor = socket(AF_UNIX, Int32(type.rawValue), 0)
    var patience = timeval(tv_sec: 10, tv_usec: 0)
    _ = unsafe setsockopt(
      descriptor,
      SOL_SOCKET,
      SO_RCVTIMEO,
      &patience,
      socklen_t(MemoryLayout<timeval>.size)
    )
    let result = unsafe Self.with(path) { unsafe bind(descriptor, $0, $1) }
    precondition(result == 0, "the path is free")
  }

  func close() { _ = Foundation.close(descriptor) }

  func listen() { _ = Foundation.listen(descriptor, 1) }

  func connect(to path: String) {
    _ = unsafe Self.with(path) { unsafe Foundation.connect(descriptor, $0, $1) }
  }

  /// Sends a line.
  func send(_ line: String, to path: String) {
    let bytes = Array(line.utf8)
    _ = unsafe Self.with(path) { unsafe sendto(descriptor, bytes, bytes.count, 0, $0, $1) }
  }

  /// Sends a line and gives the answer without its end.
  func ask(_ line: String, at path: String) -> String {
    send(line, to: path)
    return answer()
  }

  /// The next answer without its end.
  func answer() -> String {
    var buffer = [UInt8](repeating: 0, count: 256)
    let count = unsafe recv(descriptor, &buffer, buffer.count, 0)
    return String(decoding: buffer[..<max(0, count)], as: UTF8.self)
      .trimmingCharacters(in: .newlines)
  }

  private static func with<Result>(
    _ path: String,
    _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
  ) -> Result {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { room in
      unsafe room.copyBytes(from: Array(path.utf8))
    }
    return unsafe withUnsafePointer(to: address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }
}
