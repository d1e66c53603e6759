// SPDX-License-Identifier: Apache-2.0
import CoAPExchange
import CoAPMessage
import ConstrainedCore
import Testing

/// The client's side of the ETSI plugtests for RFC 7252: what it sends is checked on the wire, and
/// what it understands against what the server meant.
///
/// | test | libcoap | aiocoap |
/// |---|---|---|
/// | CORE_01 to 08, 10, 12 | `/test`, created by PUT | `/test` |
/// | CORE_09, 11, 16, 17 | `/async?1` | `/separate` |
/// | CORE_15 | `/test` | `/test` |
/// | CORE_20 | ignores Accept | `/multi-format` |
/// | CORE_21, 22 | has no entity tags for small resources | `/validate` |
/// | CORE_23 | ignores If-None-Match | `/create1` |
/// | CORE_31 | any | any |
/// | BLOCK_01, 02, 06 | `/large`, created by PUT | `/large` |
/// | BLOCK_03 | `/large-update` | `/large-update` |
/// | BLOCK_04 | one Location-Path, no Block1 in the last answer | `/large-create` |
/// | BLOCK_05 | `/large-post`, echoes the request | `/large-post` |
/// | OBS_01, 12 | `/obs`, changed by PUT | `/obs` |
/// | OBS_02 | `/obs` with NON notifications | `/obs-non` |
/// | OBS_04 | `/time`, which has no Content-Format | `/obs` |
/// | OBS_13 | `/obs-large`, changed by PUT | `/obs-large` |
@Suite("ETSI plugtests: RFC 7252", .timeLimit(.minutes(15)))
struct CoreTests {
  typealias Option = Dissection.Option

