// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite("nbiot call, pull, doctor and register, as their user runs them")
struct ThingCommandTests {
  private func options(_ simulator: Simulator) -> [String] {
    [
      "--endpoint", "127.0.0.1:\(simulator.port)", "--product-key", "a1B2c3D4e5F", "--device-name",
      "device1", "--device-secret-file", simulator.secretFile,
    ]
  }

  private func call(
    _ simulator: Simulator,
    _ method: String,
    _ parameters: String,
    _ more: [String] = []
  ) async throws -> Run {
    try await nbiot(
      ["call", method, parameters, "--output", "json"] + options(simulator) + more
    )
  }

  @Test(arguments: [
    ("thing.property.desired.delete", #"{"power":{"version":"1"}}"#),
    ("thing.property.desired.delete", #"{"power":{"version":-1}}"#),
    ("thing.property.desired.delete", #"{"power":{"Version":1}}"#),
    ("thing.property.desired.delete", #"{"power":1}"#),
    ("thing.event.property.post", #"{"t":{"value":1,"time":"1524448722000"}}"#),
    ("thing.event.alarm.post", #"{"value":{},"time":1.5}"#),
  ])
  func `a version or a time that cannot be read is not taken for none`(
    method: String,
    parameters: String
  ) async throws {
    let simulator = try Simulator(["--desired", "power=on"])
    let run = try await call(simulator, method, parameters)
    #expect(run.status == 2, "\(run.output)")
    let desired = try await call(simulator, "thing.property.desired.get", #"["power"]"#)
    #expect(desired.output.contains(#""power":{"value":"on","version":1}"#))
    _ = try simulator.stop()
  }

  @Test(arguments: [
    #"{"properties":{"a":{"value":1,"time":1}},"subDevices":{}}"#,
    #"{"properties":{"a":{"value":1,"time":1}},"event":{}}"#,
    #"{"properties":{"a":{"value":1,"time":1}},"events":[]}"#,
    #"{"properties":[]}"#,
    "[]",
  ])
  func `no part of a pack is dropped in silence`(parameters: String) async throws {
    let simulator = try Simulator([])
    let run = try await call(simulator, "thing.event.property.pack.post", parameters)
    #expect(run.status == 2, "\(run.output)")
    _ = try simulator.stop()
  }

  /// Every method of protocol facts 1.13 that CoAP carries, in the order in which one needs another.
  @Test(arguments: ["json", "cbor"])
  func `every method is called and answered`(format: String) async throws {
    let sub = URL.temporaryDirectory.appending(path: "\(UUID().uuidString).txt")
    try writeSecret("abcdefabcdefabcdefabcdefabcdefab\n", to: sub)
    defer { try? FileManager.default.removeItem(at: sub) }
    let simulator = try Simulator([
      "--desired", "power=on", "--sub-device", "a1subsubsub,sensor1,\(sub.path)", "--sub-device",
      "a1subsubsub,sensor2",
    ])
    let device = #"{"productKey":"a1subsubsub","deviceName":"sensor1"}"#
    let cases: [(method: String, parameters: String, code: Int, data: String)] = [
      ("thing.event.property.post", #"{"t":{"value":21.5,"time":1524448722000}}"#, 200, "{}"),
      ("thing.event.alarm.post", #"{"value":{"errorCode":"error"}}"#, 200, "{}"),
      ("thing.property.desired.get", #"["power"]"#, 200, #"{"power":{"value":"on","version":1}}"#),
      ("thing.property.desired.delete", #"{"power":{"version":1}}"#, 200, "{}"),
      ("thing.property.desired.get", #"["power"]"#, 200, "{}"),
      (
        "thing.deviceinfo.update", #"[{"attrKey":"Temperature","attrValue":"36.8"}]"#, 200, "{}"
      ),
      ("thing.deviceinfo.delete", #"[{"attrKey":"Temperature"}]"#, 200, "{}"),
      ("thing.config.get", "{}", 6_710, "{}"),
      ("thing.dsltemplate.get", "{}", 6_321, "{}"),
      ("thing.topo.add", "[\(device)]", 200, "{}"),
      (
        "thing.topo.get", "{}", 200,
        #"[{"deviceName":"sensor1","productKey":"a1subsubsub"}]"#
      ),
      (
        "thing.event.property.pack.post",
        #"{"properties":{"t":{"value":1,"time":1}},"subDevices":[{"identity":"# + device
          + #","events":{"e":{"value":{"a":1},"time":1}}}]}"#, 200, "{}"
      ),
      ("thing.topo.delete", "[\(device)]", 200, "{}"),
      ("thing.topo.get", "{}", 200, "[]"),
      ("thing.list.found", "[\(device)]", 200, "{}"),
    ]
    for (method, parameters, code, data) in cases {
      let more =
        ["--format", format]
        + (method == "thing.topo.add" ? ["--sub-device-secret-file", sub.path] : [])
      let run = try await call(simulator, method, parameters, more)
      #expect(run.status == (code == 200 ? 0 : 1), "\(method): \(run.errors)")
      #expect(run.object?["code"] as? Int == code, "\(method)")
      #expect(run.output.contains("\"data\":" + data), "\(method): \(run.output)")
    }
    let registered = try await call(
      simulator,
      "thing.sub.register",
      #"[{"productKey":"a1subsubsub","deviceName":"sensor2"}]"#,
      ["--format", format]
    )
    #expect(registered.status == 0)
    let entries = registered.object?["data"] as? [[String: Any]]
    #expect((entries?.first?["deviceSecret"] as? String)?.isEmpty == false)
    _ = try simulator.stop()
  }

  @Test(arguments: [
    ("thing.nothing", "{}", "unknown method"),
    ("thing.event.property.post", "[1]", "are an object"),
    ("thing.event.property.post", "{", "are not JSON: it ends too early"),
    ("thing.event.property.post", #"{"a":1,"a":2}"#, "a name twice"),
    ("thing.event.property.post", "{}", "holds nothing"),
    ("thing.property.desired.get", "{}", "are a list"),
    ("thing.property.desired.get", "[1]", "no text"),
    ("thing.event.alarm.post", #"{"a":1}"#, #"{"value":{…}}"#),
    ("thing.event.property.pack.post", #"{"properties":{"a":1}}"#, "every property and event"),
    (
      "thing.event.property.pack.post", #"{"events":{"e":{"value":7,"time":5}}}"#,
      "value of an event is an object"
    ),
    ("thing.event.property.post", #"{"t":{"value":1,"tiem":2}}"#, "and nothing else"),
    ("thing.event.alarm.post", #"{"value":{},"time":1,"extra":1}"#, "and nothing else"),
    ("thing.topo.add", "[]", "one sub-device"), ("thing.topo.get", "[]", "takes no parameters"),
    ("thing.config.get", #"{"x":1}"#, "takes no parameters"),
    ("thing.topo.add", #"[{"productKey":"pk","deviceName":"name"}]"#, "--sub-device-secret-file"),
    ("thing.deviceinfo.update", #"[{"attrKey":"1","attrValue":"x"}]"#, "a tag's key"),
  ])
  func `what breaks a rule is refused before anything is sent`(
    method: String,
    parameters: String,
    words: String
  ) async throws {
    let simulator = try Simulator()
    let run = try await call(simulator, method, parameters)
    #expect(run.status == 2)
    #expect(run.errors.contains(words), "\(run.errors)")
    #expect(try simulator.stop().log.isEmpty)
  }

  @Test func `parameters come from standard input, and the thing model refuses a value`()
    async throws
  {
    let model = URL.temporaryDirectory.appending(path: "\(UUID().uuidString).json")
    let text =
      #"{"properties":[{"identifier":"t","dataType":{"type":"int","specs":{"max":"9"}}}]}"#
    try Data(text.utf8).write(to: model)
    defer { try? FileManager.default.removeItem(at: model) }
    let simulator = try Simulator()
    let arguments =
      ["call", "thing.event.property.post", "-", "--thing-model", model.path] + options(simulator)
    let good = try await nbiot(arguments, input: #"{"t":{"value":9}}"#)
    #expect(good.status == 0, "\(good.errors)")
    let bad = try await nbiot(arguments, input: #"{"t":{"value":10}}"#)
    #expect(bad.status == 2)
    #expect(bad.errors.contains("t.value: the value at byte"))
    #expect(bad.errors.contains("outside of min and max"))
    _ = try simulator.stop()
  }

  private static let model = #"""
    {"properties":[{"identifier":"t","dataType":{"type":"double","specs":{"min":"0","max":"99","step":"0.1"}}},
    {"identifier":"s","dataType":{"type":"text","specs":{"length":"4"}}},
    {"identifier":"a","dataType":{"type":"array","specs":{"size":"2","item":{"type":"int"}}}}]}
    """#

  private func file(_ bytes: [UInt8]) throws -> URL {
    let file = URL.temporaryDirectory.appending(path: "\(UUID().uuidString)")
    try Data(bytes).write(to: file)
    return file
  }

  /// 23.65 is the guide's own (6.5).
  @Test(
    arguments: [
      (#"{"t":{"value":23.65}}"#, [], 0), (#"{"t":{"value":23.65}}"#, ["--check-steps"], 2),
      (#"{"s":{"value":"温温"}}"#, [], 2),
      (#"{"s":{"value":"温温"}}"#, ["--text-length", "characters"], 0),
      (#"{"a":{"value":[1]}}"#, [], 0), (#"{"a":{"value":[1]}}"#, ["--array-size", "exact"], 2),
    ] as [(String, [String], Int32)]
  )
  func `the thing model's step, length and size are read as the options say, at both ends`(
    parameters: String,
    options: [String],
    status: Int32
  ) async throws {
    let model = try file(Array(Self.model.utf8))
    defer { try? FileManager.default.removeItem(at: model) }
    let simulator = try Simulator(["--thing-model", model.path] + options)
    let run = try await call(
      simulator,
      "thing.event.property.post",
      parameters,
      ["--thing-model", model.path] + options
    )
    #expect(run.status == status, "\(run.errors)")
    if status != 0 {
      // What the device would refuse the simulator leaves out, by the same rule.
      let unchecked = try await call(simulator, "thing.event.property.post", parameters)
      #expect(unchecked.status == 0)
    }
    let log = try simulator.stop().log
    #expect(log.contains("left out") == (status != 0), "\(log)")
  }

  @Test func `sub-devices are checked by their products' models, or said not to be`() async throws {
    let model = try file(Array(Self.model.utf8))
    defer { try? FileManager.default.removeItem(at: model) }
    let simulator = try Simulator(["--sub-device", "a1subsubsub,sensor1"])
    let pack = { (value: Int) in
      #"{"subDevices":[{"identity":{"productKey":"a1subsubsub","deviceName":"sensor1"},"#
        + #""properties":{"t":{"value":\#(value),"time":1}}}]}"#
    }
    let method = "thing.event.property.pack.post"
    let options = ["--sub-device-model", "a1subsubsub=\(model.path)"]
    let bad = try await call(simulator, method, pack(100), options)
    #expect(bad.status == 2)
    #expect(bad.errors.contains("subDevices[0].properties.t.value: the value at byte"))
    // It is not in the topology.
    let good = try await call(simulator, method, pack(99), options)
    #expect(good.status == 1 && good.object?["code"] as? Int == 6_401)
    #expect(!good.errors.contains("not checked"))
    let unchecked = try await call(simulator, method, pack(100), ["--thing-model", model.path])
    #expect(unchecked.object?["code"] as? Int == 6_401)
    #expect(unchecked.errors.contains("sub-devices of a1subsubsub is not checked"))
    _ = try simulator.stop()
  }

  @Test(arguments: [
    (["0x020000007b00"], ""), (["020000007B00"], ""), (["FILE"], ""), (["-"], "020000007b00"),
  ])
  func `bytes go up raw from digits, a file or standard input`(
    parameters: [String],
    input: String
  ) async throws {
    let bytes: [UInt8] = [2, 0, 0, 0, 0x7B, 0]
    let raw = try file(bytes)
    defer { try? FileManager.default.removeItem(at: raw) }
    let simulator = try Simulator()
    let given = parameters == ["FILE"] ? ["@\(raw.path)"] : parameters
    let run = try await nbiot(
      ["call", "up_raw"] + given + ["--output", "json"] + options(simulator),
      input: input.isEmpty ? "" : String(decoding: bytes, as: UTF8.self)
    )
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.object?["code"] as? Int == 200)
    let log = try simulator.stop().log
    #expect(log.contains("/thing/model/up_raw"))
    #expect(log.contains("0x020000007b00"))
  }

  @Test(arguments: ["0x0", "0x", "02g0", "", "+102", "@/nonexistent", "0x02 03"])
  func `what is no bytes is refused`(parameters: String) async throws {
    let simulator = try Simulator()
    let run = try await call(simulator, "thing.model.up_raw", parameters)
    #expect(run.status == 2)
    #expect(!run.errors.isEmpty)
    #expect(try simulator.stop().log.isEmpty)
  }

  @Test func `a gateway that names itself, and a name by the other rule, cost nothing`()
    async throws
  {
    let simulator = try Simulator()
    let own = #"[{"productKey":"a1B2c3D4e5F","deviceName":"device1"}]"#
    for (method, more) in [
      ("thing.topo.add", ["--sub-device-secret-file", simulator.secretFile]),
      ("thing.sub.register", []),
    ] {
      let run = try await call(simulator, method, own, more)
      #expect(run.status == 2)
      #expect(run.errors.contains("6402"), "\(run.errors)")
    }
    let dashed = #"[{"productKey":"a1B2c3D4e5F","deviceName":"ab-cd"}]"#
    let strict = try await call(simulator, "thing.list.found", dashed, ["--device-names", "guide"])
    #expect(strict.status == 2)
    let taken = try await call(simulator, "thing.list.found", dashed)
    #expect(taken.status == 0, "\(taken.output)")
    #expect(try simulator.stop().log.components(separatedBy: "POST /topic").count == 2)
  }

  @Test func `ids of one run do not come again in the next, and /auth may go in CBOR`()
    async throws
  {
    let simulator = try Simulator(["--log", "json"])
    for _ in 0..<5 {
      let run = try await call(simulator, "thing.topo.get", "{}", ["--auth-format", "cbor"])
      #expect(run.status == 0, "\(run.errors)")
    }
    let log = try simulator.stop().log
    let ids = log.matches(of: /\\"id\\":\\"([0-9]+)\\"/).map { String($0.1) }
    #expect(ids.count == 5)
    #expect(Set(ids).count == 5)
    #expect(ids.allSatisfy { UInt32($0) != nil })
    // The message ids are texts there, of as many digits as the guide's.
    #expect(log.matches(of: /"messageID":"[0-9]{18}"/).count == 5)
  }

  @Test func `a number keeps its digits on the way`() async throws {
    let simulator = try Simulator()
    let run = try await call(
      simulator,
      "thing.event.property.post",
      #"{"t":{"value":18446744073709551615}}"#
    )
    #expect(run.status == 0, "\(run.errors)")
    #expect(try simulator.stop().log.contains("18446744073709551615"))
  }

  @Test func `messages that wait are pulled`() async throws {
    let file = URL.temporaryDirectory.appending(path: "\(UUID().uuidString).json")
    let topic = "/sys/a1B2c3D4e5F/device1/thing/service/property/set"
    try Data(#"[{"topic":"\#(topic)","payload":{"id":"7","params":{"power":"on"}}}]"#.utf8)
      .write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let simulator = try Simulator(["--downlink", file.path])
    let run = try await nbiot(["pull"] + options(simulator))
    #expect(run.status == 0)
    #expect(run.output.contains(topic))
    _ = try simulator.stop()
  }

  @Test func `the doctor finds a healthy device, a wrong secret and a silent host`() async throws {
    let simulator = try Simulator()
    let healthy = try await nbiot(["doctor"] + options(simulator))
    #expect(healthy.status == 0, "\(healthy.output)")
    let lines = healthy.output.split(separator: "\n").map { $0.split(separator: " ").prefix(2) }
    #expect(
      lines == [
        ["credentials", "ok"], ["clock", "ok"], ["name", "ok"], ["sign", "ok"], ["auth", "ok"],
        ["report", "ok"],
      ]
    )
    let wrong = URL.temporaryDirectory.appending(path: "\(UUID().uuidString).txt")
    try Data("wrong secret\n".utf8).write(to: wrong)
    defer { try? FileManager.default.removeItem(at: wrong) }
    let ill = try await nbiot(
      ["doctor", "--output", "json"] + options(simulator).dropLast() + [wrong.path]
    )
    #expect(ill.status == 3)
    #expect(ill.output.contains(#"{"check":"credentials","result":"doubtful""#))
    #expect(ill.output.contains(#"{"check":"auth","result":"failed""#))
    let topic = try await nbiot(
      ["doctor", "--topic", "/a1B2c3D4e5F/another/user/update"] + options(simulator)
    )
    #expect(topic.status == 1)
    #expect(topic.output.contains("names this device"))
    _ = try simulator.stop()
    let gone = try await nbiot(["doctor"] + options(simulator))
    #expect(gone.status == 2)
    #expect(gone.errors.contains("secret file"))
  }

  @Test func `a device registers over CoAP, once, into a file of mode 600`() async throws {
    let folder = URL.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let product = folder.appending(path: "product.txt").path
    try Data("fedcba9876543210fedcba9876543210\n".utf8).write(to: URL(filePath: product))
    let certificates = folder.appending(path: "certificates").path
    let simulator = try Simulator([
      "--security", "dtls", "--certificates", certificates, "--register",
      "a1B2c3D4e5F,device9,\(product)",
    ])
    let names = [
      "--endpoint", "127.0.0.1:\(simulator.port)", "--product-key", "a1B2c3D4e5F", "--device-name",
      "device9", "--ca-file", "\(certificates)/ca.pem",
    ]
    let secret = folder.appending(path: "secret.txt").path
    let register =
      ["register", "--over", "coap", "--product-secret-file", product, "--secret-file", secret]
      + names
    let run = try await nbiot(register)
    #expect(run.status == 0, "\(run.errors)")
    let attributes = try FileManager.default.attributesOfItem(atPath: secret)
    #expect(attributes[.posixPermissions] as? Int == 0o600)
    let own = try String(contentsOfFile: secret, encoding: .utf8)
      .trimmingCharacters(in: .whitespacesAndNewlines)
    #expect(own.count == 32)
    #expect(!(run.output + run.errors).contains(own))
    // It is there already.
    #expect(try await nbiot(register).status == 2)
    let post = try await nbiot(
      [
        "call", "thing.event.property.post", #"{"t":{"value":1}}"#, "--security", "dtls",
        "--device-secret-file", secret,
      ] + names
    )
    #expect(post.status == 0, "\(post.errors)")
    // The device is active now, and its secret stays.
    let again = try await nbiot(register + ["--force"])
    #expect(again.status == 3)
    #expect(again.errors.contains("refused to register the device (4.03"))
    _ = try simulator.stop()
  }
}
