// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite(
  "nbiot push: what the platform sends (device guide 4 to 6)",
  .enabled(if: Mosquitto.isInstalled),
  .timeLimit(.minutes(15))
)
struct BrokerPushTests {
  /// A device that has subscribed to everything, and answers with 200 where `answers` says so.
  private func device(
    _ simulator: BrokerSimulator,
    answers: Bool = true,
    transport: String = "mqtts"
  ) throws -> MQTTClient {
    var settings = try simulator.settings(transport)
    settings["answers"] = answers
    let client = try simulator.client(settings)
    let own = "a1B2c3D4e5F/device1"
    for filter in [
      "/sys/\(own)/thing/#", "/sys/\(own)/rrpc/request/+", "/ext/rrpc/+/\(own)/#",
      "/ota/device/upgrade/\(own)", "/ext/error/\(own)", "/\(own)/user/get",
    ] {
      #expect(try client.subscribe(filter) == [1], "\(filter)")
    }
    return client
  }

  /// One row of the table: the kind with its options, the topic behind /sys/PK/DN/, and what is sent in `member`.
  struct Row: Sendable, CustomTestStringConvertible {
    let kind: String
    let options: [String]
    let topic: String
    let method: String
    var testDescription: String { "\(kind) \(options.joined(separator: " "))" }
  }

