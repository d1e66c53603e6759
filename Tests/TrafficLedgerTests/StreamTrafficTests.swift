// SPDX-License-Identifier: Apache-2.0
#if LEDGER
import Foundation
import StreamTraffic
import TestSupport
import Testing
import TrafficLedger

@Suite("What a channel over TCP has carried, where a connection was missed")
struct StreamTrafficTests {
  /// A connection of 127.0.0.1 that nobody accepts.
  private final class Connection {
    private let listener: Int32
    let descriptor: Int32

    init() throws {
      let taken = try LoopbackSocket.takenPort()
      listener = taken.descriptor
      descriptor = try LoopbackSocket.stream(to: taken.port)
    }

    deinit {
      close(descriptor)
      close(listener)
    }
  }

  @Test
  func `what is beyond the kernel's count went nowhere, or over the connection that was missed`()
    throws
  {
    let connection = try Connection()
    let traffic = try #require(StreamTraffic(queues: true))
    let copy = traffic.follow(connection.descriptor)
    try #require(copy >= 0)
    traffic.watch(copy)
    traffic.keepMark(copy)
    let sent = unsafe write(connection.descriptor, [UInt8](repeating: 0, count: 10), 10)
    try #require(sent == 10)
    traffic.count(.report, .up, bytes: 10)
    traffic.count(.report, .up, bytes: 200)
    #expect(traffic.missedConnections == 0)
    #expect(traffic.ledger[.report, .up] == .init(datagrams: 2, bytes: 10))
    traffic.miss()
    #expect(traffic.missedConnections == 1)
    #expect(traffic.ledger[.report, .up] == .init(datagrams: 2, bytes: 210))
    #expect(traffic.ledger[.headers, .up].bytes > 0)
  }

  @Test func `a fifth connection at the same time finds no place, and is missed`() throws {
    let connection = try Connection()
    let traffic = try #require(StreamTraffic(queues: true))
    let copies = (0..<5).map { _ in traffic.follow(connection.descriptor) }
    #expect(copies.dropLast().allSatisfy { $0 >= 0 } && copies.last == -1)
    let other = try #require(StreamTraffic())
    let sockets = (0..<5).map { _ in dup(connection.descriptor) }
    for socket in sockets { unsafe StreamTraffic.opened(other.context, socket) }
    #expect(other.missedConnections == 1)
    // The others are closed with what counts them.
    close(sockets[4])
  }
}
#endif
