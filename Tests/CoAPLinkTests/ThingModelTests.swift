// SPDX-License-Identifier: Apache-2.0
import Alink
import CBORPayload
import CoAPLink
import CoAPMessage
import ConstrainedCore
import PayloadCoding
import PayloadValues
import Platform
import PlatformCore
import PlatformSimulator
import TestSupport
import Testing

@Suite("Device guide 6: the thing model, with either security layer and format")
struct ThingModelTests {
  static let formats: [ContentFormat] = [.json, .cbor]

  private func call(_ world: inout World, _ call: ThingCall) throws -> ReportResult? {
    world.events.removeAll()
    _ = try world.session.perform(call, at: world.now)
    try world.run()
    for case .report(let result) in world.events { return result }
    return nil
  }

  private func reply(_ world: borrowing World, _ format: ContentFormat) -> PayloadValue? {
    PayloadValue(world.session.answer, format == .cbor ? .cbor : .json)
  }

  @Test(arguments: Layer.allCases, Self.formats)
  func `properties are posted, and the reply comes in the response`(
    layer: Layer,
    format: ContentFormat
  ) throws {
    var world = try World(layer)
    let result = try #require(
      try call(&world, .properties([("temperature", 21), ("humidity", 40)], format))
    )
    #expect(result.outcome == .acknowledged)
    let reply = reply(world, format)
    #expect(reply?["id"] == "1")
    #expect(reply?["code"] == 200)
    let record = try #require(world.accepted.last)
    #expect(record.path == "/topic/sys/a1B2c3D4e5F/device1/thing/event/property/post")
    // Each request has the next id.
    _ = try call(&world, .properties([("temperature", 22)], format))
    #expect(self.reply(world, format)?["id"] == "2")
  }

  @Test(arguments: Layer.allCases, Self.formats)
  func `a desired value that is set is found`(layer: Layer, format: ContentFormat) throws {
    var world = try World(layer) {
      $0.desired["a1B2c3D4e5F/device1"] = [PayloadValue.Member("power", "on")]
    }
    let result = try #require(try call(&world, .desired(["power", "other"], format)))
    #expect(result.outcome == .acknowledged)
    let data = reply(world, format)?["data"]
    #expect(data == ["power": ["value": "on", "version": 1]])
  }

  @Test(arguments: Layer.allCases)
  func `a request over a limit is refused before anything is sent`(layer: Layer) throws {
    var world = try World(layer)
    let many = (0..<201).map { ("p\($0)", Int64($0)) }
    #expect(throws: DeviceError.request(.capacity)) {
      _ = try world.session.perform(.properties(many, .json), at: world.now)
    }
    #expect(throws: DeviceError.request(.empty)) {
      _ = try world.session.perform(.properties([], .json), at: world.now)
    }
    try world.run()
    #expect(world.sent.isEmpty)
    #expect(try call(&world, .properties([("p", 1)]))?.outcome == .acknowledged)
  }

  @Test(arguments: Layer.allCases)
  func `messages are pulled only where that is allowed`(layer: Layer) throws {
    let closed = try World(layer)
    #expect(throws: DeviceError.pullNotAllowed) {
      _ = try closed.session.pull(at: closed.now)
    }
    var settings = DeviceSettings()
    settings.allowsPull = true
    let message = DownlinkMessage(
      topic: "/sys/a1B2c3D4e5F/device1/thing/service/property/set",
      payload: ["id": "7", "version": "1.0", "params": ["power": "on"]]
    )
    var world = try World(layer, settings: settings) {
      $0.downlink["a1B2c3D4e5F/device1"] = [message]
    }
    _ = try world.session.pull(at: world.now)
    try world.run()
    let first = PayloadValue(world.session.answer, .json)
    #expect(first?.elements?.count == 1)
    #expect(first?.elements?.first?["topic"] == .text(message.topic))
    _ = try world.session.pull(at: world.now)
    try world.run()
    #expect(PayloadValue(world.session.answer, .json) == [])
  }

  @Test func `a device registers, and authenticates with its own secret over the same channel`()
    throws
  {
    let productSecret = Array("fedcba9876543210fedcba9876543210".utf8)
    var world = try World(.certificate, secret: productSecret) {
      $0.devices = []
      var product = SimulatedProduct(key: World.productKey)
      product.secret = productSecret
      product.registrable = [World.deviceName]
      $0.products = [product]
    }
    try world.session.register(at: world.now)
    try world.run()
    #expect(world.events.contains { if case .registered = $0 { true } else { false } })
    #expect(world.session.secret != productSecret)
    #expect(try world.report("x")?.outcome == .acknowledged)
    #expect(world.session.counters.handshakes == 1)
    // The product's secret is gone: with the device's the platform registers nothing.
    let own = world.session.secret
    world.events.removeAll()
    try world.session.register(at: world.now)
    try world.run()
    var failure: AuthenticationFailure?
    for case .registrationFailed(let cause) in world.events { failure = cause }
    #expect(failure == .refused(.unauthorized))
    #expect(world.session.secret == own)
  }

  @Test func `a wrong product secret registers nothing`() throws {
    var world = try World(.certificate) {
      var product = SimulatedProduct(key: World.productKey)
      product.secret = Array("another".utf8)
      product.registrable = [World.deviceName]
      $0.products = [product]
    }
    try world.session.register(at: world.now)
    try world.run()
    var failure: AuthenticationFailure?
    for case .registrationFailed(let cause) in world.events { failure = cause }
    #expect(failure == .refused(.unauthorized))
    #expect(world.session.secret == World.secret)
  }

  @Test func `nothing is registered in the clear`() throws {
    let world = try World(.symmetric)
    #expect(throws: DeviceError.registrationNeedsDTLS) {
      try world.session.register(at: world.now)
    }
  }

  /// What a batch reckons with is what goes out, to the byte.
  @Test(arguments: Layer.allCases)
  func `the overhead is that of the datagram`(layer: Layer) throws {
    var world = try World(layer)
    let name = "/sys/a1B2c3D4e5F/device1/thing/event/property/post"
    let bytes = Array(name.utf8)
    let topic = try Topic(bytes.span)
    let before = world.session.overhead(of: topic)
    let payload = #"{"value":1}"#
    let result = try #require(try world.report(payload, topic: name))
    let after = world.session.overhead(of: topic)
    let cost = after.cost(ofPayload: payload.utf8.count)
    #expect(cost.bytes == result.bytesUp + 28)
    // The simulator's token has 35 characters, as the guide's has in the symmetric mode.
    #expect(before == after)
  }

  /// The table of docs/thing-model.md: the guide's example with one property, 120 bytes of JSON.
  @Test(arguments: [
    (Layer.symmetric, ContentFormat.json, 120, 254, 70), (.symmetric, .cbor, 92, 222, 54),
    (.certificate, .json, 120, 253, 69), (.certificate, .cbor, 92, 225, 57),
  ])
  func `a property post takes so many bytes up and down`(
    layer: Layer,
    format: ContentFormat,
    payload: Int,
    up: Int,
    down: Int
  ) throws {
    var settings = DeviceSettings()
    settings.firstRequestID = 123
    var world = try World(layer, settings: settings)
    let result = try #require(try call(&world, .power(format)))
    #expect(world.accepted.last?.payload.count == payload)
    #expect(result.bytesUp == up)
    #expect(result.bytesDown == down)
  }

  @Test(arguments: [0, 11])
  func `to pull fewer than 1 or more than 10 messages is a mistake of the caller's`(
    count: Int
  ) async {
    let result = await #expect(
      processExitsWith: .failure,
      observing: [\.standardErrorContent]
    ) { [count = count as Int] in
      var settings = DeviceSettings()
      settings.allowsPull = true
      let world = try World(settings: settings)
      _ = try world.session.pull(count, at: world.now)
    }
    let said = complaint(result?.standardErrorContent)
    #expect(said.contains("the platform gives 1 to 10 at once"))
  }
}
