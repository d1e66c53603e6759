// SPDX-License-Identifier: Apache-2.0
import Foundation
import HTTPSPeers
import TestSupport
import Testing

@Suite("nbiot publish and doctor over HTTPS (device guide 3.8)", .timeLimit(.minutes(15)))
struct HTTPSCommandTests {
  private let folder: URL

  init() throws {
    folder = URL.temporaryDirectory.appending(path: "nbiot-https-command-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try write("secret.txt", Array("0123456789abcdef0123456789abcdef\n".utf8))
  }

  private func path(_ name: String) -> String { folder.appending(path: name).path }

  private func write(_ name: String, _ bytes: [UInt8]) throws {
    try Data(bytes).write(to: URL(filePath: path(name)))
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o600],
      ofItemAtPath: path(name)
    )
  }

  /// How the server answers is said by the last part of the topic, and by the client id for /auth.
  private func options(_ peer: HTTPSPeer, clientID: String = "12345") -> [String] {
    [
      "--transport", "https", "--endpoint", "127.0.0.1:\(peer.port)", "--ca-file",
      peer.authorityFile, "--product-key", "a1B2c3D4e5F", "--device-name", "device1",
      "--device-secret-file", path("secret.txt"), "--client-id", clientID,
    ]
  }

  private func publish(
    _ peer: HTTPSPeer,
    to name: String = "update",
    clientID: String = "12345",
    _ others: [String] = [],
    input: String = ""
  ) async throws -> Run {
    try await nbiot(
      ["publish", "--output", "json", "--topic", "/a1B2c3D4e5F/device1/user/\(name)"]
        + options(peer, clientID: clientID) + others,
      input: input
    )
  }

  @Test func `a report has the objects that CoAP and MQTT have, its id exact and a text`()
    async throws
  {
    let peer = try HTTPSPeer()
    let run = try await publish(peer, ["--payload", #"{"value":1}"#])
    #expect(run.status == 0, "\(run.errors)")
    let object = try #require(run.object)
    #expect(object["outcome"] as? String == "acknowledged")
    // Beyond what a Double holds.
    #expect(object["messageID"] as? String == "892687627916247040")
    #expect(object["transmissions"] as? Int == 1 && object["session"] == nil)
    let requests = try peer.requests()
    #expect(requests.map(\.path) == ["/auth", "/topic/a1B2c3D4e5F/device1/user/update"])
    #expect(requests.last?.text == #"{"value":1}"#)
    #expect(run.errors.contains("1 report, 1 acknowledged, "))
    #expect(run.errors.contains("1 /auth, "))
  }

  @Test
  func `the ledger has every byte of TLS that a relay has seen, and the headers of TCP and IP`()
    async throws
  {
    let peer = try HTTPSPeer()
    let relay = try StreamRelay(to: peer.port)
    let run = try await nbiot(
      [
        "publish", "--output", "json", "--topic", "/a1B2c3D4e5F/device1/user/update", "--ledger",
      ] + options(peer) + ["--endpoint", "127.0.0.1:\(relay.port)"],
      input: "{\"value\":1}\n{\"value\":2}\n"
    )
    relay.stop()
    #expect(run.status == 0, "\(run.errors)")
    let ledger = try printedLedger(run.output)
    let counted = try await relay.counted(all: ledger)
    // On a busy machine TCP now and then sends again what has arrived: the relay does not see it, and the answer has 12
    // bytes more for each.
    let again = (ledger["up"] as? [String: [String: Int]])?["retransmission"] ?? [:]
    for (name, bytes) in [("up", counted.up), ("down", counted.down)] {
      let side = try #require(ledger[name] as? [String: [String: Int]])
      func bytesOf(_ purpose: String) -> Int { side[purpose]?["bytes"] ?? 0 }
      let all = side.keys.reduce(0) { $0 + bytesOf($1) }
      #expect(all - bytesOf("headers") - bytesOf("retransmission") == bytes, "\(name): \(side)")
      // A SYN of 60 bytes, and 52 for each segment after it: both sides' requests, answers and ends at least.
      let told = name == "down" ? again["datagrams"] ?? 0 : 0
      #expect((0...told).contains { (bytesOf("headers") - 12 * $0) % 52 == 8 }, "\(name): \(side)")
      #expect(bytesOf("headers") >= 60 + 5 * 52)
      #expect(bytesOf("handshake") > 300 && bytesOf("overhead") > 0)
      #expect(bytesOf("authentication") > 0)
    }
    let up = try #require(ledger["up"] as? [String: [String: Int]])
    try write("ledger.jsonl", Array(run.output.utf8))
    let priced = try await nbiot(["estimate", "--from-ledger", path("ledger.jsonl"), "--psm"])
    #expect(priced.status == 0 && !priced.errors.contains("TLS"), "\(priced.errors)")
    #expect(up["report"]?["datagrams"] == 2 && up["handshake"]?["datagrams"] == counted.connections)
  }

  @Test func `a file of 131,072 bytes arrives whole, and one byte more is refused before`()
    async throws
  {
    let peer = try HTTPSPeer()
    try write("full.bin", [UInt8](repeating: 0xA5, count: 131_072))
    try write("over.bin", [UInt8](repeating: 0xA5, count: 131_073))
    let full = try await publish(peer, ["--payload", "@" + path("full.bin")])
    #expect(full.status == 0, "\(full.errors)")
    #expect(try peer.requests().last?.size == 131_072)
    let over = try await publish(peer, ["--payload", "@" + path("over.bin")])
    #expect(over.status == 2)
    #expect(over.errors.contains("131,072"), "\(over.errors)")
    #expect(try peer.requests().count == 2)
  }

  @Test func `a file of nbiot-agent-https says all that a command needs`() async throws {
    let peer = try HTTPSPeer()
    let lines = [
      "product-key = a1B2c3D4e5F", "device-name = device1", "client-id = 12345",
      "device-secret-file = \(path("secret.txt"))", "state-directory = \(path("state"))",
      "endpoint = 127.0.0.1:\(peer.port)", "ca-file = \(peer.authorityFile)",
      "topic = /a1B2c3D4e5F/device1/user/update",
    ]
    for more in ["transport = https", "payload-limit = 2000"] {
      try write("agent.conf", Array((lines + [more, ""]).joined(separator: "\n").utf8))
      let run = try await nbiot(["publish", "--config", path("agent.conf"), "--payload", "1"])
      #expect(run.status == 0, "\(run.output)\(run.errors)")
    }
    // As the agent signs unless it is told otherwise.
    #expect(try peer.requests().first?.text.contains(#""signmethod":"hmacsha1""#) == true)
    for (more, words) in [
      ("keep-alive = 300", "belongs to nbiot-agent-mqtt"),
      ("paylod-limit = 3", "did you mean payload-limit?"),
      ("sign-method = hmacsha256", "sign-method takes hmacsha1|hmacmd5"),
    ] {
      let text = lines + ["transport = https", more, ""]
      try write("agent.conf", Array(text.joined(separator: "\n").utf8))
      let run = try await nbiot(["publish", "--config", path("agent.conf"), "--payload", "1"])
      #expect(run.status == 2 && run.errors.contains(words), "\(run.errors)")
    }
  }

  @Test func `nothing can be listened to, whoever says that it is HTTPS`() async throws {
    let device = [
      "--product-key", "a1B2c3D4e5F", "--device-name", "device1", "--device-secret-file",
      path("secret.txt"), "--ca-file", path("ca.pem"), "--max-wait", "0.1",
    ]
    let lines = [
      "transport = https", "product-key = a1B2c3D4e5F", "device-name = device1",
      "device-secret-file = \(path("secret.txt"))", "state-directory = \(path("state"))",
      "topic = /a1B2c3D4e5F/device1/user/update", "endpoint = 127.0.0.1:1",
      "ca-file = \(path("ca.pem"))", "",
    ]
    try write("ca.pem", [])
    try write("agent.conf", Array(lines.joined(separator: "\n").utf8))
    let configured = ["--config", path("agent.conf"), "--max-wait", "0.1"]
    for (options, words) in [
      (configured, "give --transport mqtt, and --endpoint if"),
      (device + ["--transport", "https"], "give --transport mqtt\n"),
      (device + ["--endpoint", "https://127.0.0.1:1"], "give an endpoint of MQTT\n"),
      (configured + ["--endpoint", "https://127.0.0.1:1"], "give an endpoint of MQTT\n"),
    ] {
      let run = try await nbiot(["listen"] + options)
      #expect(run.status == 2, "\(options): \(run.errors)")
      #expect(run.errors.contains("over HTTPS nothing can be listened to"), "\(run.errors)")
      #expect(run.errors.contains(words), "\(run.errors)")
    }
    let coap = try await nbiot(["listen"] + device + ["--transport", "coap"])
    #expect(coap.status == 2 && coap.errors.contains("nbiot pull"), "\(coap.errors)")
    // Names and secret of the file, and an endpoint of MQTT.
    for transport in [[], ["--transport", "mqtt"]] {
      let options = transport + ["--endpoint", "127.0.0.1:1"]
      let run = try await nbiot(["listen"] + configured + options)
      #expect(!run.errors.contains("HTTPS"), "\(run.errors)")
      #expect(run.status != 0)
    }
  }

  @Test func `a file that may be of two agents is not sent to a server of TLS as datagrams`()
    async throws
  {
    let peer = try HTTPSPeer()
    let lines = [
      "product-key = a1B2c3D4e5F", "device-name = device1", "client-id = 12345",
      "device-secret-file = \(path("secret.txt"))", "state-directory = \(path("state"))",
      "endpoint = 127.0.0.1:\(peer.port)", "ca-file = \(peer.authorityFile)",
      "topic = /a1B2c3D4e5F/device1/user/update", "",
    ]
    try write("agent.conf", Array(lines.joined(separator: "\n").utf8))
    let publish = ["publish", "--config", path("agent.conf"), "--payload", "1"]
    let open = try await nbiot(publish)
    #expect(open.status == 2)
    for words in ["agent.conf", "ca-file", "transport = https", "--transport"] {
      #expect(open.errors.contains(words), "\(open.errors)")
    }
    let said = try await nbiot(publish + ["--transport", "https"])
    #expect(said.status == 0, "\(said.output)\(said.errors)")
    // One of CoAP: what only that agent has says so.
    try write("agent.conf", Array((lines + ["timing = nbIoT", ""]).joined(separator: "\n").utf8))
    let other = try await nbiot(publish + ["--endpoint", "127.0.0.1:9"])
    #expect(other.status == 4, "\(other.errors)")
  }

  @Test func `what --max-wait does not allow is said to be put off, and for how long`()
    async throws
  {
    let peer = try HTTPSPeer()
    let report = try await publish(peer, to: "status-503", ["--payload", "1", "--max-wait", "2"])
    #expect(report.status == 1 && report.object?["outcome"] as? String == "rejected")
    let error = try #require(report.object?["error"] as? String)
    #expect(
      error == "the server has put the request off for 7 s (HTTP status 503); "
        + "that is beyond --max-wait 2: give at least 7"
    )
    let token = try await publish(
      peer,
      clientID: "status-503",
      ["--payload", "1", "--max-wait", "6"]
    )
    let reason = try #require(token.object?["error"] as? String)
    #expect(token.status == 1 && reason.contains("put the request off for 7 s"), "\(reason)")
    #expect(reason.contains("--max-wait 6: give at least 7"), "\(reason)")
  }

  @Test func `a date in Retry-After is the time that a report waits`() async throws {
    let peer = try HTTPSPeer()
    for kind in ["until", "until-by-its-clock"] {
      let run = try await publish(peer, to: "\(kind)-once", ["--payload", "1", "--max-wait", "30"])
      #expect(run.status == 0, "\(run.errors)")
      #expect(run.errors.contains("it is sent again in "), "\(run.errors)")
    }
  }

  @Test func `a line may be as long as a payload`() async throws {
    let peer = try HTTPSPeer()
    let full = String(repeating: "x", count: 131_072)
    let input = "\(full)\n\(full)\r\n\(full)y\n\(full)\ry\n1\n"
    let run = try await publish(peer, input: input)
    #expect(run.status == 1)
    #expect(try peer.requests().dropFirst().map(\.size) == [131_072, 131_072, 1])
    let refused = run.output.split(separator: "\n").filter { $0.contains("refused") }
    #expect(refused.count == 2, "\(run.output)")
    for line in refused {
      #expect(line.contains("the line has over 128 KiB: a message takes at most 131,072 bytes"))
    }
  }

  @Test(arguments: ["redirect", "text", "none", "no-token", "bare-404", "code-10001"])
  func `an answer to /auth that stays the same is asked for once`(kind: String) async throws {
    let peer = try HTTPSPeer()
    let run = try await publish(peer, clientID: kind, input: "1\n2\n3\n")
    #expect(run.status == 3, "\(run.errors)")
    #expect(try peer.requests().map(\.path) == ["/auth"])
    #expect(run.output.split(separator: "\n").count == 3, "\(run.output)")
  }

  @Test func `dots in a topic are refused in words for HTTPS`() async throws {
    let peer = try HTTPSPeer()
    let run = try await publish(peer, to: "..", ["--payload", "1"])
    #expect(run.status == 2)
    #expect(run.errors.contains("HTTPS drops from a path"), "\(run.errors)")
    #expect(try peer.requests().isEmpty)
  }

  @Test func `a report that the server fails at is sent again`() async throws {
    let peer = try HTTPSPeer()
    let run = try await publish(peer, to: "bare-500-once", ["--payload", "1"])
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.object?["outcome"] as? String == "acknowledged")
    #expect(run.object?["transmissions"] as? Int == 2)
  }

  @Test func `a token that is too long is named`() async throws {
    let peer = try HTTPSPeer()
    let run = try await publish(peer, clientID: "long-token", ["--payload", "1"])
    #expect(run.status == 3)
    #expect(run.errors.contains("token is longer than this program takes"), "\(run.errors)")
  }

  @Test func `lines are reports over one connection, and a session file keeps the token`()
    async throws
  {
    let peer = try HTTPSPeer()
    let session = ["--session-file", path("session.bin")]
    let first = try await publish(peer, session, input: "1\n2\n3\n")
    #expect(first.status == 0, "\(first.errors)")
    let second = try await publish(peer, session, input: "4\n")
    #expect(second.status == 0, "\(second.errors)")
    let requests = try peer.requests()
    #expect(requests.map(\.text).dropFirst() == ["1", "2", "3", "4"])
    #expect(requests.map(\.connection) == [1, 1, 1, 1, 2])
  }

  @Test(
    arguments: [
      ("code-10001", "12345", 1, "rejected", 10_001),
      ("code-20001", "12345", 3, "rejected", 20_001),
      ("update", "code-20000", 3, "refused", 20_000),
      ("code-30001", "12345", 1, "rejected", 30_001),
      ("bare-404", "12345", 1, "unreadable", nil), ("code-99999", "12345", 1, "rejected", 99_999),
      ("text", "12345", 1, "unreadable", nil),
      ("redirect", "12345", 1, "unreadable", nil), ("none", "12345", 1, "unreadable", nil),
      ("long-body", "12345", 1, "unreadable", nil), ("garbage", "12345", 1, "unreadable", nil),
      ("cut", "12345", 1, "timedOut", nil),
    ] as [(String, String, Int32, String, Int?)]
  )
  func `each refusal has its outcome, its code and its exit status`(
    topic: String,
    clientID: String,
    status: Int32,
    outcome: String,
    code: Int?
  ) async throws {
    let peer = try HTTPSPeer()
    let run = try await publish(peer, to: topic, clientID: clientID, ["--payload", "1"])
    #expect(run.status == status, "\(run.errors)")
    let object = try #require(run.object)
    #expect(object["outcome"] as? String == outcome)
    #expect(object["httpsCode"] as? Int == code)
    #expect(object["error"] != nil)
  }

  @Test func `no secret and no token is on a command's output, whatever it prints`() async throws {
    let peer = try HTTPSPeer()
    let run = try await publish(peer, ["--payload", "1", "--verbose"])
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.errors.contains("POST /auth") && run.errors.contains("POST /topic/"))
    for secret in ["token-1", "0123456789abcdef"] {
      #expect(!run.errors.contains(secret) && !run.output.contains(secret))
    }
  }

  @Test(arguments: ["repeats", "repeats-page"])
  func `a token that the server repeats is shown nowhere`(kind: String) async throws {
    let peer = try HTTPSPeer()
    let run = try await publish(
      peer,
      to: kind,
      clientID: "real-token",
      ["--payload", "1", "--verbose"]
    )
    #expect(run.status == 1)
    #expect(run.output.contains("bad token …"), "\(run.output)")
    #expect(run.errors.contains("bad token …"), "\(run.errors)")
    #expect(!run.output.contains("-token-1") && !run.errors.contains("-token-1"))
  }

  @Test func `a report that was put off has the cost of all its tries`() async throws {
    let peer = try HTTPSPeer()
    let run = try await publish(peer, to: "until-once", ["--payload", "1"])
    #expect(run.status == 0, "\(run.errors)")
    let object = try #require(run.object)
    #expect(object["transmissions"] as? Int == 2)
    let bytes = try #require(object["bytesUp"] as? Int)
    // As the summary has it.
    #expect(run.errors.contains("1 acknowledged, \(bytes) B up, "), "\(run.errors)")
  }

  @Test func `a file without a certificate is a usage error, named with its file`() async throws {
    let peer = try HTTPSPeer()
    try write("none.pem", Array("no certificate\n".utf8))
    let others = ["--ca-file", path("none.pem")]
    let device = options(peer).filter { $0 != "--ca-file" && $0 != peer.authorityFile }
    let topic = ["--topic", "/a1B2c3D4e5F/device1/user/update", "--payload", "1"]
    let run = try await nbiot(["publish"] + topic + device + others)
    #expect(run.status == 2)
    #expect(run.errors.contains("\(path("none.pem")) holds no certificate in PEM"), "\(run.errors)")
    let doctor = try await nbiot(["doctor"] + device + others)
    #expect(doctor.status == 2)
    #expect(doctor.output.contains("authorities  failed"), "\(doctor.output)")
    #expect(try peer.requests().isEmpty)
  }

  @Test func `a time that was given is named where it is wrong`() async throws {
    let peer = try HTTPSPeer()
    let run = try await publish(
      peer,
      clientID: "late",
      ["--payload", "1", "--timestamp", "784115377000"]
    )
    #expect(
      run.errors.contains(
        /the time of --timestamp is 36[0-9][0-9] s ahead of the platform's clock/
      ),
      "\(run.errors)"
    )
  }

  @Test func `the keys of TLS are written to no file`() async throws {
    let peer = try HTTPSPeer()
    let keys = path("keys.log")
    let run = try await nbiot(
      ["publish", "--topic", "/a1B2c3D4e5F/device1/user/update", "--payload", "1"] + options(peer),
      environment: ["SSLKEYLOGFILE": keys]
    )
    #expect(run.status == 0, "\(run.errors)")
    #expect(!FileManager.default.fileExists(atPath: keys))
  }

  @Test func `--verbose shows what is inside, and what the head asks for`() async throws {
    let peer = try HTTPSPeer()
    let run = try await publish(
      peer,
      to: "until-by-its-clock",
      ["--payload", #"{"value":1}"#, "--verbose", "--max-wait", "1"]
    )
    for words in [
      #"POST /topic/a1B2c3D4e5F/device1/user/until-by-its-clock, a body of 11 B: {"value":1}"#,
      #""sign":"…","#, #"B: {"code":0,"message":"success","info":{"token":"…"}}"#,
      "HTTP status 503, Retry-After Sun, 06 Nov 1994 08:49:40 GMT, "
        + "Date Sun, 06 Nov 1994 08:49:37 GMT, a body of 0 B\n",
    ] {
      #expect(run.errors.contains(words), "\(words): \(run.errors)")
    }
  }

  @Test func `an endpoint that never answers ends with 4, and a foreign certificate with 3`()
    async throws
  {
    let peer = try HTTPSPeer(certificate: "foreign")
    let foreign = try await publish(peer, ["--payload", "1"])
    #expect(foreign.status == 3)
    #expect(foreign.errors.contains("--ca-file"))
    var options = options(peer)
    options[3] = "127.0.0.1:1"
    let silent = try await nbiot(
      ["publish", "--topic", "/a1B2c3D4e5F/device1/user/update", "--payload", "1"] + options
    )
    #expect(silent.status == 4)
  }

  @Test(arguments: [
    (["--sign-method", "hmacsha256"], "hmacmd5"), (["--websocket"], "--transport mqtt"),
    (["--ack-mode", "0"], "--transport coap"), (["--security", "dtls"], "--transport coap"),
    (["--in-flight", "2"], "--transport mqtt"),
  ])
  func `what HTTPS does not have is refused before anything is sent`(
    others: [String],
    advice: String
  ) async throws {
    let peer = try HTTPSPeer()
    let run = try await publish(peer, ["--payload", "1"] + others)
    #expect(run.status == 2)
    #expect(run.errors.contains(advice), "\(run.errors)")
    #expect(try peer.requests().isEmpty)
  }

  @Test func `doctor checks from below, and tells of a wrong clock`() async throws {
    let peer = try HTTPSPeer()
    let run = try await nbiot(["doctor", "--output", "json"] + options(peer))
    #expect(run.status == 0, "\(run.errors) \(run.output)")
    for check in ["authorities", "name", "sign", "tcp", "tls", "auth", "report"] {
      #expect(run.output.contains(#""check":"\#(check)""#), "\(check): \(run.output)")
    }
    // This server's field Date is of 1994.
    let late = try await nbiot(
      ["doctor", "--no-report", "--output", "json", "--timestamp", "now"]
        + options(peer, clientID: "late")
    )
    #expect(late.status == 0, "\(late.errors) \(late.output)")
    #expect(late.output.contains("ahead of the platform's: set it"))
    let refused = try await nbiot(
      ["doctor", "--no-report", "--output", "json"] + options(peer, clientID: "code-20000")
    )
    #expect(refused.status == 3)
    #expect(refused.output.contains("20000"))
  }
}
