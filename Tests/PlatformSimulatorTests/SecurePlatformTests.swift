// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import ConstrainedCore
import DTLSSecurity
import OpenSSLSupport
import PlatformCore
import PlatformSimulator
import SecurityLayer
import TestSupport
import Testing

/// The simulated platform over DTLS, and devices with hand-written messages.
final class SecureBench {
  static let secret = Array("secret".utf8)
  static let identity = Array("devicename|hmacsha256|pk&device|1".utf8)

  var platform: SecurePlatform<Int>
  var now = Instant(milliseconds: 1_000)
  var messageID: UInt16 = 0
  var records: [RequestRecord] = []
  /// Datagrams that arrived at a device's address but were not passed to the device.
  var strays: [Int: [[UInt8]]] = [:]

  init(_ configure: (inout SimulatorConfiguration) -> Void = { _ in }) throws {
    var configuration = SimulatorConfiguration()
    configuration.devices = [
      SimulatedDevice(productKey: "pk", deviceName: "device", secret: Self.secret)
    ]
    configuration.dtls.clock = .virtual
    configure(&configuration)
    platform = try SecurePlatform(configuration, random: SeededRandom(seed: 5))
  }

  /// A device at an address of its own.
  final class Client {
    var layer: DTLSSecurity
    var answers: [[UInt8]] = []

    init() throws {
      let content = Array("idpk&devicetimestamp1".utf8)
      let mac = try Hash.sha256.hmac(key: SecureBench.secret.span, content: content.span)
      let key = Array(hexText(mac.bytes).uppercased().utf8)
      let identity = SecureBench.identity
      var settings = DTLSSettings()
      settings.clock = .virtual
      layer = try DTLSSecurity(identity: identity.span, key: key.span, settings: settings)
    }

    func wrap(_ message: [UInt8], at now: Instant) -> [UInt8]? {
      fill { (try? layer.wrap(message.span, into: &$0, at: now)) != nil }
    }

    func next(at now: Instant) -> [UInt8]? {
      fill { (try? layer.pollTransmit(into: &$0, at: now)) ?? false }
    }

    func take(_ datagram: [UInt8], at now: Instant) {
      let message = fill { (try? layer.unwrap(datagram.span, into: &$0, at: now)) != nil }
      if let message, !message.isEmpty { answers.append(message) }
    }

    private func fill(_ body: (inout ByteWriter) -> Bool) -> [UInt8]? {
      var buffer = [UInt8](repeating: 0xA5, count: 20_480)
      var writer = ByteWriter(buffer.mutableSpan)
      guard body(&writer) else { return nil }
      let count = writer.count
      return Array(buffer[..<count])
    }
  }

  /// Sends a message from an address, after a handshake if necessary, and returns the response.
  func send(_ message: [UInt8], _ client: Client, from peer: Int = 1) -> [UInt8]? {
    client.answers = []
    var record = client.wrap(message, at: now)
    if record == nil {
      flush(client, from: peer)
      record = client.wrap(message, at: now)
    }
    if let record { pass(record, client, from: peer) }
    return client.answers.first
  }

  func flush(_ client: Client, from peer: Int) {
    while let datagram = client.next(at: now) { pass(datagram, client, from: peer) }
  }

  func pass(_ datagram: [UInt8], _ client: Client, from peer: Int) {
    let output = platform.handle(datagram, from: peer, at: now)
    records += output.records
    for answer in output.datagrams {
      #expect(answer.peer == peer)
      client.take(answer.bytes, at: now)
    }
    flush(client, from: peer)
  }

  func request(
    _ path: [String],
    _ options: [(UInt16, [UInt8])] = [],
    _ payload: [UInt8] = []
  ) throws -> [UInt8] {
    messageID += 1
    var buffer = [UInt8](repeating: 0, count: 20_480)
    var writer = try MessageWriter(
      buffer.mutableSpan,
      type: .confirmable,
      code: .post,
      messageID: messageID,
      token: Token()
    )
    for segment in path { try writer.option(.uriPath, Array(segment.utf8).span) }
    for (number, value) in options {
      try writer.option(OptionNumber(rawValue: number), value.span)
    }
    try writer.payload(payload.span)
    let count = writer.count
    return Array(buffer[..<count])
  }

  func authentication(_ more: String = "", _ signed: String = "") throws -> [UInt8] {
    try request(["auth"], [(12, [50]), (17, [50])], Array(try Bench.valid(more, signed).utf8))
  }

  /// The token issued by the platform.
  func authenticate(_ client: Client, from peer: Int = 1) throws -> [UInt8] {
    let answer = try #require(send(try authentication(), client, from: peer))
    let text = String(decoding: array(try MessageView(answer.span).payload), as: UTF8.self)
    #expect(text.hasPrefix(#"{"token":""#))
    #expect(text.split(separator: "\"").count == 5)
    return Array(String(text.split(separator: "\"")[3]).utf8)
  }

