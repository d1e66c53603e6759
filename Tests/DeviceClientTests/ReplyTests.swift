// SPDX-License-Identifier: Apache-2.0
import Alink
import CBORPayload
import CoAPLink
import CoAPMessage
import ConstrainedCore
import DeviceClient
import PayloadCoding
import Platform
import PlatformCore
import PlatformSimulator
import Testing

/// A client in one of the two modes, and what a platform that answers so makes of its requests.
@Suite("Device guide 6: what counts as a reply")
struct ReplyTests {
  enum Mode: CaseIterable, Sendable {
    case symmetric, dtls
  }

  private static let nested = String(repeating: "[", count: 40) + String(repeating: "]", count: 40)
  private static let digits = String(repeating: "9", count: 80)

  static func withClient(
    _ mode: Mode,
    _ change: (inout SimulatorConfiguration) -> Void = { _ in },
    adjusting adjust: (inout DeviceClientConfiguration) -> Void = { _ in },
    _ body: (DeviceClient, Records) async throws -> Void
  ) async throws {
    let records = Records()
    var secure = try SecureClientTests.Server()
    if mode == .symmetric { secure.simulator.protection = .symmetric }
    change(&secure.simulator)
    let running = try await SimulatorServer.start(secure.simulator) { records.add($0) }
    var configuration = secure.client(port: running.port)
    if mode == .symmetric { configuration.security = .symmetric }
    configuration.settings.firstRequestID = 123
    adjust(&configuration)
    let client = try DeviceClient(configuration, secret: DeviceClientTests.secret)
    do {
      try await body(client, records)
    } catch {
      await client.close()
      try await running.close()
      throw error
    }
    await client.close()
    try await running.close()
  }

  private func post(_ client: DeviceClient) async throws -> AlinkAnswer {
    try await client.request(PropertyPost.self, as: JSONWriter.self) { post throws(AlinkError) in
      try post.add("t") { (w: inout JSONWriter) throws(CapacityError) in try w.integer(1) }
    }
  }