  /// A server that has a resource /test with content and a Content-Format.
  func withTestResource(
    _ kind: PeerKind,
    _ body: @Sendable (PeerClient) throws -> Void
  ) async throws {
    try await withPeer(kind) { peer in
      if kind == .libcoap { try create("test", Array(#"{"a":1}"#.utf8), on: peer) }
      try body(try PeerClient(port: peer.port))
    }
  }

  /// Checks a request to /test as it went out, and that it was the only message.
  func checkRequest(
    _ client: PeerClient,
    _ kind: Dissection.Kind,
    _ code: String,
    path: [String] = ["test"],
    _ location: SourceLocation = #_sourceLocation
  ) throws -> Dissection {
    #expect(client.sent.count == 1, sourceLocation: location)
    let request = try #require(client.sent.first, sourceLocation: location)
    #expect(request.kind == kind, sourceLocation: location)
    #expect(request.code == code, sourceLocation: location)
    #expect(request.texts(Option.uriPath) == path, sourceLocation: location)
    return request
  }

  /// Checks an answer as the plugtests do: piggybacked on the acknowledgement of a confirmable
  /// request, by itself for another.
  func checkAnswer(
    _ answer: Dissection,
    to request: Dissection,
    _ codes: [String],
    _ location: SourceLocation = #_sourceLocation
  ) {
    #expect(codes.contains(answer.code), sourceLocation: location)
    #expect(answer.token == request.token, sourceLocation: location)
    if request.kind == .con {
      #expect(answer.kind == .ack, sourceLocation: location)
      #expect(answer.messageID == request.messageID, sourceLocation: location)
    } else {
      #expect(answer.kind == .non, sourceLocation: location)
    }
    #expect(
      answer.payload.isEmpty || answer.value(Option.contentFormat) != nil,
      sourceLocation: location
    )
  }

  @Test(arguments: PeerKind.allCases)
  func `TD_COAP_CORE_01: GET in CON mode`(kind: PeerKind) async throws {
    try await withTestResource(kind) { client in
      let answer = try client.exchange(.get, "test")
      let request = try checkRequest(client, .con, "0.01")
      #expect(request.options.count == 1)
      #expect(request.token.count == 4)
      checkAnswer(answer, to: request, ["2.05"])
      #expect(!answer.payload.isEmpty)
      #expect(client.isIdle)
    }
  }

  @Test(arguments: PeerKind.allCases)
  func `TD_COAP_CORE_02: DELETE in CON mode`(kind: PeerKind) async throws {
    try await withTestResource(kind) { client in
      let answer = try client.exchange(.delete, "test")
      checkAnswer(answer, to: try checkRequest(client, .con, "0.04"), ["2.02"])
      #expect(try client.exchange(.get, "test").code == "4.04")
    }
  }

  /// PUT and POST, confirmable or not: the server must have what was sent.
  func checkUpload(
    _ kind: PeerKind,
    _ code: Code,
    _ type: MessageType,
    _ dotted: String
  ) async throws {
    try await withTestResource(kind) { client in
      let payload = Array("what the client says".utf8)
      let answer = try client.exchange(code, "test", type: type) {
        (message: inout MessageWriter) throws(MessageWriterError) in
        try message.option(.contentFormat, uint: UInt64(ContentFormat.json.rawValue))
        try message.payload(payload.span)
      }
      let request = try checkRequest(client, type == .confirmable ? .con : .non, dotted)
      #expect(request.number(Option.contentFormat) == 50)
      #expect(request.payload == payload)
      checkAnswer(answer, to: request, ["2.01", "2.04"])
      #expect(try client.exchange(.get, "test").payload == payload)
    }
  }

  @Test(arguments: PeerKind.allCases)
  func `TD_COAP_CORE_03: PUT in CON mode`(kind: PeerKind) async throws {
    try await checkUpload(kind, .put, .confirmable, "0.03")
  }

  @Test(arguments: PeerKind.allCases)
  func `TD_COAP_CORE_04: POST in CON mode`(kind: PeerKind) async throws {
    try await checkUpload(kind, .post, .confirmable, "0.02")
  }

  @Test(arguments: PeerKind.allCases)
  func `TD_COAP_CORE_05: GET in NON mode`(kind: PeerKind) async throws {
    try await withTestResource(kind) { client in
      let answer = try client.exchange(.get, "test", type: .nonConfirmable)
      checkAnswer(answer, to: try checkRequest(client, .non, "0.01"), ["2.05"])
      #expect(answer.value(Option.contentFormat) != nil)
      try client.run(for: 100)
      #expect(client.sent.count == 1)
    }
  }

  @Test(arguments: PeerKind.allCases)
  func `TD_COAP_CORE_06: DELETE in NON mode`(kind: PeerKind) async throws {
    try await withTestResource(kind) { client in
      let answer = try client.exchange(.delete, "test", type: .nonConfirmable)
      checkAnswer(answer, to: try checkRequest(client, .non, "0.04"), ["2.02"])
    }
  }

  @Test(arguments: PeerKind.allCases)
  func `TD_COAP_CORE_07: PUT in NON mode`(kind: PeerKind) async throws {
    try await checkUpload(kind, .put, .nonConfirmable, "0.03")
  }

  @Test(arguments: PeerKind.allCases)
  func `TD_COAP_CORE_08: POST in NON mode`(kind: PeerKind) async throws {
    try await checkUpload(kind, .post, .nonConfirmable, "0.02")
  }

  @Test(arguments: PeerKind.allCases)
  func `TD_COAP_CORE_10: GET with a token`(kind: PeerKind) async throws {
    try await withTestResource(kind) { client in
      // The longest there is; the library's own have 4 bytes, see CORE_01.
      let bytes: [UInt8] = [0, 1, 2, 3, 0xFC, 0xFD, 0xFE, 0xFF]
      let token = Token(bytes.span)
      let answer = try client.exchange(.get, "test", token: token)
      let request = try checkRequest(client, .con, "0.01")
      #expect(request.token == bytes)
      checkAnswer(answer, to: request, ["2.05"])
    }
  }

  @Test(arguments: PeerKind.allCases)
  func `TD_COAP_CORE_12: GET without a token`(kind: PeerKind) async throws {
    try await withTestResource(kind) { client in
      let answer = try client.exchange(.get, "test", token: Token())
      let request = try checkRequest(client, .con, "0.01")
      #expect(request.token == [])
      checkAnswer(answer, to: request, ["2.05"])
    }
  }

  @Test func `TD_COAP_CORE_20: GET with Accept, aiocoap`() async throws {
    try await withPeer(.aiocoap) { peer in
      for (format, payload) in [(0, "plain"), (41, "<x/>")] {
        let client = try PeerClient(port: peer.port)
        let answer = try client.exchange(.get, "multi-format") {
          (message: inout MessageWriter) throws(MessageWriterError) in
          try message.option(.accept, uint: UInt64(format))
        }
        let request = try checkRequest(client, .con, "0.01", path: ["multi-format"])
        #expect(request.number(Option.accept) == format)
        checkAnswer(answer, to: request, ["2.05"])
        #expect(answer.number(Option.contentFormat) == format)
        #expect(answer.payload == Array(payload.utf8))
      }
      let refused = try PeerClient(port: peer.port).exchange(.get, "multi-format") {
        (message: inout MessageWriter) throws(MessageWriterError) in
        try message.option(.accept, uint: UInt64(ContentFormat.cbor.rawValue))
      }
      #expect(refused.code == "4.06")
    }
  }

  /// GET of /validate with the entity tag of a stored response.
  func validate(_ client: PeerClient, _ tag: [UInt8]) throws -> Dissection {
    try client.exchange(
      .get,
      "validate",
      before: { (message: inout MessageWriter) throws(MessageWriterError) in
        try message.option(.eTag, tag.span)
      }
    )
  }

  /// PUT of /validate on condition of an entity tag, where there is one.
  func put(_ client: PeerClient, _ text: String, ifMatch tag: [UInt8]?) throws -> Dissection {
    let payload = Array(text.utf8)
    return try client.exchange(
      .put,
      "validate",
      { (message: inout MessageWriter) throws(MessageWriterError) in
        try message.option(.contentFormat, uint: 0)
        try message.payload(payload.span)
      },
      before: { (message: inout MessageWriter) throws(MessageWriterError) in
        if let tag { try message.option(.ifMatch, tag.span) }
      }
    )
  }

  @Test func `TD_COAP_CORE_21: GET with an ETag to validate, aiocoap`() async throws {
    try await withPeer(.aiocoap) { peer in
      let client = try PeerClient(port: peer.port)
      let first = try client.exchange(.get, "validate")
      #expect(client.sent.last?.values(Option.eTag) == [])
      #expect(first.code == "2.05")
      let tag = try #require(first.value(Option.eTag))

      let valid = try validate(client, tag)
      #expect(client.sent.last?.values(Option.eTag) == [tag])
      #expect(client.sent.last?.code == "0.01")
      #expect(valid.code == "2.03")
      #expect(valid.value(Option.eTag) == tag)
      #expect(valid.payload == [])

      #expect(try put(try PeerClient(port: peer.port), "second", ifMatch: nil).code == "2.04")
      let changed = try validate(client, tag)
      #expect(client.sent.last?.values(Option.eTag) == [tag])
      #expect(changed.code == "2.05")
      #expect(try #require(changed.value(Option.eTag)) != tag)
      #expect(changed.payload == Array("second".utf8))
      #expect(Set(client.sent.map(\.messageID)).count == 3)
    }
  }

  @Test func `TD_COAP_CORE_22: PUT with If-Match, aiocoap`() async throws {
    try await withPeer(.aiocoap) { peer in
      let client = try PeerClient(port: peer.port)
      let tag = try #require(try client.exchange(.get, "validate").value(Option.eTag))

      let updated = try put(client, "ours", ifMatch: tag)
      let request = try #require(client.sent.last)
      #expect(request.code == "0.03")
      #expect(request.values(Option.ifMatch) == [tag])
      checkAnswer(updated, to: request, ["2.04"])

      let second = try client.exchange(.get, "validate")
      #expect(second.payload == Array("ours".utf8))
      let newTag = try #require(second.value(Option.eTag))
      #expect(newTag != tag)

      #expect(try put(try PeerClient(port: peer.port), "theirs", ifMatch: nil).code == "2.04")
      let refused = try put(client, "ours again", ifMatch: newTag)
      #expect(client.sent.last?.values(Option.ifMatch) == [newTag])
      checkAnswer(refused, to: try #require(client.sent.last), ["4.12"])
      #expect(try client.exchange(.get, "validate").payload == Array("theirs".utf8))
    }
  }

  @Test func `TD_COAP_CORE_23: PUT with If-None-Match, aiocoap`() async throws {
    try await withPeer(.aiocoap) { peer in
      let client = try PeerClient(port: peer.port)
      for (payload, code) in [("first", "2.01"), ("second", "4.12")] {
        let bytes = Array(payload.utf8)
        let answer = try client.exchange(
          .put,
          "create1",
          { (message: inout MessageWriter) throws(MessageWriterError) in
            try message.option(.contentFormat, uint: 0)
            try message.payload(bytes.span)
          },
          before: { (message: inout MessageWriter) throws(MessageWriterError) in
            try message.option(.ifNoneMatch, Span())
          }
        )
        let request = try #require(client.sent.last)
        #expect(request.code == "0.03")
        #expect(request.value(Option.ifNoneMatch) == [])
        checkAnswer(answer, to: request, [code])
      }
      #expect(try client.exchange(.get, "create1").payload == Array("first".utf8))
    }
  }

  @Test(arguments: PeerKind.allCases)
  func `TD_COAP_CORE_31: ping`(kind: PeerKind) async throws {
    try await withPeer(kind) { peer in
      let client = try PeerClient(port: peer.port)
      let answer = try client.take(.reset(try client.ping()))
      let request = try #require(client.sent.first)
      #expect(client.sent.count == 1)
      #expect(request.bytes.prefix(2) == [0x40, 0x00])
      #expect(request.bytes.count == 4)
      #expect(answer.bytes == [0x70, 0x00] + request.bytes[2...])
      #expect(client.isIdle)
    }
  }
}

/// Creates a resource with that content as JSON, by PUT.
func create(_ path: String, _ content: [UInt8], on peer: any Peer) throws {
  let answer = try PeerClient(port: peer.port).exchange(.put, path) {
    (message: inout MessageWriter) throws(MessageWriterError) in
    try message.option(.contentFormat, uint: UInt64(ContentFormat.json.rawValue))
    try message.payload(content.span)
  }
  #expect(answer.code.hasPrefix("2."))
}
