// SPDX-License-Identifier: Apache-2.0
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
    ///
    /// On a busy machine minutes may pass before a test goes on.
    package static func putOff(_ code: UInt8, seconds: UInt16) -> Answer {
      Answer(code, [0xD2, 1, UInt8(seconds >> 8), UInt8(seconds & 0xFF)])
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
    let socket = try LoopbackSocket(port: wanted)
    port = socket.port
    Thread.detachNewThread { [self] in
      defer {
        socket.close()
        isClosed.signal()
      }
      let start = ContinuousClock.now
      while !state.withLock({ $0.isStopped }) {
        LoopbackSocket.wait(for: [socket], milliseconds: 20)
        guard let datagram = socket.receive() else { continue }
        let bytes = datagram.bytes
        guard bytes.count >= 4, bytes[1] == 2 else { continue }
        let passed = start.duration(to: .now)
        let request = note(bytes, at: passed / .seconds(1))
        let found =
          request.path == "/auth" && !answersAuth ? Self.token : answer(request)
        guard let found else { continue }
        let head = 4 + Int(bytes[0] & 0x0F)
        var reply = Array(bytes[..<head]) + found.rest
        reply[0] |= 0x20
        reply[1] = found.code
        socket.send(reply, to: datagram.port)
      }
    }
  }

  /// What answers `/auth` well.
  package static let token = Answer(
    0x45,
    [0xFF]
      + Array(
        #"{"random":"ad2b3a5eb51d64f7","seqOffset":1,"token":"MZ8m37hp01w1SSqoDFzo0010500d00.ad2b"}"#
          .utf8
      )
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
