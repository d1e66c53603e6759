// SPDX-License-Identifier: Apache-2.0
import CoAPExchange
import CoAPMessage
import ConstrainedCore
import TestSupport
import Testing

/// Responses that come after their acknowledgement, and the lossy context; the table of which peer
/// serves what is with `CoreTests`.
@Suite("ETSI plugtests: RFC 7252, separate responses and loss", .timeLimit(.minutes(15)))
struct SeparateResponseTests {
  typealias Option = Dissection.Option

  /// Starts a GET of the peer's resource that is answered late: after half a second by aiocoap, after
  /// a second by libcoap.
  func sendGet(
    _ client: PeerClient,
    _ kind: PeerKind,
    type: MessageType = .confirmable,
    token: Token? = nil
  ) throws -> ExchangeID {
    guard kind == .libcoap else {
      return try client.send(.get, "separate", type: type, token: token)
    }
    return try client.send(.get, "async", type: type, token: token) {
      (message: inout MessageWriter) throws(MessageWriterError) in
      try message.option(.uriQuery, Array("1".utf8).span)
    }
  }

  /// GET, its acknowledgement, the confirmable response and its acknowledgement, in that order.
  func checkSeparate(_ client: PeerClient, _ kind: PeerKind, token: Token? = nil) throws {
    let id = try sendGet(client, kind, token: token)
    let acknowledgement = try client.take(.acknowledged(id))
    let answer = try client.response(to: id)
    try client.run(for: 100)
    let request = try #require(client.sent.first)
    #expect(request.kind == .con)
    #expect(request.code == "0.01")
    #expect(acknowledgement.bytes == [0x60, 0x00] + request.bytes[2..<4])
    #expect(answer.kind == .con)
    #expect(answer.code == "2.05")
    #expect(answer.token == request.token)
    #expect(!answer.payload.isEmpty)
    // libcoap's /async sends no Content-Format.
    if kind == .aiocoap { #expect(answer.number(Option.contentFormat) == 0) }
    #expect(client.sent.count == 2)
    #expect(client.sent.last?.bytes == [0x60, 0x00] + answer.bytes[2..<4])
    #expect(client.isIdle)
  }

  @Test(arguments: PeerKind.allCases)
  func `TD_COAP_CORE_09: GET with a separate response`(kind: PeerKind) async throws {
    try await withPeer(kind) { peer in
      try checkSeparate(try PeerClient(port: peer.port), kind)
    }
  }

  @Test(arguments: PeerKind.allCases)
  func `TD_COAP_CORE_11: GET with a token and a separate response`(kind: PeerKind) async throws {
    try await withPeer(kind) { peer in
      let client = try PeerClient(port: peer.port)
      let bytes: [UInt8] = [0xA1, 0, 0xFF]
      let token = Token(bytes.span)
      try checkSeparate(client, kind, token: token)
      #expect(client.sent.first?.token == bytes)
    }
  }

  @Test(arguments: PeerKind.allCases)
  func `TD_COAP_CORE_17: separate response in NON mode`(kind: PeerKind) async throws {
    try await withPeer(kind) { peer in
      let client = try PeerClient(port: peer.port)
      let answer = try client.response(to: try sendGet(client, kind, type: .nonConfirmable))
      try client.run(for: 100)
      let request = try #require(client.sent.first)
      #expect(request.kind == .non)
      #expect(request.code == "0.01")
      #expect(answer.kind == .non)
      #expect(answer.code == "2.05")
      #expect(answer.token == request.token)
      #expect(!answer.payload.isEmpty)
      #expect(client.sent.count == 1)
      #expect(client.received.count == 1)
    }
  }
}

// MARK: - Loss

/// The datagrams of a GET with its response that the lossy context loses.
enum Loss: String, CaseIterable, CustomTestStringConvertible, Sendable {
  case request, acknowledgement, response, responseAcknowledgement

  var testDescription: String { rawValue }

  /// Whether it is this datagram, given those before it; one is lost, but of the acknowledgements of
  /// the request all, so that nothing but the response can stop its retransmissions.
  func takes(
    _ direction: DatagramRelay.Direction,
    _ message: Dissection,
    after passages: [DatagramRelay.Passage]
  ) -> Bool {
    guard self == .acknowledgement || !passages.contains(where: \.isLost) else { return false }
    let isEmpty = message.code == "0.00"
    switch self {
    case .request: return direction == .up && !isEmpty
    case .acknowledgement: return direction == .down && message.kind == .ack && isEmpty
    case .response: return direction == .down && !isEmpty
    case .responseAcknowledgement: return direction == .up && message.kind == .ack && isEmpty
    }
  }
}

extension DatagramRelay.Passage {
  /// The message in it; `nil` for what is none.
  fileprivate var message: Dissection? { Dissection(bytes) }
}

extension SeparateResponseTests {
  func withLoss(
    _ loss: Loss,
    to peer: any Peer,
    _ body: (PeerClient, DatagramRelay) throws -> Void
  ) throws {
    let relay = try DatagramRelay(to: peer.port) { next, earlier in
      guard let message = next.message else { return .passes }
      return loss.takes(next.direction, message, after: earlier) ? .isLost : .passes
    }
    defer { relay.stop() }
    try body(try PeerClient(port: relay.port, parameters: PeerClient.impatient), relay)
    let lost = relay.passages.filter(\.isLost).count
    #expect(loss == .acknowledgement ? lost >= 1 : lost == 1)
  }