  private static let alink = [
    Row(
      kind: "property-set",
      options: ["--params", #"{"power":"on"}"#],
      topic: "service/property/set",
      method: "thing.service.property.set"
    ),
    Row(
      kind: "desired",
      options: ["--params", #"{"power":"off"}"#],
      topic: "service/property/set",
      method: "thing.service.property.set"
    ),
    Row(
      kind: "property-get",
      options: ["--params", #"["power"]"#],
      topic: "service/property/get",
      method: "thing.service.property.get"
    ),
    Row(
      kind: "service",
      options: ["--service", "reboot", "--params", #"{"delay":5}"#],
      topic: "service/reboot",
      method: "thing.service.reboot"
    ),
    Row(
      kind: "config",
      options: ["--url", "https://example.com/c", "--size", "5", "--sha256", "aa"],
      topic: "config/push",
      method: "thing.config.push"
    ),
    Row(
      kind: "topo-notify",
      options: ["--params", #"[{"deviceName":"sub1","productKey":"a1B2c3D4e5F"}]"#],
      topic: "topo/add/notify",
      method: "thing.topo.add.notify"
    ),
    Row(kind: "disable", options: [], topic: "disable", method: "thing.disable"),
    Row(kind: "enable", options: [], topic: "enable", method: "thing.enable"),
    Row(kind: "delete", options: [], topic: "delete", method: "thing.delete"),
  ]

  @Test func `each method that a device answers`() async throws {
    let simulator = try BrokerSimulator(transports: ["mqtts"])
    let client = try device(simulator)
    for row in Self.alink {
      let run = try await simulator.push(row.kind, row.options)
      #expect(run.status == 0, "\(row.testDescription): \(run.output)\(run.errors)")
      let result = try #require(run.object)
      #expect(result["outcome"] as? String == "answered" && result["code"] as? Int == 200)
      let topic = BrokerSimulator.thing(row.topic)
      #expect(result["topic"] as? String == topic)
      #expect(result["answerTopic"] as? String == "\(topic)_reply")
      let message = try client.message(topic)
      #expect(message.qos == 1)
      let request = message.json
      #expect(request["method"] as? String == row.method && request["version"] as? String == "1.0")
      #expect(request["id"] as? String == result["id"] as? String)
      #expect(request["params"] != nil)
    }
    try simulator.stop()
  }

  @Test func `bytes, synchronous calls, and what nothing answers`() async throws {
    let simulator = try BrokerSimulator(transports: ["mqtts"])
    let client = try device(simulator)
    let own = "a1B2c3D4e5F/device1"
    let raw = try await simulator.push("raw", ["--hex", "020000ff7b00"])
    #expect(
      raw.status == 0 && raw.object?["answerHex"] as? String == "020000ff7b00",
      "\(raw.output)"
    )
    #expect(
      try client.message(BrokerSimulator.thing("model/down_raw")).payload.unicodeScalars.count == 6
    )
    let call = try await simulator.push("rrpc", ["--payload", "ping"])
    #expect(call.status == 0 && call.object?["answer"] as? String == "ping", "\(call.output)")
    let number = try #require(call.object?["id"] as? String)
    #expect(try client.message("/sys/\(own)/rrpc/request/\(number)").payload == "ping")
    let custom = try await simulator.push(
      "rrpc",
      ["--payload", "ping", "--topic", "/\(own)/user/x"]
    )
    #expect(custom.status == 0 && custom.object?["answer"] as? String == "ping", "\(custom.output)")
    let service = try await simulator.push("service", ["--service", "reboot", "--synchronous"])
    #expect(service.status == 0 && service.object?["outcome"] as? String == "answered")
    #expect((service.object?["topic"] as? String)?.contains("/rrpc/request/") == true)
    let error = try await simulator.push("error", ["--code", "520"])
    #expect(error.status == 0 && error.object?["outcome"] as? String == "sent")
    let told = try client.message("/ext/error/\(own)").json
    #expect(told["code"] as? Int == 520 && told["message"] as? String == "device session error")
    let config = try await simulator.push(
      "sub-config",
      ["--params", #"{"digest":"aa","digestMethod":"sha256","url":"https://example.com/x"}"#]
    )
    #expect(config.status == 0 && config.object?["outcome"] as? String == "sent")
    let data = try client.message(BrokerSimulator.thing("model/config/push")).json
    #expect(data["data"] is [String: Any] && data["params"] == nil)
    let message = try await simulator.push(
      "message",
      ["--topic", "/\(own)/user/get", "--payload", "hello"]
    )
    #expect(message.status == 0)
    #expect(try client.message("/\(own)/user/get").payload == "hello")
    let firmware = try await simulator.push(
      "firmware",
      [
        "--firmware-version", "2.0.0", "--url", "https://example.com/app.bin", "--size", "5",
        "--md5",
        "93230c3bde425a9d7984a594ac55ea1e",
      ]
    )
    #expect(firmware.status == 0 && firmware.object?["outcome"] as? String == "sent")
    let offer = try client.message("/ota/device/upgrade/\(own)").json
    #expect(offer["code"] as? String == "1000")
    let described = try #require(offer["data"] as? [String: Any])
    #expect(
      described["version"] as? String == "2.0.0" && described["signMethod"] as? String == "Md5"
    )
    try simulator.stop()
  }

  @Test func `an answer of another code, none, another id, and who is not there`() async throws {
    let simulator = try BrokerSimulator(transports: ["mqtt"], devices: ["device1", "device2"])
    let client = try device(simulator, answers: false, transport: "mqtt")
    let topic = BrokerSimulator.thing("service/property/set")
    let arguments = simulator.pushArguments("property-set", ["--params", #"{"power":"x"}"#])
    let refused = try StartedRun(arguments)
    let first = try client.message(topic).json["id"] as? String ?? ""
    // Two that are no answers to it, then the answer.
    try client.publish("\(topic)_reply", #"{"id":"\#(first)0","code":200,"data":{}}"#)
    try client.publish(
      BrokerSimulator.thing("disable_reply"),
      #"{"id":"\#(first)","code":200,"data":{}}"#
    )
    try client.publish("\(topic)_reply", #"{"id":"\#(first)","code":460,"data":{}}"#)
    let run = try refused.end()
    #expect(run.status == 1 && run.object?["code"] as? Int == 460, "\(run.output)")
    let silent = try await simulator.push(
      "property-set",
      ["--params", #"{"power":"on"}"#, "--wait", "0.2"]
    )
    #expect(silent.status == 4 && silent.object?["outcome"] as? String == "silent")
    let left = try await nbiot([
      "push", "property-set", "--at", simulator.control, "--product-key", "a1B2c3D4e5F",
      "--device-name", "device1", "--params", "{}", "--wait", "0",
    ])
    #expect(left.status == 0 && left.output.hasSuffix("; its answer was not waited for\n"))
    try client.unsubscribe("/sys/a1B2c3D4e5F/device1/thing/#")
    let deaf = try await simulator.push("property-set", ["--params", #"{"power":"on"}"#])
    #expect(deaf.status == 1 && deaf.object?["outcome"] as? String == "unsubscribed")
    let offline = try await simulator.push("disable", [], device: "device2")
    #expect(offline.status == 1 && offline.object?["outcome"] as? String == "offline")
    let kept = try await simulator.push("disable", ["--for-pull"], device: "device2")
    #expect(kept.status == 0 && kept.object?["outcome"] as? String == "kept")
    let long = try await simulator.push(
      "property-set",
      ["--for-pull", "--params", #"{"note":"\#(String(repeating: "x", count: 2_000))"}"#],
      device: "device2"
    )
    #expect(long.status == 3 && long.output.contains("at most 1024 bytes"), "\(long.output)")
    let desired = try await simulator.push(
      "desired",
      ["--params", #"{"power":"on"}"#],
      device: "device2"
    )
    #expect(desired.status == 0 && desired.object?["outcome"] as? String == "kept")
    let stranger = try await simulator.push("disable", [], device: "device3")
    #expect(stranger.status == 3 && stranger.object?["outcome"] as? String == "refused")
    try simulator.stop()
    let gone = try await simulator.push("disable", [])
    #expect(gone.status == 4 && gone.errors.contains("nothing listens at"))
  }

  @Test func `the simulator itself refuses what its thing model does not allow`() async throws {
    let folder = try DTLSCommandTests.Folder()
    let model = folder.path("model.json")
    try Data(
      #"""
      {"properties":[{"identifier":"power","dataType":{"type":"text","specs":{"length":"4"}}}],
       "services":[{"identifier":"reboot","inputData":[
        {"identifier":"delay","dataType":{"type":"int","specs":{"min":"0","max":"9"}}}]}]}
      """#.utf8
    ).write(to: URL(filePath: model))
    let simulator = try BrokerSimulator(["--thing-model", model], transports: ["mqtts"])
    let client = try device(simulator)
    let wrong = [#"{"power":"longer"}"#, #"{"other":1}"#, "[]"]
    for params in wrong {
      let run = try await simulator.push("property-set", ["--params", params])
      #expect(run.status == 3 && run.object?["outcome"] as? String == "refused", "\(params)")
    }
    let service = try await simulator.push(
      "service",
      ["--service", "reboot", "--params", #"{"delay":10}"#]
    )
    #expect(service.status == 3)
    let unknown = try await simulator.push("service", ["--service", "halt"])
    #expect(unknown.status == 3)
    let sent = try await simulator.push("property-set", ["--params", wrong[0], "--unchecked"])
    #expect(sent.status == 0, "\(sent.output)")
    // The product has no such service, and the answer to it comes all the same.
    let halted = try await simulator.push("service", ["--service", "halt", "--unchecked"])
    #expect(halted.object?["outcome"] as? String == "answered", "\(halted.output)")
    _ = client
    try simulator.stop()
  }

  @Test func `the product's firmware is pushed at each connection, until the device has it`()
    async throws
  {
    let folder = try DTLSCommandTests.Folder()
    let file = folder.path("app.bin")
    try Data("firmware".utf8).write(to: URL(filePath: file))
    let simulator = try BrokerSimulator(
      [
        "--firmware-version", "2.0.0", "--firmware-file", file, "--firmware-url",
        "https://example.com/app.bin",
      ],
      transports: ["mqtt"]
    )
    let own = "a1B2c3D4e5F/device1"
    for _ in 0..<2 {
      let client = try simulator.client(try simulator.settings())
      try client.subscribe("/ota/device/upgrade/\(own)")
      let offer = try client.message("/ota/device/upgrade/\(own)").json
      #expect((offer["data"] as? [String: Any])?["version"] as? String == "2.0.0")
      try client.disconnect()
    }
    let client = try simulator.client(try simulator.settings())
    try client.publish(
      "/ota/device/inform/\(own)",
      #"{"id":"1","params":{"version":"2.0.0"}}"#,
      qos: 1
    )
    _ = try client.next("published")
    try client.subscribe("/ota/device/upgrade/\(own)")
    try client.disconnect()
    let log = try simulator.stop()
    #expect(log.contains("upgrade to 2.0.0 succeeded"))
    #expect(log.components(separatedBy: "DELIVER /ota/device/upgrade").count == 3)
  }

  @Test func `system topics need no subscription with _ss=1`() async throws {
    let simulator = try BrokerSimulator(transports: ["mqtt"])
    var settings = try simulator.settings(fields: ",_ss=1")
    settings["answers"] = true
    let client = try simulator.client(settings)
    let run = try await simulator.push("disable", [])
    #expect(run.status == 0, "\(run.output)")
    _ = try client.message(BrokerSimulator.thing("disable"))
    let own = try await simulator.push(
      "message",
      ["--topic", "/a1B2c3D4e5F/device1/user/get", "--payload", "1"]
    )
    #expect(own.status == 1)
    try simulator.stop()
  }

  @Test(arguments: [
    ["property-set"], ["raw"], ["service"], ["message", "--payload", "x"], ["error"],
    ["raw", "--hex", "00", "--payload", "1"], ["disable", "--wait", "-1"],
    ["raw", "--hex", "012"], ["raw", "--hex", "01zz"],
    ["firmware", "--url", "x"],
    ["property-set", "--params", "{"], ["disable", "--payload", "1"], ["nothing"],
  ])
  func `what does not make sense`(arguments: [String]) async throws {
    let run = try await nbiot(
      ["push"] + arguments
        + ["--at", "127.0.0.1:1", "--product-key", "a1B2c3D4e5F", "--device-name", "device1"]
    )
    #expect(run.status == 2, "\(run.errors)")
  }

  @Test(arguments: ["1.2.3.4:5", "localhost", "127.0.0.1:0", "127.0.0.1:70000", "a:b:c"])
  func `a control socket is on this machine`(place: String) async throws {
    let run = try await nbiot(["broker", "list", "--at", place])
    #expect(run.status == 2 && run.errors.contains("--at is 127.0.0.1:PORT"), "\(run.errors)")
  }
}
