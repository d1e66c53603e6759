// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import ConstrainedCore
import PlatformCore
import PlatformSimulator
import TestSupport
import Testing

@Suite("What the console does")
struct ConsoleTests {
  static let topic = "topic/pk/device/user/update"

  private func report(_ bench: inout ThingBench) throws -> RequestRecord {
    try bench.send(Self.topic, Array("1".utf8)).record
  }

  @Test func `a disabled device is refused with 4.03, and its token is good again afterwards`()
    throws
  {
    var bench = try ThingBench()
    #expect(try report(&bench).code == .content)
    let set = bench.bench.platform.things.setDisabled(true, productKey: "pk", deviceName: "device")
    #expect(set)
    let refused = try report(&bench)
    #expect(refused.code == .forbidden)
    #expect(refused.note == "the device is disabled")
    #expect(try bench.bench.authenticate(try Bench.valid()).code == .forbidden)
    // A device with a wrong secret does not learn it.
    let stranger = try Bench.valid().replacing("\"sign\":\"", with: "\"sign\":\"00")
    #expect(try bench.bench.authenticate(stranger).code == .unauthorized)
    bench.bench.platform.things.setDisabled(false, productKey: "pk", deviceName: "device")
    #expect(try report(&bench).code == .content)
    let other = bench.bench.platform.things.setDisabled(true, productKey: "pk", deviceName: "x")
    #expect(!other)
  }

  @Test func `a device is disabled from the start, or after so many requests`() throws {
    var bench = Bench { $0.disabledDevices = ["pk/device": 0] }
    #expect(try bench.authenticate(try Bench.valid()).code == .forbidden)
    var later = try ThingBench {
      $0.disabledDevices = ["pk/device": 2]
      $0.assumptions.disabledDevice = .unauthorized
    }
    // Refused reports are not counted.
    _ = try later.send("topic/pk/device/user/none", [1])
    #expect(try report(&later).code == .content)
    #expect(try report(&later).code == .content)
    #expect(try report(&later).code == .unauthorized)
    #expect(try later.bench.authenticate(try Bench.valid()).code == .unauthorized)
  }

  @Test func `a token that is taken back is refused with 4.01, and a new one is good`() throws {
    var bench = try ThingBench()
    #expect(try report(&bench).code == .content)
    bench.bench.platform.things.takeBackToken(productKey: "pk", deviceName: "device")
    let refused = try report(&bench)
    #expect(refused.code == .unauthorized)
    #expect(refused.note == "the token was taken back")
    let session = try bench.bench.session()
    let record = try bench.bench.send(
      ["topic", "pk", "device", "user", "update"],
      [(2_088, session.token), (2_089, try session.seal("2"))],
      try session.seal("1")
    )
    #expect(record.code == .content)
    let other = bench.bench.platform.things.takeBackToken(productKey: "pk", deviceName: "other")
    #expect(!other)
  }

  @Test func `a token is taken back after so many requests`() throws {
    var bench = try ThingBench { $0.tokenUses = 2 }
    #expect(try report(&bench).code == .content)
    #expect(try bench.send("topic/pk/device/user/none", [1]).record.code == .notFound)
    #expect(try bench.send("pull", Array(#"{"pageSize":"1"}"#.utf8)).record.code == .content)
    let refused = try report(&bench)
    #expect(refused.code == .unauthorized)
    #expect(refused.note == "the token was taken back")
    #expect(refused.device == "pk/device")
  }

  @Test func `failures come as often as asked for, in order, with Max-Age`() throws {
    var bench = try ThingBench {
      $0.failures = [
        SimulatedFailure(.internalServerError, times: 2, kind: .report),
        SimulatedFailure(.tooManyRequests, maxAge: 60, kind: .report),
      ]
    }
    for number in 0..<3 {
      let record = try report(&bench)
      #expect(record.code == (number < 2 ? .internalServerError : .tooManyRequests))
      #expect(record.note.hasPrefix("failed on purpose"))
      #expect(record.device == "pk/device")
      let bytes = try #require(bench.bench.answers.last)
      let message = try MessageView(bytes.span)
      #expect(message.uint(.maxAge) == (number < 2 ? nil : 60))
      #expect(array(message.payload).isEmpty)
    }
    #expect(try report(&bench).code == .content)
  }

  @Test func `a failure hits the requests that it names, or all`() throws {
    var bench = Bench {
      $0.failures = [
        SimulatedFailure(.serviceUnavailable, kind: .authentication),
        SimulatedFailure(.badGateway, times: 1),
      ]
    }
    #expect(try bench.authenticate(try Bench.valid()).code == .serviceUnavailable)
    #expect(try bench.send(["pull"]).code == .badGateway)
    // Paths that do not exist are unaffected.
    #expect(try bench.send(["other"]).code == .notFound)
    #expect(try bench.authenticate(try Bench.valid()).code == .content)
    bench.platform.things.failures = [SimulatedFailure(.internalServerError)]
    #expect(try bench.send(["other"]).code == .notFound)
    #expect(try bench.authenticate(try Bench.valid()).code == .internalServerError)
  }