  @Test(
    arguments: [
      (#"{"id":"124","code":200}"#, "124"), (#"{"id":1,"code":460}"#, "1"),
      (#"{"id":"\#(digits)","code":200}"#, digits), (#"{"id":"x","code":200}"#, "x"),
      (#"{"id":-123,"code":200}"#, "-123"),
    ],
    Mode.allCases
  )
  func `a reply to another request is none`(reply: (String, String), mode: Mode) async throws {
    try await Self.withClient(mode, { $0.reply = { _, _ in Array(reply.0.utf8) } }) { client, _ in
      do {
        _ = try await post(client)
        Issue.record("the reply is to \(reply.1)")
      } catch let error as DeviceClientError {
        guard case .foreignReply(to: 123, let answer) = error else { throw error }
        #expect(String(decoding: answer.idBytes, as: UTF8.self).contains(reply.1))
        #expect(error.description.contains("123"))
        #expect(error.description.contains(reply.1))
      }
    }
  }

  @Test(
    arguments: [
      #"{"id":"123","code":200}"#, #"{"id":123,"code":200.0}"#, #"{"id":null,"code":2e2}"#,
      #"{"code":"200"}"#, #"{"id":"0123","code":200,"data":\#(nested)}"#,
      #"{"id":"123","code":200,"data":{"a":1e400,"b":"\ud800"}}"#,
    ],
    Mode.allCases
  )
  func `one to this request, or without an id, is`(reply: String, mode: Mode) async throws {
    try await Self.withClient(mode, { $0.reply = { _, _ in Array(reply.utf8) } }) { client, _ in
      let answer = try await post(client)
      #expect(answer.isSuccess)
    }
  }

  @Test(arguments: [#"{"id":"123"}"#, #"{"id":"123","code":null,"data":{}}"#, "{}"], Mode.allCases)
  func `without a code it is no success`(reply: String, mode: Mode) async throws {
    try await Self.withClient(mode, { $0.reply = { _, _ in Array(reply.utf8) } }) { client, _ in
      do {
        _ = try await post(client)
        Issue.record("the reply has no code")
      } catch DeviceClientError.unreadableReply(let error, _) {
        #expect(error == .member(.code))
      }
    }
  }

  @Test(arguments: Mode.allCases)
  func `no reply at all is an error of its own, but for firmware`(mode: Mode) async throws {
    try await Self.withClient(mode, { $0.reply = { _, _ in [] } }) { client, _ in
      func isNoReply(_ error: any Error) -> Bool {
        guard case DeviceClientError.noReply(let receipt) = error else { return false }
        return receipt.result.outcome == .acknowledged && "\(error)".contains("2.0")
      }
      await #expect(performing: { try await post(client) }, throws: isNoReply)
      await #expect(
        performing: {
          try await client.request(TopologyGet.self, as: JSONWriter.self) { _ throws(AlinkError) in
          }
        },
        throws: isNoReply
      )
      await #expect(performing: { try await client.publishRaw([1]) }, throws: isNoReply)
      try await client.inform(version: "1.0.1")
      try await client.report(.percent(50))
    }
  }

  @Test(
    arguments: [
      #"{"id":1507707025,"code":"1000","data":{}}"#, #"{"code":1000,"data":null}"#,
      #"{"id":"9","code":200,"data":{ }}"#, #"{"code":200}"#, "",
      #"{"code":500,"message":"none upgrade operation of the device."}"#,
    ],
    Mode.allCases
  )
  func `a firmware that is not there is none`(reply: String, mode: Mode) async throws {
    try await Self.withClient(mode, { $0.reply = { _, _ in Array(reply.utf8) } }) { client, _ in
      let offer = try await client.firmware(after: "1.0.1")
      #expect(offer == nil)
    }
  }

  /// Guide 6.11 prints an id of the platform's own in the reply.
  @Test func `an offer is taken with an id of the platform's own`() async throws {
    let reply =
      #"{"code":"1000","data":{"size":93796291,"version":"1.0.2","url":"https://h/f","#
      + #""md5":"f8d85b250d4d787a9f483d89a9747348"},"id":8758548588458,"message":"success"}"#
    try await Self.withClient(.symmetric, { $0.reply = { _, _ in Array(reply.utf8) } }) {
      client,
      _ in
      let offer = try #require(try await client.firmware(after: "1.0.1"))
      #expect(offer.size == 93_796_291)
    }
  }

  @Test(arguments: Mode.allCases)
  func `a gateway that adds itself sends nothing`(mode: Mode) async throws {
    try await Self.withClient(mode) { client, records in
      let (key, name) = (Array("a1B2c3D4e5F".utf8), Array("device1".utf8))
      let own = try DeviceIdentity(productKey: key.span, deviceName: name.span)
      await #expect {
        try await client.request(TopologyAdd.self, as: JSONWriter.self) { add throws(AlinkError) in
          try add.add(own, proof: SubDeviceRequest(timestamp: 1), signature: key.span)
        }
      } throws: { error in
        guard case DeviceClientError.request(.ownSubDevice) = error else { return false }
        return "\(error)".contains("6402")
      }
      #expect(records.all.isEmpty)
    }
  }

  @Test(arguments: Mode.allCases)
  func `a pack is checked by the models of its devices`(mode: Mode) async throws {
    let model = { (limit: Int) in
      Array(
        #"{"properties":[{"identifier":"t","dataType":{"type":"int","specs":{"max":"\#(limit)"}}}]}"#
          .utf8
      )
    }
    let product = SimulatedProduct(key: "sub")
    try await Self.withClient(
      mode,
      { $0.products = [product] },
      adjusting: {
        $0.thingModel = model(9)
        $0.subDeviceModels = ["sub": model(99)]
      }
    ) { client, records in
      func pack(_ own: Int64, _ values: [(String, Int64)]) async throws {
        try await client.request(PackPost.self, as: CBORWriter.self) { pack throws(AlinkError) in
          try pack.property("t", time: 1) { (w: inout CBORWriter) throws(CapacityError) in
            try w.integer(own)
          }
          for (product, value) in values {
            let (key, name) = (Array(product.utf8), Array("sensor1".utf8))
            try pack.subDevice(productKey: key.span, deviceName: name.span)
            try pack.property("t", time: 1) { (w: inout CBORWriter) throws(CapacityError) in
              try w.integer(value)
            }
          }
        }
      }
      for (own, values, path) in [
        (10, [], "properties.t.value"), (1, [("sub", 100)], "subDevices[0].properties.t.value"),
        (1, [("a1B2c3D4e5F", 10)], "subDevices[0].properties.t.value"),
      ] as [(Int64, [(String, Int64)], String)] {
        await #expect {
          try await pack(own, values)
        } throws: { error in
          guard case DeviceClientError.thingModel(.value(.range, _, _), let place) = error else {
            return false
          }
          return place == path
        }
      }
      #expect(records.all.isEmpty)
      // Of another product nothing is known; the platform does not know the sub-device either.
      await #expect {
        try await pack(9, [("sub", 99), ("other", 1_000)])
      } throws: { error in
        guard case DeviceClientError.refused(let answer) = error else { return false }
        return answer.code == .noTopology
      }
    }
  }

  @Test(arguments: Mode.allCases)
  func `/auth goes in CBOR where it is asked for`(mode: Mode) async throws {
    try await Self.withClient(mode, adjusting: { $0.authenticationFormat = .cbor }) {
      client,
      records in
      _ = try await post(client)
      let record = try #require(records.all.first { $0.kind == .authentication })
      #expect(record.code?.isSuccess == true)
      let accepted = records.all.filter(\.isAcceptedReport)
      #expect(accepted.count == 1)
    }
  }
}

@Suite("Device guide 6.1: ids that do not come again")
struct RequestIDTests {
  @Test func `they begin with the time, 128 a second`() {
    let start: UInt64 = 1_795_000_000_000
    let first = RequestIDs.first(at: start, random: 7)
    #expect(RequestIDs.first(at: start + 1_000, random: 7) == first &+ 128)
    #expect(RequestIDs.first(at: start + 8, random: 7) == first &+ 1)
    // 388 days, to the day.
    var seen: Set<UInt32> = []
    for day in UInt64(0)..<388 {
      #expect(seen.insert(RequestIDs.first(at: start + day * 86_400_000, random: 7)).inserted)
    }
  }

