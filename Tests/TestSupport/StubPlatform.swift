internal import Dispatch
internal import Foundation
internal import Synchronization

/// A platform in symmetric mode on a port of 127.0.0.1 that answers `/auth` well and all else as it is told to, for
/// answers that the simulator does not give.
package final class StubPlatform: Sendable {
  /// A request that came.
  package struct Request: Sendable {
    /// Its Uri-Path.
    package let path: String
    /// Seconds since the platform began.
    package let time: Double
    /// Which one it is of all requests to that path, counted from 0.
    package let number: Int
  }

  /// What answers a request: the code as 0x45 for 2.05, options and payload as they stand behind the token.
  package struct Answer: Sendable {
    package var code: UInt8
    package var rest: [UInt8]

    package init(_ code: UInt8, _ rest: [UInt8] = []) {
      self.code = code
      self.rest = rest
    }

    /// 4.29 or 5.03 with Max-Age.
    package static func putOff(_ code: UInt8, seconds: UInt8) -> Answer {
      Answer(code, [0xD1, 1, seconds])
    }

    /// 2.05 with so many bytes of payload.
    package static func content(_ count: Int) -> Answer {
      Answer(0x45, [0xFF] + [UInt8](repeating: 0x78, count: count))
    }
  }

  private struct State {
    var isStopped = false
    var requests: [Request] = []
  }

  package let port: UInt16
  private let state = Mutex(State())
  private let isClosed = DispatchSemaphore(value: 0)

  /// `answer` gives `nil` for silence; it is asked for `/auth` too where `answersAuth` is set.
  ///
  /// Without a port the system chooses one.
  package init(
    port wanted: UInt16 = 0,
    answersAuth: Bool = false,
    _ answer: @escaping @Sendable (Request) -> Answer?
  ) throws {
    let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = wanted.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = unsafe withUnsafeMutablePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(descriptor, $0, length) | getsockname(descriptor, $0, &length)
      }
    }
    guard result == 0 else { throw CocoaError(.fileReadUnknown) }
    port = UInt16(bigEndian: address.sin_port)
    Thread.detachNewThread { [self] in
      defer {
        _ = close(descriptor)
        isClosed.signal()
      }
      let start = ContinuousClock.now
      while !state.withLock({ $0.isStopped }) {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&entry, 1, 20) > 0 else { continue }
        var buffer = [UInt8](repeating: 0, count: 4_096)
        var device = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let count = unsafe withUnsafeMutablePointer(to: &device) {
          unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe recvfrom(descriptor, &buffer, buffer.count, 0, $0, &length)
          }
        }
        guard count >= 4, buffer[1] == 2 else { continue }
        let passed = start.duration(to: .now)
        let request = note(Array(buffer[..<count]), at: passed / .seconds(1))
        let found =
          request.path == "/auth" && !answersAuth ? Answer(0x45, Self.token) : answer(request)
        guard let found else { continue }
        let head = 4 + Int(buffer[0] & 0x0F)
        var datagram = Array(buffer[..<head]) + found.rest
        datagram[0] |= 0x20
        datagram[1] = found.code
        _ = unsafe withUnsafePointer(to: device) {
          unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe sendto(descriptor, datagram, datagram.count, 0, $0, length)
          }
        }
      }
    }
  }

  private static let token: [UInt8] =
    [0xFF]
    + Array(
      #"{"random":"ad2b3a5eb51d64f7","seqOffset":1,"token":"MZ8m37hp01w1SSqoDFzo0010500d00.ad2b"}"#
        .utf8
    )

  /// All requests, or those to a path that ends so.
  package func requests(to end: String = "") -> [Request] {
    state.withLock { $0.requests.filter { $0.path.hasSuffix(end) } }
  }

  package func stop() { state.withLock { $0.isStopped = true } }

  /// Stops, and waits until nobody listens at the port.
  package func stopAndWait() {
    stop()
    isClosed.wait()
    isClosed.signal()
  }

  private func note(_ message: [UInt8], at time: Double) -> Request {
    var path = ""
    var number = 0
    var index = 4 + Int(message[0] & 0x0F)
    func value(_ nibble: UInt8) -> Int {
      switch nibble {
      case 13:
        index += 1
        return Int(message[index - 1]) + 13
      case 14:
        index += 2
        return Int(message[index - 2]) << 8 + Int(message[index - 1]) + 269
      default: return Int(nibble)
      }
    }
    while index < message.count, message[index] != 0xFF {
      let first = message[index]
      index += 1
      number += value(first >> 4)
      let count = value(first & 0x0F)
      if number == 11 {
        path += "/" + String(decoding: message[index..<index + count], as: UTF8.self)
      }
      index += count
    }
    return state.withLock { state in
      let earlier = state.requests.count { $0.path == path }
      let request = Request(path: path, time: time, number: earlier)
      state.requests.append(request)
      return request
    }
  }
}
