// SPDX-License-Identifier: Apache-2.0
import CoAPExchange
import CoAPMessage
import ConstrainedCore
import Testing

/// What other clients were seen to do wrong, watched at the server's socket in real time.
@Suite("Live exchanges at the server's socket", .timeLimit(.minutes(15)))
struct LiveExchangeTests {
  /// With the random number 0: 200 ms, then 400; gives up 2.1 s after the first transmission.
  static let brief = TransmissionParameters(
    acknowledgementTimeout: Milliseconds(200),
    maxRetransmit: 2
  )

  /// The same five times as long, for a test that has to act in between on a busy machine.
  static let calm = TransmissionParameters(
    acknowledgementTimeout: Milliseconds(1_000),
    maxRetransmit: 2
  )

  /// Runs `body` with a client of a socket that answers only as the test says.
  func withSocket(
    _ parameters: TransmissionParameters,
    _ body: @Sendable (PeerClient, BoundSocket) throws -> Void
  ) async throws {
    try await onThread {
      let server = try BoundSocket()
      try body(try PeerClient(port: server.port, parameters: parameters), server)
    }
  }

  /// The next datagram that came to the server, while the client goes on.
  func next(_ server: BoundSocket, _ client: PeerClient) throws -> Dissection {
    var found: Dissection?
    try client.wait(for: "a datagram at the server") {
      if let datagram = server.receive(within: 0) { found = Dissection(datagram) }
      return found != nil
    }
    return try #require(found)
  }

  /// An answer to a request with a payload of one byte; `kind` is the high half of its first byte.
  func answer(
    _ request: Dissection,
    _ kind: UInt8,
    messageID: [UInt8]? = nil,
    options: [UInt8] = []
  ) -> [UInt8] {
    [kind | UInt8(request.token.count), 0x45] + (messageID ?? Array(request.bytes[2..<4]))
      + request.token + options + [0xFF, 0x2A]
  }

  static let confirmable: UInt8 = 0x40
  static let acknowledgement: UInt8 = 0x60

  @Test func `cancel stops the retransmissions`() async throws {
    try await withSocket(Self.brief) { client, server in
      let id = try client.send(.get, "test", random: 0)
      _ = try next(server, client)
      _ = try next(server, client)
      client.cancel(id)
      let count = client.sent.count
      try client.run(for: 1_000)
      #expect(client.sent.count == count)
      #expect(client.events == [])
      #expect(client.isIdle)
    }
  }

  @Test func `a late or second acknowledgement is ignored in silence`() async throws {
    try await withSocket(.standard) { client, server in
      let id = try client.send(.get, "test")
      let request = try next(server, client)
      let response = answer(request, Self.acknowledgement)
      for _ in 0..<3 { server.send(response) }
      server.send([0x60, 0x00] + request.bytes[2..<4])
      server.send([0x60, 0x00, 0xFF, 0xFF])
      server.send(answer(request, Self.acknowledgement, messageID: [0xFF, 0xFE]))
      #expect(try client.response(to: id).payload == [0x2A])
      try client.run(for: 100)
      #expect(client.takeReceptions() == Array(repeating: .ignored, count: 5))
      #expect(server.receive(within: 0) == nil)
    }
  }

  @Test func `every retransmission is sent before the client gives up`() async throws {
    try await withSocket(Self.brief) { client, server in
      let id = try client.send(.get, "test", random: 0)
      try client.wait(for: .timedOut(id))
      let times = client.records.map(\.time)
      try #require(times.count == 3)
      #expect(Set(client.sent.map(\.bytes)).count == 1)
      // Never early; how late is a matter of how busy the machine is.
      #expect((times[1] - times[0]).count >= 200)
      #expect((times[2] - times[1]).count >= 400)
      #expect((client.now - times[0]).count >= 2_100)
      for _ in 0..<3 { #expect(server.receive(within: 0) == client.sent[0].bytes) }
      #expect(server.receive(within: 0) == nil)
    }
  }

  @Test func `the answer to the last retransmission counts`() async throws {
    try await withSocket(Self.calm) { client, server in
      let id = try client.send(.get, "test", random: 0)
      for _ in 0..<2 { _ = try next(server, client) }
      let last = try next(server, client)
      try client.run(for: 100)
      server.send(answer(last, Self.acknowledgement))
      #expect(try client.response(to: id).payload == [0x2A])
    }
  }

  @Test func `duplicates of a response are acknowledged while the next request goes on`()
    async throws
  {
    try await withSocket(.standard) { client, server in
      let first = try client.send(.get, "test")
      let request = try next(server, client)
      let response = answer(request, Self.confirmable, messageID: [0x77, 0x01])
      server.send(response)
      #expect(try client.response(to: first).payload == [0x2A])
      #expect(try next(server, client).bytes == [0x60, 0x00, 0x77, 0x01])

      let second = try client.send(.get, "test")
      let nextRequest = try next(server, client)
      #expect(nextRequest.token != request.token)
      #expect(nextRequest.messageID != request.messageID)
      for _ in 0..<2 {
        server.send(response)
        #expect(try next(server, client).bytes == [0x60, 0x00, 0x77, 0x01])
      }
      server.send(answer(nextRequest, Self.acknowledgement))
      #expect(try client.response(to: second).payload == [0x2A])
      #expect(client.takeReceptions() == [.ignored, .ignored])
    }
  }

  @Test func `no message ID and no token comes twice`() async throws {
    try await withPeer(.libcoap) { peer in
      let client = try PeerClient(port: peer.port)
      for _ in 0..<500 { #expect(try client.exchange(.get, "time").code == "2.05") }
      #expect(client.sent.count == 500)
      #expect(Set(client.sent.map(\.messageID)).count == 500)
      #expect(Set(client.sent.map(\.token)).count == 500)
    }
  }

  @Test func `an observation whose server has gone is said to be dead`() async throws {
    try await withSocket(Self.brief) { client, server in
      let id = try client.send(
        .get,
        "obs",
        random: 0,
        before: { (message: inout MessageWriter) throws(MessageWriterError) in
          try message.option(.observe, uint: 0)
        }
      )
      let request = try next(server, client)
      // Observe 7, and Max-Age 1, which is 8 numbers further.
      server.send(answer(request, Self.acknowledgement, options: [0x61, 7, 0x81, 1]))
      #expect(try client.notification(of: id).payload == [0x2A])
      try client.wait(for: .timedOut(id))
      #expect(client.events == [.stale(id), .timedOut(id)])
      // The registration, and the renewal with its two retransmissions.
      #expect(client.sent.count == 4)
      #expect(Set(client.sent.map(\.token)).count == 1)
      #expect(Set(client.sent.map(\.messageID)).count == 2)
      #expect(client.isIdle)
    }
  }
}
