// SPDX-License-Identifier: Apache-2.0
import CoAPExchange
import CoAPMessage
import ConstrainedCore
import Testing

/// Observed resources; the table of which peer serves what is with `CoreTests`.
@Suite("ETSI plugtests: RFC 7641", .timeLimit(.minutes(15)))
struct ObserveTests {
  typealias Option = Dissection.Option

  func sendObserve(
    _ client: PeerClient,
    _ path: String,
    type: MessageType = .confirmable,
    random: UInt32? = nil
  ) throws -> ExchangeID {
    try client.send(
      .get,
      path,
      type: type,
      random: random,
      before: { (message: inout MessageWriter) throws(MessageWriterError) in
        try message.option(.observe, uint: 0)
      }
    )
  }

  /// Changes an observed resource of libcoap's from another client; aiocoap's change by themselves.
  func change(_ path: String, _ text: String, on peer: any Peer) throws {
    if peer.kind == .libcoap { try create(path, Array(text.utf8), on: peer) }
  }

  func checkRegistration(
    _ request: Dissection,
    _ kind: Dissection.Kind,
    _ path: String,
    _ location: SourceLocation = #_sourceLocation
  ) {
    #expect(request.kind == kind, sourceLocation: location)
    #expect(request.code == "0.01", sourceLocation: location)
    #expect(request.value(Option.observe) == [], sourceLocation: location)
    #expect(request.texts(Option.uriPath) == [path], sourceLocation: location)
    #expect(!request.token.isEmpty, sourceLocation: location)
  }

  /// The acknowledgements that were sent for a notification.
  func acknowledgements(of notification: Dissection, _ client: PeerClient) -> Int {
    client.sent.count { $0.bytes == [0x60, 0x00] + notification.bytes[2..<4] }
  }

  @Test(arguments: PeerKind.allCases)
  func `TD_COAP_OBS_01: CON notifications`(kind: PeerKind) async throws {
    try await withPeer(kind) { peer in
      try change("obs", "[0]", on: peer)
      let client = try PeerClient(port: peer.port)
      let id = try sendObserve(client, "obs")
      let first = try client.notification(of: id)
      let request = try #require(client.sent.first)
      checkRegistration(request, .con, "obs")
      #expect(first.kind == .ack)
      #expect(first.code == "2.05")
      #expect(first.messageID == request.messageID)
      #expect(first.token == request.token)
      let format = try #require(first.number(Option.contentFormat))
      var sequence = try #require(first.number(Option.observe))
      var states = [first.payload]
      for round in 1...3 {
        try change("obs", "[\(round)]", on: peer)
        let notification = try client.notification(of: id)
        try client.run(for: 50)
        #expect(notification.kind == .con)
        #expect(notification.code == "2.05")
        #expect(notification.token == request.token)
        #expect(notification.number(Option.contentFormat) == format)
        let next = try #require(notification.number(Option.observe))
        #expect(next > sequence)
        #expect(acknowledgements(of: notification, client) == 1)
        sequence = next
        states.append(notification.payload)
      }
      #expect(Set(states).count == 4)
      #expect(client.sent.count { $0.kind == .con } == 1)
    }
  }

  @Test(arguments: PeerKind.allCases)
  func `TD_COAP_OBS_02: NON notifications`(kind: PeerKind) async throws {
    // libcoap makes every fifth notification confirmable all the same.
    try await withPeer(kind, options: ["-N"]) { peer in
      let path = kind == .libcoap ? "obs" : "obs-non"
      try change(path, "[0]", on: peer)
      let client = try PeerClient(port: peer.port)
      let id = try sendObserve(client, path, type: .nonConfirmable)
      let first = try client.notification(of: id)
      let request = try #require(client.sent.first)
      checkRegistration(request, .non, path)
      #expect(first.kind == .non)
      let format = try #require(first.number(Option.contentFormat))
      var sequence = try #require(first.number(Option.observe))
      for round in 1...3 {
        try change(path, "[\(round)]", on: peer)
        let notification = try client.notification(of: id)
        #expect(notification.kind == .non)
        #expect(notification.code == "2.05")
        #expect(notification.token == request.token)
        #expect(notification.number(Option.contentFormat) == format)
        let next = try #require(notification.number(Option.observe))
        #expect(next > sequence)
        sequence = next
      }
      #expect(client.sent.count == 1)
    }
  }