  func code(_ answer: [UInt8]?) throws -> Code {
    let answer = try #require(answer)
    return try MessageView(answer.span).code
  }
}

@Suite("The simulated platform over DTLS (device guide 3.6)")
struct SecurePlatformTests {
  static let topic = ["topic", "pk", "device", "user", "update"]

  @Test func `a long report is refused with 4.13, and has its line`() throws {
    let bench = try SecureBench()
    let client = try SecureBench.Client()
    let token = try bench.authenticate(client)
    for count in [1_025, 1_900] {
      let payload = [UInt8](repeating: 0x61, count: count)
      let request = try bench.request(Self.topic, [(2_088, token)], payload)
      let answer = try #require(bench.send(request, client), "\(count) bytes")
      #expect(try bench.code(answer) == .requestEntityTooLarge)
      #expect(bench.records.last?.code == .requestEntityTooLarge)
    }
  }

  @Test func `auth is answered with a token alone, and a report needs nothing else`() throws {
    let bench = try SecureBench()
    let client = try SecureBench.Client()
    let token = try bench.authenticate(client)
    let report = try bench.request(Self.topic, [(12, [50]), (2_088, token)], Array("21.5".utf8))
    let answer = bench.send(report, client)
    #expect(try bench.code(answer) == .content)
    #expect(try #require(answer).count == 4)
    #expect(bench.records.map(\.kind) == [.association, .authentication, .report])
    #expect(bench.records.last?.payload == Array("21.5".utf8))
  }

