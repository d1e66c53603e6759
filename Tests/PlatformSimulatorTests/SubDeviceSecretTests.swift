// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import ConstrainedCore
import OpenSSLSupport
import PayloadValues
import PlatformSimulator
import TestSupport
import Testing

@testable import PlatformCore

@Suite("Device guide 6.2: who is told a sub-device's secret")
struct SubDeviceSecretTests {
  private var things: SimulatedThings
  private var random: any RandomSource = SeededRandom(seed: 5)
  private let first = DeviceState.Identity(productKey: "gw1", deviceName: "gateway")
  private let second = DeviceState.Identity(productKey: "gw2", deviceName: "gateway")

  init() {
    var configuration = PlatformConfiguration()
    configuration.devices = ["gw1", "gw2"].map {
      SimulatedDevice(productKey: $0, deviceName: "gateway", secret: Bench.secret)
    }
    configuration.subDevices = [
      SimulatedSubDevice(productKey: "sub", deviceName: "fresh"),
      SimulatedSubDevice(productKey: "sub", deviceName: "one", secret: Array("s".utf8)),
    ]
    things = SimulatedThings(configuration, PlatformAssumptions())
  }

  private mutating func call(
    _ method: ThingMethod,
    _ parameters: PayloadValue,
    _ gateway: DeviceState.Identity
  ) -> (code: Int?, secret: String?) {
    let request: PayloadValue = [
      "id": "1", "version": "1.0", "params": parameters, "method": .text(method.name),
    ]
    let outcome = things.execute(method, request, of: gateway, random: &random)
    let entry = outcome.reply?["data"]?.elements?.first
    return (outcome.code?.rawValue, entry?["deviceSecret"]?.string)
  }

  private mutating func register(
    _ name: String,
    _ gateway: DeviceState.Identity
  ) -> (code: Int?, secret: String?) {
    let device: PayloadValue = ["deviceName": .text(name), "productKey": "sub"]
    return call(.registerSubDevices, [device], gateway)
  }

  private mutating func add(
    _ name: String,
    _ secret: String,
    _ gateway: DeviceState.Identity
  ) throws -> Int? {
    let element = try #require(json(try ThingBench.element(name, secret: secret)))
    return call(.addTopology, [element], gateway).code
  }

  @Test mutating func `no other product's gateway is, whether the sub-device is active or not`()
    throws
  {
    let secret = try #require(register("fresh", first).secret)
    #expect(register("fresh", second).code == 401)
    #expect(try add("fresh", secret, first) == 200)
    #expect(register("fresh", second).code == 401)
    #expect(register("fresh", first).secret == secret)
  }

  @Test mutating func `who proves to know it takes the sub-device over`() throws {
    let secret = try #require(register("fresh", first).secret)
    #expect(try add("fresh", "guess", second) == 401)
    #expect(register("fresh", first).secret != nil)
    let current = try #require(register("fresh", first).secret)
    #expect(current != secret)
    #expect(try add("fresh", current, second) == 200)
    #expect(register("fresh", second).secret == current)
    #expect(register("fresh", first).code == 401)
  }

  @Test mutating func `one with a secret of its own is nobody's until it is proved`() throws {
    #expect(register("one", first).code == 401)
    #expect(try add("one", "s", first) == 200)
    #expect(register("one", first).secret == "s")
    #expect(register("one", second).code == 401)
  }
}

@Suite("The simulator's memory is bounded")
struct BoundedMemoryTests {
  @Test func `separate answers that nobody acknowledges wait in a list of 1,000`() throws {
    var bench = Bench { $0.answerMode = .separate }
    for _ in 0..<1_100 {
      _ = try bench.send(["topic"])
    }
    #expect(bench.platform.waitingResponses == 1_000)
    // They expire with time.
    var now = Instant(milliseconds: 0)
    while let deadline = bench.platform.pollTimeout() {
      now = deadline
      _ = bench.platform.handleTimeout(at: now)
    }
    #expect(bench.platform.waitingResponses == 0)
  }
}

@Suite("Device guide 3.6, table 3-1: /auth in CBOR, and in what Accept says")
struct AuthenticationFormatTests {
  private static let formats: [UInt8: PayloadValue.Format] = [50: .json, 60: .cbor]

  private func payload(_ format: PayloadValue.Format) throws -> [UInt8] {
    try #require(json(try Bench.valid())).encoded(format)
  }

  @Test(arguments: [UInt8(50), 60], [UInt8(50), 60])
  func `the answer is in what Accept says`(content: UInt8, accept: UInt8) throws {
    for protection in [SimulatorConfiguration.Protection.symmetric, .dtls] {
      var bench = Bench { $0.protection = protection }
      let format = try #require(Self.formats[content])
      let options: [(UInt16, [UInt8])] = [(12, [content]), (17, [accept])]
      let record = try bench.send(["auth"], options, try payload(format))
      #expect(record.code == .content, "\(record.note)")
      let answer = try #require(bench.answers.last)
      let message = try MessageView(answer.span)
      let bytes = array(message.payload)
      let wanted = try #require(Self.formats[accept])
      let value = try #require(PayloadValue(bytes, wanted))
      #expect(value["token"]?.string?.utf8.count == 35)
      #expect((value["random"] != nil) == (protection == .symmetric))
      #expect(message.uint(.contentFormat) == (accept == 60 ? 60 : nil))
    }
  }

  @Test func `without Accept it is in the request's format`() throws {
    for (number, format) in Self.formats {
      var bench = Bench()
      _ = try bench.send(["auth"], [(12, [number])], try payload(format))
      let answer = try #require(bench.answers.last)
      let message = try MessageView(answer.span)
      #expect(PayloadValue(array(message.payload), format)?["token"] != nil)
    }
  }

  @Test(
    arguments: [
      ([(12, [60]), (17, [42])], Code.notAcceptable), ([(12, [60]), (17, [0])], .notAcceptable),
      ([(12, [42]), (17, [60])], .unsupportedContentFormat),
      ([(17, [60])], .unsupportedContentFormat),
      ([(12, [50]), (17, [60])], .badRequest),
    ] as [([(UInt16, [UInt8])], Code)]
  )
  func `other formats are refused`(options: [(UInt16, [UInt8])], code: Code) throws {
    var bench = Bench()
    #expect(try bench.send(["auth"], options, try payload(.cbor)).code == code)
  }

  /// The third has a byte string as its product key.
  @Test(arguments: ["a0", "80", "a1 6a 70726f647563744b6579 42 706b", "a1 00 00", ""])
  func `CBOR that is no such map is refused`(item: String) throws {
    var bench = Bench()
    let record = try bench.send(["auth"], [(12, [60]), (17, [60])], hex(item))
    #expect(record.code == .badRequest)
  }
}
