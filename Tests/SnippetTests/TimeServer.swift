// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import Foundation
import Synchronization
import TestSupport

/// A CoAP server on a thread of its own that answers `GET /time`, and everything else with 4.04.
final class TimeServer: Sendable {
  static let time = "2026-01-02T03:04:05Z"

  let port: UInt16
  private let isStopped = Mutex(false)

  init() throws {
    let socket = try LoopbackSocket()
    port = socket.port
    Thread.detachNewThread { [self] in
      while !isStopped.withLock({ $0 }) {
        LoopbackSocket.wait(for: [socket], milliseconds: 20)
        while let request = socket.receive() {
          if let answer = try? Self.answer(request.bytes) { socket.send(answer, to: request.port) }
        }
      }
      socket.close()
    }
  }

  func stop() { isStopped.withLock { $0 = true } }

  private static func answer(_ request: [UInt8]) throws -> [UInt8] {
    let view = try MessageView(request.span)
    var path: [UInt8] = []
    if let option = view.first(.uriPath) { path = array(option.value) }
    let isKnown = view.code == .get && path == Array("time".utf8)
    var buffer = [UInt8](repeating: 0, count: 256)
    var writer = try MessageWriter(
      buffer.mutableSpan,
      type: .acknowledgement,
      code: isKnown ? .content : .notFound,
      messageID: view.messageID,
      token: view.token
    )
    try writer.payload(Array((isKnown ? time : "").utf8).span)
    let count = writer.count
    return Array(buffer[..<count])
  }
}