  @Test func `what belongs to the symmetric mode is refused`() throws {
    let bench = try SecureBench()
    let client = try SecureBench.Client()
    let token = try bench.authenticate(client)
    let numbered = try bench.authentication(#","seq":"1""#, "seq1")
    #expect(try bench.code(bench.send(numbered, client)) == .badRequest)
    let sequence = try bench.request(
      Self.topic,
      [(2_088, token), (2_089, [UInt8](repeating: 1, count: 16))],
      [1]
    )
    #expect(try bench.code(bench.send(sequence, client)) == .badOption)
    let untold = try bench.request(Self.topic, [], [1])
    #expect(try bench.code(bench.send(untold, client)) == .badRequest)
    let unknown = try bench.request(Self.topic, [(2_088, [1, 2, 3])], [1])
    #expect(try bench.code(bench.send(unknown, client)) == .unauthorized)
  }

  @Test func `a duplicate is known within an association, not over the next one`() throws {
    let bench = try SecureBench()
    let client = try SecureBench.Client()
    let token = try bench.authenticate(client)
    let report = try bench.request(Self.topic, [(2_088, token)], [1])
    _ = bench.send(report, client)
    _ = bench.send(report, client)
    #expect(bench.records.suffix(2).map(\.kind) == [.report, .duplicate])
    bench.now = bench.now + Milliseconds(60_000)
    _ = bench.send(report, client)
    #expect(bench.records.suffix(2).map(\.kind) == [.association, .report])
  }

  @Test func `records from another address are dropped, as a server without connection IDs does`()
    throws
  {
    let bench = try SecureBench()
    let client = try SecureBench.Client()
    let token = try bench.authenticate(client)
    let before = bench.records.count
    let report = try bench.request(Self.topic, [(2_088, token)], [1])
    #expect(bench.send(report, client, from: 2) == nil)
    #expect(bench.records.count == before)
    #expect(try bench.code(bench.send(report, client, from: 1)) == .content)
  }

  @Test func `a new hello from a known address leaves the old association until it has succeeded`()
    throws
  {
    let bench = try SecureBench()
    let first = try SecureBench.Client()
    let token = try bench.authenticate(first)
    // Another device, or the same after a power failure: the first hello, with or without a cookie.
    let second = try SecureBench.Client()
    #expect(second.wrap([0x40, 0, 0, 1], at: bench.now) == nil)
    let hello = try #require(second.next(at: bench.now))
    let asked = bench.platform.handle(hello, from: 1, at: bench.now)
    second.take(asked.datagrams[0].bytes, at: bench.now)
    let greeting = try #require(second.next(at: bench.now))
    let flight = bench.platform.handle(greeting, from: 1, at: bench.now)
    #expect(flight.datagrams.count > 0)
    let report = try bench.request(Self.topic, [(2_088, token)], [1])
    #expect(try bench.code(bench.send(report, first)) == .content)
    for datagram in flight.datagrams { second.take(datagram.bytes, at: bench.now) }
    bench.flush(second, from: 1)
    #expect(bench.platform.associationCount == 1)
    #expect(try bench.code(bench.send(report, second)) == .content)
    #expect(bench.send(report, first) == nil)
  }

  @Test func `hellos without a cookie leave nothing behind`() throws {
    let bench = try SecureBench()
    let client = try SecureBench.Client()
    #expect(client.wrap([0x40, 0, 0, 1], at: bench.now) == nil)
    let hello = try #require(client.next(at: bench.now))
    for peer in 1...3_000 {
      let output = bench.platform.handle(hello, from: peer, at: bench.now)
      // A HelloVerifyRequest is shorter than the hello: forging an address gains nothing.
      #expect(output.datagrams.map(\.bytes.count) == [44])
      #expect(output.records.isEmpty)
    }
    #expect(bench.platform.pollTimeout() == nil)
    // A cookie is valid for its address only.
    let asked = bench.platform.handle(hello, from: 7, at: bench.now)
    client.take(asked.datagrams[0].bytes, at: bench.now)
    let greeting = try #require(client.next(at: bench.now))
    #expect(bench.platform.handle(greeting, from: 8, at: bench.now).datagrams.count == 1)
    #expect(bench.platform.pollTimeout() == nil)
    #expect(!bench.platform.handle(greeting, from: 7, at: bench.now).datagrams.isEmpty)
    #expect(bench.platform.pollTimeout() != nil)
  }

  @Test func `of many associations the one that was silent for longest is forgotten`() throws {
    let bench = try SecureBench()
    let first = try SecureBench.Client()
    _ = try bench.authenticate(first, from: 1)
    for peer in 2...1_002 {
      bench.now = bench.now + Milliseconds(1)
      let client = try SecureBench.Client()
      #expect(bench.send([0x40, 0, 0, 1], client, from: peer) == [0x70, 0, 0, 1])
    }
    #expect(bench.platform.associationCount <= 1_000)
    #expect(bench.send([0x40, 0, 0, 9], first, from: 1) == nil)
  }

  @Test func `a silent association is closed with a goodbye`() throws {
    let bench = try SecureBench { $0.dtls.idleLimit = Milliseconds(10_000) }
    let client = try SecureBench.Client()
    _ = try bench.authenticate(client)
    let deadline = try #require(bench.platform.pollTimeout())
    #expect(deadline == bench.now + Milliseconds(10_000))
    let output = bench.platform.handleTimeout(at: deadline)
    #expect(output.datagrams.map { $0.bytes[0] } == [21])
    #expect(output.records.map(\.kind) == [.association])
    #expect(bench.platform.associationCount == 0)
    #expect(bench.platform.pollTimeout() == nil)
  }

  @Test func `an association that speaks is closed that much later`() throws {
    let bench = try SecureBench { $0.dtls.idleLimit = Milliseconds(10_000) }
    let client = try SecureBench.Client()
    _ = try bench.authenticate(client)
    let start = bench.now
    bench.now = start + Milliseconds(6_000)
    #expect(bench.send([0x40, 0, 0, 9], client) == [0x70, 0, 0, 9])
    bench.now = start + Milliseconds(10_000)
    #expect(bench.platform.handleTimeout(at: bench.now).datagrams.isEmpty)
    #expect(bench.platform.pollTimeout() == start + Milliseconds(16_000))
    bench.now = start + Milliseconds(16_000)
    #expect(bench.platform.handleTimeout(at: bench.now).datagrams.map { $0.bytes[0] } == [21])
    #expect(bench.platform.associationCount == 0)
  }

  @Test func `a handshake that is not finished is given up`() throws {
    let bench = try SecureBench()
    let client = try SecureBench.Client()
    #expect(client.wrap([0x40, 0, 0, 1], at: bench.now) == nil)
    let asked = bench.platform.handle(
      try #require(client.next(at: bench.now)),
      from: 1,
      at: bench.now
    )
    client.take(asked.datagrams[0].bytes, at: bench.now)
    _ = bench.platform.handle(try #require(client.next(at: bench.now)), from: 1, at: bench.now)
    var flights = 0
    while let deadline = bench.platform.pollTimeout() {
      bench.now = max(bench.now, deadline)
      flights += bench.platform.handleTimeout(at: bench.now).datagrams.isEmpty ? 0 : 1
    }
    #expect(flights == 5)
  }

  @Test(arguments: [
    "x", "devicename|hmacsha256|pk&device", "devicename|x|pk&device|1", "a|b|c|d|e",
  ])
  func `an identity that is not the SDK's is unknown`(identity: String) throws {
    let bench = try SecureBench()
    let key = Array("key".utf8)
    let name = Array(identity.utf8)
    let client = try SecureBench.Client()
    var settings = DTLSSettings()
    settings.clock = .virtual
    client.layer = try DTLSSecurity(identity: name.span, key: key.span, settings: settings)
    // It is believed the third time, because anybody can send an alert in the clear.
    for wait: Int64 in [2_000, 4_000, 2_000] {
      #expect(client.layer.pollEvent() == nil)
      #expect(bench.send([0x40, 0, 0, 1], client) == nil)
      bench.now = bench.now + Milliseconds(wait)
      client.layer.handleTimeout(at: bench.now)
    }
    #expect(client.layer.pollEvent() == .failed(.unknownIdentity))
  }
}
