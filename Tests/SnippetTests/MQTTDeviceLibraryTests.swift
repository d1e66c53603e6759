// SPDX-License-Identifier: Apache-2.0
import Foundation
import MQTTPeers
import TestSupport
import Testing

@Suite(
  "The C library over MQTT, with the simulator over TLS (device guide 4 to 6)",
  .enabled(if: hasBroker),
  .serialized,
  .timeLimit(.minutes(10))
)
struct MQTTDeviceLibraryTests {
  /// A row of what the platform sends.
  private struct Row: Sendable {
    let push: String
    var options: [String] = []
    let kind: String
    /// How it is answered; nothing where no answer is due.
    var reply: (@Sendable (String) -> String)?
  }

  private static let configuration = #""url":"https://example.com/c""#
  private static let digest = String(repeating: "a", count: 64)

  private static let rows = [
    Row(
      push: "property-set",
      options: ["--params", #"{"power":"on"}"#],
      kind: "property-set",
      reply: { "reply \($0) 200" }
    ),
    Row(
      push: "property-get",
      options: ["--params", #"["power"]"#],
      kind: "property-get",
      reply: { #"reply \#($0) 200 {"power":"on"}"# }
    ),
    Row(
      push: "service",
      options: ["--service", "reboot", "--params", #"{"delay":5}"#],
      kind: "service",
      reply: { #"reply \#($0) 200 {"done":true}"# }
    ),
    Row(
      push: "service",
      options: ["--service", "reboot", "--params", #"{"delay":6}"#, "--synchronous"],
      kind: "synchronous-call",
      reply: { "reply \($0) 200 {}" }
    ),
    Row(
      push: "rrpc",
      options: ["--payload", "ping"],
      kind: "synchronous-call",
      reply: { "bytes \($0) 706f6e67" }
    ),
    Row(
      push: "raw",
      options: ["--hex", "0200ff"],
      kind: "raw",
      reply: { "bytes \($0) 00ff" }
    ),
    Row(
      push: "config",
      options: ["--url", "https://example.com/c", "--size", "5", "--sha256", digest],
      kind: "configuration"
    ),
    Row(
      push: "sub-config",
      options: ["--params", #"{"digest":"\#(digest)","url":"https://example.com/s"}"#],
      kind: "sub-device-configuration"
    ),
    Row(
      push: "topo-notify",
      options: ["--params", #"[{"deviceName":"sub1","productKey":"a1B2c3D4e5F"}]"#],
      kind: "topology-addition"
    ),
    Row(push: "disable", kind: "disable"),
    Row(push: "enable", kind: "enable"),
    Row(push: "delete", kind: "delete"),
    Row(push: "error", options: ["--code", "520"], kind: "sub-device-error"),
  ]

  @Test func `each row is an event, and answered once`() throws {
    let world = try ListeningWorld()
    let device = try world.connectedDevice()
    for row in Self.rows {
      let push = try world.push(row.push, row.options)
      if let reply = row.reply {
        let id = try device.request(row.kind)
        try device.write(reply(id))
        #expect(try device.next("ok") == "ok \(id)")
        try device.write(reply(id))
        // NBIOT_ANSWERED.
        #expect(try device.next("refused") == "refused \(id) -10")
      } else {
        _ = try device.next("notice \(row.kind) ")
      }
      let done = try push.output()
      #expect(done.status == 0, "\(row.push): \(done.text)")
    }
    #expect(try device.end() == 0)
  }

  @Test func `what is not answered, answered late or wrongly is told by its code`() throws {
    let world = try ListeningWorld()
    let device = try world.connectedDevice(["answer_time=2"])
    let push = try world.push("property-set", ["--params", #"{"power":"on"}"#])
    let id = try device.request("property-set")
    for (line, code) in [
      ("reply \(id) 200 [1]", -12), ("reply \(id) 200 {\"a\":1,\"a\":2}", -12),
      ("bytes \(id) 00", -12), ("reply \(id) 201", -1), ("reply 7 200", -9),
      ("reply 18446744073709551615 200", -9), ("bytes 0 00", -9), ("done", -9),
    ] {
      try device.write(line)
      #expect(try device.next("refused").hasSuffix(" \(code)"), "\(line)")
    }
    #expect(try device.next("unanswered") == "unanswered \(id) property-set 400")
    try device.write("reply \(id) 200")
    // NBIOT_LATE.
    #expect(try device.next("refused") == "refused \(id) -11")
    let done = try push.output()
    #expect(done.status == 1 && done.text.contains("400"), "\(done.text)")
    // A message that is not handed over is told with its reason.
    let bad = try world.push(
      "topo-notify",
      ["--params", #"[{"deviceName":"s","productKey":"a1B2c3D4e5F"}]"#]
    )
    let refused = try device.next("message-refused ")
    #expect(refused.hasPrefix("message-refused 460 bad-names "), "\(refused)")
    #expect(try bad.output().text.contains(#""code":460"#))
    #expect(try device.end() == 0)
  }

  @Test func `what the thing model forbids is answered with 460 and not handed over`() throws {
    let world = try ListeningWorld()
    try world.scratch.write(
      #"{"properties":[{"identifier":"power","accessMode":"rw","dataType":{"type":"text","specs":{"length":"16"}}}]}"#,
      to: "model.json"
    )
    let model = world.scratch.url.appending(path: "model.json").path
    let device = try world.connectedDevice(["thing_model=\(model)"])
    let wrong = try world.push("property-set", ["--params", #"{"power":1}"#])
    let refused = try device.next("message-refused ")
    #expect(refused.hasPrefix("message-refused 460 not-of-the-model "), "\(refused)")
    #expect(try wrong.output().text.contains("460"))
    let right = try world.push("property-set", ["--params", #"{"power":"on"}"#])
    try device.write("reply \(try device.request("property-set")) 200")
    #expect(try right.output().status == 0)
    #expect(try device.end() == 0)
  }

  @Test func `a firmware is started once, resumed, and told to the platform`() throws {
    let world = try ListeningWorld()
    let device = try world.connectedDevice(["firmware_version=1.0.0", "desired=power,level"])
    _ = try world.simulator.wait(for: "/ota/device/inform/\(ListeningWorld.device)")
    _ = try world.simulator.wait(for: #""params":["power","level"]"#)
    _ = try device.next("notice desired-values ")
    try world.pushFirmware("1.0.0")
    _ = try device.next("firmware already-installed ")
    try world.pushFirmware("2.0.0")
    #expect(
      try device.next("firmware start") == "firmware start 2.0.0 5 https://example.com/a"
    )
    try world.pushFirmware("2.0.0")
    _ = try device.next("firmware already-running ")
    try device.write("progress 50")
    #expect(try device.next("ok") == "ok 0")
    _ = try world.simulator.wait(for: #""step":"50""#)
    try device.write("progress 101")
    #expect(try device.next("refused") == "refused 0 -1")
    try device.write("done")
    #expect(try device.next("ok") == "ok 0")
    try world.pushFirmware("2.0.0")
    _ = try device.next("firmware waits-for-restart ")
    #expect(try device.end() == 0)
    // The program starts anew, and says what was under way.
    let later = try world.device([
      "firmware_version=1.0.1", "interrupted_version=2.0.0",
      "interrupted_digest=93230c3bde425a9d7984a594ac55ea1e",
    ])
    _ = try later.next("connected")
    // It tells its version behind its subscriptions.
    _ = try world.simulator.wait(for: #""version":"1.0.1""#)
    try world.pushFirmware("2.0.0")
    _ = try later.next("firmware resume 2.0.0")
    try later.write("progress -2")
    _ = try later.next("ok")
    _ = try world.simulator.wait(for: #""step":"-2""#)
    #expect(try later.end() == 0)
  }

  @Test func `a kick is an event, and the device does not come straight back`() throws {
    let world = try ListeningWorld()
    let device = try world.connectedDevice(["notices=1"])
    try world.kick()
    // NBIOT_REASON_SAME_IDENTITY; half an hour at least.
    let kicked = try device.next("kicked")
    let wait = try #require(
      kicked.firstMatch(of: /^kicked reason=31 .* wait=([0-9]+)$/),
      "\(kicked)"
    )
    #expect(try #require(Int(wait.1)) >= 1_800 - 1)
    #expect(try device.end() == 0)
  }

  @Test func `a connection that does not come about has its reason`() throws {
    let world = try ListeningWorld()
    try world.scratch.write("another\n", to: "wrong.txt")
    let refused = try world.device(secret: "wrong.txt")
    // NBIOT_AUTHENTICATION_FAILED with CONNACK's number, NBIOT_REASON_REFUSED.
    #expect(try refused.next("event").hasPrefix("event 5 code=4 id=0 reason=1 "))
    let other = world.scratch.url.appending(path: "other").path
    let made = try world.scratch.run([
      "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
      "-subj", "/CN=other", "-days", "2", "-keyout", "\(other).key", "-out", "\(other).pem",
    ])
    try #require(made.status == 0, "\(made.errors)")
    _ = try refused.end()
    let unknown = try world.device(authorities: "other.pem")
    // NBIOT_NO_LINK, NBIOT_REASON_UNKNOWN_AUTHORITY.
    #expect(try unknown.next("event").hasPrefix("event 7 code=0 id=0 reason=13 "))
    _ = try unknown.end()
    let nobody = try world.device(port: 1)
    // NBIOT_REASON_UNREACHABLE.
    #expect(try nobody.next("event").hasPrefix("event 7 code=0 id=0 reason=10 "))
    _ = try nobody.end()
  }

  @Test(arguments: [[], ["in_flight=4"], ["reports_only=1", "keep_alive=30", "sign_method=1"]])
  func `reports are delivered, and nothing is left at the end`(options: [String]) throws {
    let world = try ListeningWorld()
    let device = try world.device(options)
    for number in 1...20 { try device.write("report {\"value\":\(number)}") }
    for number in 1...20 { #expect(try device.next("ok") == "ok \(number)") }
    #expect(try device.end() == 0)
    for number in 1...20 { _ = try device.next("delivered \(number)") }
    let log = try world.simulator.stop()
    #expect(log.contains(#"/user/update qos 1 {"value":20} -> PUBACK"#))
  }

  @Test func `the end of a connection is an event`() throws {
    let world = try ListeningWorld()
    let device = try world.connectedDevice()
    let push = try world.push("property-set", ["--params", #"{"power":"on"}"#])
    let id = try device.request("property-set")
    _ = try world.simulator.stop()
    // NBIOT_REASON_BROKEN or NBIOT_REASON_CLOSED; then no server is there.
    #expect(try device.next("disconnected").contains(#/^disconnected reason=(29|30)\b/#))
    _ = try device.next("event 7 ")
    try device.write("reply \(id) 200")
    // NBIOT_NOT_CONNECTED.
    #expect(try device.next("refused") == "refused \(id) -13")
    _ = try push.output()
    #expect(try device.end() == 0)
  }

  @Test(
    arguments: [
      ("mqtt", ["plain=1"]), ("ws", ["plain=1", "websocket=1"]),
      ("wss", ["websocket=1", "websocket_path=/mqtt", "keep_session=1"]),
      ("mqtts", ["keep_session=1", "sign_method=2", "keep_alive=1200"]),
    ] as [(String, [String])]
  )
  func `each transport carries requests and answers`(name: String, options: [String]) throws {
    let world = try ListeningWorld(["--mqtt", "0", "--ws", "0", "--wss", "0"])
    let port = try name == "mqtts" ? world.port : world.simulator.port(of: name)
    let device = try world.connectedDevice(options, port: port)
    let push = try world.push("property-set", ["--params", #"{"power":"on"}"#])
    try device.write("reply \(device.request("property-set")) 200")
    let done = try push.output()
    #expect(done.status == 0, "\(done.text)")
    #expect(try device.end() == 0)
  }

  @Test func `a refused subscription is an event`() throws {
    let scratch = try Scratch()
    let server = try FakeServer { connection, _ in
      connection.accept()
      while let packet = connection.packet(ofType: 8) {
        connection.send([0x90, 3, packet[2], packet[3], 0x80])
      }
    }
    try ListeningWorld.compile(in: scratch)
    try scratch.write(Scratch.secret + "\n", to: "secret.txt")
    let device = try ListeningDevice(
      [
        "./listen", "a1B2c3D4e5F", "device1", "secret.txt", "state", "127.0.0.1",
        "\(server.port)", "secret.txt", "plain=1",
      ],
      in: scratch
    )
    _ = try device.next("subscription-refused /sys/\(ListeningWorld.device)/thing/service/+")
    #expect(try device.end() == 0)
  }
}
