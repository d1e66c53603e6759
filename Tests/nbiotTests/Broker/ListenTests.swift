// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// `nbiot listen` in a process of its own, which has subscribed.
private final class Listener {
  let process: Process
  let output: OutputLines
  let errors: OutputLines

  init(_ simulator: BrokerSimulator, _ options: [String]) throws {
    process = nbiotTests.process(
      ["listen", "--output", "json"] + MQTTPublishTests.device(simulator) + options
    )
    let (output, errors) = (Pipe.ofChild(), Pipe.ofChild())
    process.standardOutput = output
    process.standardError = errors
    self.output = OutputLines(output)
    self.errors = OutputLines(errors)
    try process.start()
    // The last of the filters.
    _ = try simulator.log.wait(for: "desired/get_reply qos 1 -> granted 1")
  }

  deinit {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
  }

  /// The next message that it prints.
  func next() throws -> [String: Any] {
    let line = try output.next { !$0.isEmpty }
    let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
    return try #require(object as? [String: Any])
  }

  func end() -> Int32 {
    process.waitUntilExit()
    return process.terminationReason == .uncaughtSignal
      ? 128 + process.terminationStatus : process.terminationStatus
  }
}

@Suite(
  "nbiot listen: each row of what the platform sends, over TLS",
  .enabled(if: Mosquitto.isInstalled),
  .timeLimit(.minutes(15))
)
struct ListenTests {
  /// One row: what is pushed, what is printed, and what the platform gets.
  struct Row: Sendable {
    let kind: String
    var options: [String] = []
    /// As printed, if another one than pushed.
    var shown: String?
    /// The answer's code; 0 where nothing answers, `nil` for bytes.
    var code: Int? = 200
    var answer: String?
  }