  @Test(arguments: PeerKind.allCases)
  func `TD_COAP_OBS_04: the client registers again after Max-Age`(kind: PeerKind) async throws {
    try await withPeer(kind) { peer in
      // Both are fresh for a second.
      let path = kind == .libcoap ? "time" : "obs"
      let client = try PeerClient(port: peer.port)
      // The wait before the renewal is 5 to 15 seconds, and 5 with this random number.
      let id = try sendObserve(client, path, random: 0)
      let first = try client.notification(of: id)
      #expect(first.number(Option.maxAge) == 1)
      for _ in 1...3 { _ = try client.notification(of: id) }
      let registration = try #require(client.sent.first)

      try peer.reboot()
      _ = client.takeReceptions()
      var renewed = try client.notification(of: id)
      // What was under way when the server ended comes before that.
      while !client.events.contains(.stale(id)) { renewed = try client.notification(of: id) }

      let requests = client.records.filter { $0.isSent && $0.message.kind == .con }
      let renewal = try #require(requests.dropFirst().first)
      checkRegistration(renewal.message, .con, path)
      #expect(renewal.message.token == registration.token)
      #expect(renewal.message.messageID != registration.messageID)
      let last = try #require(
        client.records.last { !$0.isSent && $0.time < renewal.time && $0.message.code == "2.05" }
      )
      // Max-Age, and RFC 7641 Section 3.3.1's 5 to 15 seconds.
      #expect((6_000...16_000).contains((renewal.time - last.time).count))
      #expect(renewed.kind == .ack)
      #expect(renewed.messageID == renewal.message.messageID)
      #expect(renewed.code == "2.05")
      #expect(renewed.token == registration.token)
      // The server counts anew: "a sequence number that is not necessarily increasing".
      var sequence = try #require(renewed.number(Option.observe))
      for _ in 1...2 {
        let notification = try client.notification(of: id)
        #expect(notification.kind == .con)
        #expect(notification.token == registration.token)
        let next = try #require(notification.number(Option.observe))
        #expect(next > sequence)
        sequence = next
      }
      #expect(client.sent.count { $0.kind == .con } == 2)
    }
  }

  @Test(arguments: PeerKind.allCases)
  func `TD_COAP_OBS_12: GET with Observe 1 cancels`(kind: PeerKind) async throws {
    try await withPeer(kind) { peer in
      try change("obs", "[0]", on: peer)
      let client = try PeerClient(port: peer.port)
      let id = try sendObserve(client, "obs")
      let first = try client.notification(of: id)
      try change("obs", "[1]", on: peer)
      _ = try client.notification(of: id)

      try client.cancelObservation(id)
      let answer = try client.response(to: id)
      let registration = try #require(client.sent.first)
      let request = try #require(client.sent.last { $0.kind == .con })
      #expect(request.code == "0.01")
      #expect(request.value(Option.observe) == [1])
      #expect(request.texts(Option.uriPath) == ["obs"])
      #expect(request.token == registration.token)
      #expect(request.messageID != registration.messageID)
      #expect(answer.kind == .ack)
      #expect(answer.code == "2.05")
      #expect(answer.messageID == request.messageID)
      #expect(answer.token == request.token)
      #expect(answer.value(Option.observe) == nil)
      #expect(answer.number(Option.contentFormat) == first.number(Option.contentFormat))
      #expect(client.isIdle)

      let received = client.received.count
      try change("obs", "[2]", on: peer)
      try client.run(for: 700)
      #expect(client.received.count == received)
    }
  }

  @Test(arguments: PeerKind.allCases)
  func `TD_COAP_OBS_13: observing a large resource`(kind: PeerKind) async throws {
    try await withPeer(kind) { peer in
      let blocks = BlockTests()
      if kind == .libcoap { try blocks.upload("obs-large", BlockTests.large, to: peer) }
      let client = try PeerClient(port: peer.port)
      var registration = try BlockwiseTransfer<64>(.get) {
        (message: inout MessageWriter) throws(MessageWriterError) in
        try message.option(.observe, uint: 0)
        try message.path(Array("obs-large".utf8).span)
      }
      let id = try client.send(&registration)
      let first = try client.notification(of: id)
      #expect(first.block(Option.block2) == .init(number: 0, isMore: true, exponent: 6))
      #expect(try client.transfer(&registration, notification: first).body == BlockTests.large)

      for body in [BlockTests.twoThousand, BlockTests.twoThousand.reversed()] {
        try blocks.upload("obs-large", body, to: peer)
        let notification = try client.notification(of: id)
        #expect(notification.token == first.token)
        #expect(notification.block(Option.block2) == .init(number: 0, isMore: true, exponent: 6))
        var rest = try blocks.transfer(.get, "obs-large")
        #expect(try client.transfer(&rest, notification: notification).body == body)
      }

      let requests = client.sent.filter { $0.kind == .con }
      checkRegistration(try #require(requests.first), .con, "obs-large")
      #expect(requests.count == 4)
      for request in requests.dropFirst() {
        #expect(request.code == "0.01")
        #expect(request.values(Option.observe) == [])
        #expect(request.texts(Option.uriPath) == ["obs-large"])
        #expect(request.block(Option.block2) == .init(number: 1, isMore: false, exponent: 6))
        #expect(request.token != first.token)
      }
    }
  }

  @Test(arguments: [
    (PeerKind.libcoap, [String]()), (.libcoap, ["-N"]), (.aiocoap, []),
  ])
  func `a notification that nobody wants any more gets a Reset, and the server stops`(
    kind: PeerKind,
    options: [String]
  ) async throws {
    try await withPeer(kind, options: options) { peer in
      try change("obs", "[0]", on: peer)
      let client = try PeerClient(port: peer.port)
      let id = try sendObserve(client, "obs")
      _ = try client.notification(of: id)
      client.cancel(id)
      let before = client.received.count
      try client.run(for: 50)
      try change("obs", "[1]", on: peer)
      try client.wait(for: "a notification") { client.received.count > before }
      let notification = client.received[before]
      #expect(notification.kind == (options.isEmpty ? .con : .non))
      #expect(client.sent.last?.bytes == [0x70, 0x00] + notification.bytes[2..<4])
      let after = client.received.count
      try change("obs", "[2]", on: peer)
      try client.run(for: 700)
      #expect(client.received.count == after)
    }
  }
}