  @Test func `a request that comes again fails again, and counts once`() throws {
    var bench = Bench { $0.failures = [SimulatedFailure(.serviceUnavailable)] }
    let payload = Array(try Bench.valid().utf8)
    _ = try bench.send(["auth"], [(12, [50]), (17, [50])], payload)
    let first = bench.answers
    bench.messageID -= 1
    let again = try bench.send(["auth"], [(12, [50]), (17, [50])], payload)
    #expect(again.kind == .duplicate && bench.answers == first)
    #expect(try bench.send(["auth"], [(12, [50]), (17, [50])], payload).code == .content)
  }

  @Test func `the service of thing models and remote configuration can be off`() throws {
    var product = SimulatedProduct(key: "pk")
    product.remoteConfiguration = .unavailable
    let pages = product
    var bench = try ThingBench {
      $0.products = [pages]
      $0.isModelServiceDown = true
    }
    #expect(try bench.call("thing.event.property.post", #"{"a":{"value":1}}"#).code == 6_313)
    #expect(try bench.call("thing.event.alarm.post", #"{"value":{}}"#).code == 6_313)
    let request = #"{"configScope":"product","getType":"file"}"#
    #expect(try bench.call("thing.config.get", request).code == 6_713)
  }
}

@Suite("Device guide 4 and 6.11: the outcome of an upgrade")
struct UpgradeOutcomeTests {
  private func bench() throws -> ThingBench {
    var product = SimulatedProduct(key: "pk")
    product.firmware = SimulatedFirmware(
      version: "2.0.0",
      url: "https://h/app",
      size: 1,
      md5: "0",
      sha256: "0"
    )
    let pages = product
    return try ThingBench { $0.products = [pages] }
  }

  private func send(
    _ bench: inout ThingBench,
    _ what: String,
    _ parameters: String
  ) throws -> String {
    let payload = #"{"id":"1","params":{\#(parameters)}}"#
    return try bench.send("topic/ota/device/\(what)/pk/device", Array(payload.utf8)).record.note
  }

  @Test func `the reported version decides, whatever the progress was`() throws {
    var bench = try bench()
    #expect(try send(&bench, "inform", #""version":"1.0.0""#) == "")
    #expect(
      try send(&bench, "request", #""version":"1.0.0""#) == "upgrade from 1.0.0 to 2.0.0 offered"
    )
    #expect(try bench.state.upgrade?.outcome == .offered)
    #expect(
      try send(&bench, "inform", #""version":"1.0.0""#)
        == "upgrade to 2.0.0 has not begun: no progress yet"
    )
    #expect(try send(&bench, "progress", #""step":"40""#) == "upgrade to 2.0.0: 40 %")
    #expect(
      try send(&bench, "progress", #""step":"100""#)
        == "upgrade to 2.0.0: 100 %, the version is still to be reported"
    )
    #expect(try bench.state.upgrade?.outcome == .running)
    #expect(
      try send(&bench, "inform", #""version":"1.0.0""#)
        == "upgrade to 2.0.0 failed: the device reports 1.0.0"
    )
    #expect(try bench.state.upgrade?.outcome == .failed)
    #expect(try send(&bench, "inform", #""version":"2.0.0""#) == "upgrade to 2.0.0 succeeded")
    #expect(try bench.state.upgrade?.outcome == .succeeded)
    // Reported once.
    #expect(try send(&bench, "inform", #""version":"2.0.0""#) == "")
    #expect(try send(&bench, "inform", #""version":"1.0.0""#) == "")
    #expect(try bench.state.upgrade == nil)
  }

  @Test(arguments: [
    (-1, "upgrade to 2.0.0 failed"), (-2, "upgrade to 2.0.0 failed: the download"),
    (-3, "upgrade to 2.0.0 failed: verifying the firmware"),
    (-4, "upgrade to 2.0.0 failed: burning the firmware"),
  ])
  func `a failure that the device reports is one, until it reports the version`(
    step: Int,
    note: String
  ) throws {
    var bench = try bench()
    _ = try send(&bench, "request", #""version":"1.0.0""#)
    #expect(try send(&bench, "progress", #""step":"\#(step)""#) == note)
    #expect(try bench.state.upgrade?.outcome == .failed)
    // The device asks again.
    _ = try send(&bench, "request", #""version":"1.0.0""#)
    #expect(try bench.state.upgrade?.outcome == .offered)
    #expect(try send(&bench, "inform", #""version":"2.0.0""#) == "upgrade to 2.0.0 succeeded")
  }

  @Test func `progress without an offer says so, and a pushed firmware is one`() throws {
    var bench = try bench()
    #expect(try send(&bench, "progress", #""step":"10""#) == "no upgrade is on offer")
    bench.bench.platform.things.pushFirmware(productKey: "pk", deviceName: "device")
    #expect(try bench.state.upgrade?.outcome == .offered)
    #expect(try send(&bench, "progress", #""step":"10""#) == "upgrade to 2.0.0: 10 %")
    // Offered again, it continues.
    _ = try send(&bench, "request", #""version":"1.0.0""#)
    #expect(try bench.state.upgrade?.outcome == .running)
  }
}