  /// As in a shell's loop, or a handful at once: Linux counts the process ids up.
  @Test func `programs that start in one second have other ids`() {
    let start: UInt64 = 1_795_000_000_000
    let ids = (4_000..<4_128).map { RequestIDs.first(at: start, process: $0, random: 7) }
    #expect(Set(ids).count == 128)
    #expect(ids.allSatisfy { $0 / 128 == ids[0] / 128 })
    // And so have the clients of one program.
    let clients = (0..<128).map {
      RequestIDs.first(at: start, process: 4_000, client: $0, random: 7)
    }
    #expect(Set(clients).count == 128)
    // The next second's are others, whichever the process.
    let next = (4_000..<4_128).map { RequestIDs.first(at: start + 1_000, process: $0, random: 7) }
    #expect(Set(ids).isDisjoint(with: next))
  }

  /// Its process id is the same at each start.
  @Test func `a container's program goes by the fraction of the second`() {
    let start: UInt64 = 1_795_000_000_000
    let ids = stride(from: start, to: start + 1_000, by: 8).map {
      RequestIDs.first(at: $0, process: 7, random: 7)
    }
    #expect(Set(ids).count == 125)
  }

  @Test func `a clock that nobody has set gives none`() {
    #expect(RequestIDs.first(at: 0, random: 4_000_000_000) == 4_000_000_000)
    #expect(RequestIDs.first(at: 86_400_000, random: 5) == 5)
  }

  @Test func `two clients have other ids, one that keeps them its own`() async throws {
    var ids: [UInt64] = []
    for first in [nil, nil, 41] as [UInt32?] {
      try await ReplyTests.withClient(.symmetric, adjusting: { $0.settings.firstRequestID = first })
      { client, _ in
        for _ in 0..<2 {
          let answer = try await client.request(TopologyGet.self, as: JSONWriter.self) {
            _ throws(AlinkError) in
          }
          ids.append(try #require(answer.id))
        }
      }
    }
    #expect(ids[1] == ids[0] + 1 && ids[3] == ids[2] + 1)
    #expect(Set(ids).count == 6)
    #expect(ids[4...] == [41, 42])
  }
}

@Suite("Device guide 6.1: one counter for a device")
struct RequestCounterTests {
  /// The requests of a client and those of its link are numbered by the same counter, however many run at once.
  @Test func `requests that are made at once have ids of their own, in one row`() async throws {
    try await ReplyTests.withClient(.symmetric) { client, records in
      let ids = try await withThrowingTaskGroup(of: UInt64?.self) { group in
        for index in 0..<12 {
          group.addTask {
            if index % 2 == 0 {
              return try await client.request(TopologyGet.self, as: JSONWriter.self) {
                _ throws(AlinkError) in
              }.id
            }
            return try await client.request(TopologyGet.self, as: CBORWriter.self) {
              _ throws(AlinkError) in
            }.id
          }
        }
        return try await group.reduce(into: [UInt64]()) { if let id = $1 { $0.append(id) } }
      }
      #expect(ids.sorted() == Array(123...134))
    }
  }
}

@Suite("Device guide 6.9: one rule for tags at both ends")
struct TagRuleTests {
  /// Every scalar value of the first planes, and the ends of the others.
  @Test func `the device sends what the simulator takes, and nothing else`() throws {
    var values = Array(UInt32(1)...0xFFFF)
    for plane in UInt32(1)...16 {
      let start = plane << 16
      values += [start, start + 1, start + 0xA6DF, start + 0xFFFE, start + 0xFFFF]
    }
    for value in values {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let bytes = Array(String(Character(scalar)).utf8)
      #expect(
        TagRule.allows(value: bytes.span) == SimulatedThings.isTagValue(scalar),
        "U+\(String(value, radix: 16))"
      )
    }
  }
}