  private static let rows = [
    Row(kind: "property-set", options: ["--params", #"{"power":"on"}"#]),
    Row(kind: "desired", options: ["--params", #"{"power":"off"}"#], shown: "property-set"),
    Row(kind: "property-get", options: ["--params", #"["power"]"#]),
    Row(kind: "service", options: ["--service", "reboot", "--params", #"{"delay":5}"#]),
    Row(
      kind: "service",
      options: ["--service", "reboot", "--params", #"{"delay":5}"#, "--synchronous"],
      shown: "rrpc"
    ),
    Row(kind: "rrpc", options: ["--payload", "hello"], code: nil, answer: #"{"power":"on"}"#),
    Row(
      kind: "rrpc",
      options: ["--payload", "hello", "--topic", "/a1B2c3D4e5F/device1/user/get"],
      code: nil,
      answer: #"{"power":"on"}"#
    ),
    Row(kind: "raw", options: ["--hex", "0200"], code: nil, answer: #"{"power":"on"}"#),
    Row(
      kind: "firmware",
      options: [
        "--firmware-version", "2.0.0", "--size", "5", "--url", "https://example.com/a", "--md5",
        "93230c3bde425a9d7984a594ac55ea1e",
      ],
      code: 0
    ),
    Row(
      kind: "config",
      options: [
        "--url", "https://example.com/c", "--size", "5", "--sha256",
        String(repeating: "ab", count: 32),
      ]
    ),
    Row(
      kind: "sub-config",
      options: [
        "--params",
        #"{"digest":"\#(String(repeating: "ab", count: 32))","digestMethod":"Sha256","url":"https://example.com/c"}"#,
      ],
      code: 0
    ),
    Row(
      kind: "topo-notify",
      options: ["--params", #"[{"deviceName":"sub1","productKey":"a1B2c3D4e5F"}]"#]
    ),
    Row(kind: "disable"), Row(kind: "enable"), Row(kind: "delete"),
    Row(kind: "error", options: ["--code", "520"], code: 0),
    Row(
      kind: "message",
      options: ["--topic", "/a1B2c3D4e5F/device1/user/get", "--payload", "hello"],
      code: 0
    ),
  ]

  @Test func `each row is printed, and answered as --reply says`() async throws {
    let simulator = try BrokerSimulator(transports: ["mqtts"])
    let listener = try Listener(
      simulator,
      [
        "--reply", #"200,{"power":"on"}"#, "--count", "\(Self.rows.count)", "--subscribe",
        "/a1B2c3D4e5F/device1/user/get",
      ]
    )
    _ = try simulator.log.wait(for: "SUBSCRIBE /a1B2c3D4e5F/device1/user/get")
    for row in Self.rows {
      let run = try await simulator.push(row.kind, row.options)
      let told = try #require(run.object, "\(row.kind): \(run.output)\(run.errors)")
      #expect(run.status == 0, "\(row.kind): \(run.output)")
      let shown = try listener.next()
      #expect(shown["kind"] as? String == row.shown ?? row.kind)
      if row.code == 0 {
        #expect(told["outcome"] as? String == "sent")
        #expect(shown["needsReply"] as? Bool == false)
      } else {
        #expect(told["outcome"] as? String == "answered", "\(row.kind): \(run.output)")
        #expect(told["code"] as? Int == row.code, "\(row.kind): \(run.output)")
        if let answer = row.answer { #expect(told["answer"] as? String == answer) }
      }
    }
    #expect(listener.end() == 0)
    try simulator.stop()
  }

  @Test func `a command gets topic and payload, and gives code and data`() async throws {
    let simulator = try BrokerSimulator(transports: ["mqtts"])
    let listener = try Listener(
      simulator,
      [
        "--exec",
        #"grep -q '"method":"thing.service' || exit 9; case $NBIOT_SERVICE in bad) exit 65;; busy) exit 75;; "#
          + #"broken) exit 3;; text) echo hello;; "#
          + #"*) printf '{"kind":"%s","secret":"%s"}' "$NBIOT_KIND" "$NBIOT_DEVICE_SECRET";; esac"#,
      ]
    )
    for (service, code) in [
      ("good", 200), ("bad", 460), ("busy", 429), ("broken", 400), ("text", 400),
    ] {
      let run = try await simulator.push("service", ["--service", service, "--wait", "20"])
      #expect(run.object?["code"] as? Int == code, "\(service): \(run.output)\(run.errors)")
      if service == "good" {
        let answer = run.object?["answer"] as? String ?? ""
        #expect(answer.contains(#""data":{"kind":"service","secret":""}"#), "\(answer)")
      }
    }
    kill(listener.process.processIdentifier, SIGTERM)
    #expect(listener.end() == 128 + SIGTERM)
    #expect(try simulator.stop().contains("DISCONNECT"))
  }

  @Test func `a command that takes too long is killed, and answers 400`() async throws {
    let simulator = try BrokerSimulator(transports: ["mqtts"])
    let listener = try Listener(simulator, ["--exec", "sleep 100", "--exec-limit", "0.5"])
    let run = try await simulator.push("service", ["--service", "slow", "--wait", "20"])
    #expect(run.object?["code"] as? Int == 400, "\(run.output)\(run.errors)")
    kill(listener.process.processIdentifier, SIGTERM)
    #expect(listener.end() == 128 + SIGTERM)
    try simulator.stop()
  }

  @Test func `a command gets no descriptor but the standard ones`() async throws {
    let simulator = try BrokerSimulator(transports: ["mqtts"])
    let listener = try Listener(
      simulator,
      [
        "--exec",
        #"for file in /proc/$$/fd/*; do test -e $file && printf ' %s' ${file##*/}; done >&2; echo >&2; echo '{}'"#,
      ]
    )
    let run = try await simulator.push("service", ["--service", "good", "--wait", "20"])
    #expect(run.object?["code"] as? Int == 200, "\(run.output)\(run.errors)")
    let line = try listener.errors.next { $0.hasPrefix(" 0") }
    let numbers = line.split(separator: " ").compactMap { Int($0) }
    // What the shell itself opens is from 10 on.
    #expect(numbers.filter { $0 < 10 } == [0, 1, 2], "\(line)")
    kill(listener.process.processIdentifier, SIGTERM)
    #expect(listener.end() == 128 + SIGTERM)
    try simulator.stop()
  }

  @Test func `what is not answered gets 400 in time, and what the model forbids 460`() async throws
  {
    let simulator = try BrokerSimulator(transports: ["mqtts"])
    let model = simulator.folder.path("model.json")
    try Data(
      #"{"properties":[{"identifier":"power","accessMode":"rw","dataType":{"type":"text","specs":{"length":"16"}}}]}"#
        .utf8
    ).write(to: URL(filePath: model))
    let listener = try Listener(simulator, ["--answer-time", "0.3", "--thing-model", model])
    let silent = try await simulator.push("property-set", ["--params", #"{"power":"on"}"#])
    #expect(silent.object?["code"] as? Int == 400, "\(silent.output)")
    #expect(try listener.next()["code"] is NSNull)
    let wrong = try await simulator.push("property-set", ["--params", #"{"power":1}"#])
    #expect(wrong.object?["code"] as? Int == 460, "\(wrong.output)")
    _ = try listener.errors.next { $0.hasPrefix("warning: /sys/a1B2c3D4e5F/device1/thing") }
    kill(listener.process.processIdentifier, SIGINT)
    #expect(listener.end() == 128 + SIGINT)
    try simulator.stop()
  }

  @Test func `it connects again, and ends where another device has its identity`() async throws {
    let simulator = try BrokerSimulator(transports: ["mqtts"])
    let listener = try Listener(simulator, ["--notices"])
    let restart = try await nbiot(["broker", "restart", "--at", simulator.control])
    #expect(restart.status == 0, "\(restart.errors)")
    for _ in 0..<2 { _ = try listener.errors.next { $0.hasPrefix("nbiot: connected") } }
    let twin = try simulator.client(try simulator.settings("mqtts"))
    _ = try listener.errors.next { $0.contains("the same identity has connected elsewhere") }
    #expect(listener.end() == 6)
    // It ends, and does not promise half an hour's wait.
    #expect(try !listener.errors.rest().contains(/next try is in [0-9]{4} s/))
    twin.kill()
    try simulator.stop()
  }

  @Test func `it ends when nothing comes for so long`() async throws {
    let simulator = try BrokerSimulator(transports: ["mqtts"])
    for (options, status) in [([], 0), (["--count", "1"], 1)] as [([String], Int32)] {
      let run = try await nbiot(
        ["listen", "--max-wait", "0.2"] + MQTTPublishTests.device(simulator) + options
      )
      #expect(run.status == status, "\(run.errors)")
      #expect(run.errors.hasPrefix("nbiot: connected\n"), "\(run.errors)")
    }
    try simulator.stop()
  }

  @Test(arguments: [
    (["--reply", "201"], "a device answers with 200, 400, 429, 460 or 100000 to 110000"),
    (["--reply", "200,1"], "what follows the code is one JSON object"),
    (["--reply", "200", "--exec", "true"], "give --reply or --exec, not both"),
    (["--exec-limit", "5"], "--exec-limit belongs to a command: give --exec, too"),
    (["--count", "0"], "--count is 1 or more"),
    (["--keep-alive", "29"], "--keep-alive: the keep-alive is 29 s"),
    (["--keep-alive", "1201"], "--keep-alive: the keep-alive is 1201 s"),
    (["--plain", "--client-id", "a|b"], "the client id has a | at byte 1"),
    (["--plain", "--client-id", String(repeating: "a", count: 65)], "client id"),
    (["--subscribe", "a/#/b", "--plain"], "no topic filter"),
  ])
  func `a wrong argument is refused before anything is sent`(
    options: [String],
    words: String
  ) async throws {
    let run = try await nbiot(
      [
        "listen", "--product-key", "a1B2c3D4e5F", "--device-name", "device1", "--endpoint",
        "127.0.0.1:1",
      ] + options,
      environment: ["NBIOT_DEVICE_SECRET": "s"]
    )
    #expect(run.status == 2, "\(run.errors)")
    #expect(run.errors.contains(words), "\(run.errors)")
  }
}