  /// Checks that all requests of the client are the same datagram, and the second at the earliest
  /// after the shortest timeout.
  func checkRetransmissions(_ client: PeerClient, _ location: SourceLocation = #_sourceLocation) {
    let requests = client.records.filter { $0.isSent && $0.message.kind == .con }
    #expect(requests.count >= 2, sourceLocation: location)
    #expect(Set(requests.map(\.message.bytes)).count == 1, sourceLocation: location)
    if requests.count >= 2 {
      let gap = (requests[1].time - requests[0].time).count
      // Never early; how late is a matter of how busy the machine is.
      #expect(gap >= 300, sourceLocation: location)
    }
  }

  @Test(arguments: PeerKind.allCases, [Loss.request, .response])
  func `TD_COAP_CORE_15: piggybacked response in a lossy context`(
    kind: PeerKind,
    loss: Loss
  ) async throws {
    try await withPeer(kind) { peer in
      if kind == .libcoap { try create("test", Array(#"{"a":1}"#.utf8), on: peer) }
      try withLoss(loss, to: peer) { client, relay in
        let id = try client.send(.get, "test")
        let answer = try client.response(to: id)
        try client.run(for: 700)
        checkRetransmissions(client)
        let request = try #require(client.sent.first)
        #expect(answer.kind == .ack)
        #expect(answer.code == "2.05")
        #expect(answer.messageID == request.messageID)
        #expect(answer.token == request.token)
        #expect(!answer.payload.isEmpty)
        // Taken in once, and nothing sent after it.
        #expect(!client.takeReceptions().contains(.response(id)))
        #expect(client.records.last?.isSent == false)
        #expect(client.isIdle)
        // The server has answered a second time with what it said first.
        let answers = relay.passages.filter { $0.direction == .down }.map(\.bytes)
        #expect(Set(answers).count == 1)
      }
    }
  }

  @Test(arguments: PeerKind.allCases, Loss.allCases)
  func `TD_COAP_CORE_16: separate response in a lossy context`(
    kind: PeerKind,
    loss: Loss
  ) async throws {
    try await withPeer(kind) { peer in
      try withLoss(loss, to: peer) { client, relay in
        let id = try sendGet(client, kind)
        let answer = try client.response(to: id)
        #expect(answer.code == "2.05")
        #expect(answer.token == client.sent.first?.token)
        let requestsBefore = client.sent.filter { $0.kind == .con }.count
        // The server retransmits after at most 3 seconds (libcoap) or 0.6 (aiocoap).
        func acknowledgements() -> [DatagramRelay.Passage] {
          relay.passages.filter { $0.direction == .up && $0.message?.kind == .ack && !$0.isLost }
        }
        try client.wait(for: "the acknowledgement of the response") { !acknowledgements().isEmpty }
        // Longer than the next timeout of the request.
        try client.run(for: kind == .aiocoap ? 1_000 : 1_800)
        let response = relay.passages.filter {
          $0.direction == .down && $0.message?.code == "2.05"
        }
        switch loss {
        case .request: checkRetransmissions(client)
        case .acknowledgement:
          checkRetransmissions(client)
          #expect(!client.received.contains { $0.code == "0.00" })
          // "Check that retransmission is also stopped by the arrival of the CON response."
          #expect(client.sent.filter { $0.kind == .con }.count == requestsBefore)
        case .response, .responseAcknowledgement:
          #expect(response.count >= 2)
          #expect(Set(response.map(\.bytes)).count == 1)
        }
        // Every copy that arrived was acknowledged, one was taken in.
        let copies = client.received.filter { $0.code == "2.05" }
        #expect(client.sent.filter { $0.kind == .ack }.count == copies.count)
        #expect(client.sent.last?.bytes == [0x60, 0x00] + answer.bytes[2..<4])
        #expect(!client.takeReceptions().contains(.response(id)))
        #expect(client.isIdle)
      }
    }
  }
}
