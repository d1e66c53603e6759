// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite("The simulator's topics and console, as its user runs them")
struct SimulatorConsoleTests {
  private func publish(
    _ simulator: Simulator,
    _ topic: String = "user/update",
    lines: Int = 1
  ) async throws -> Run {
    try await nbiot(
      [
        "publish", "--endpoint", "127.0.0.1:\(simulator.port)", "--product-key", "a1B2c3D4e5F",
        "--device-name", "device1", "--topic", "/a1B2c3D4e5F/device1/\(topic)",
        "--device-secret-file", simulator.secretFile,
      ],
      input: String(repeating: "{\"value\":1}\n", count: lines)
    )
  }

  /// A directory with a secret and files of these names and texts.
  private func files(_ texts: [String: String]) throws -> URL {
    let directory = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    for (name, text) in texts {
      try Data(text.utf8).write(to: directory.appending(path: name))
    }
    let secret = directory.appending(path: "secret")
    try writeSecret("0123456789abcdef0123456789abcdef\n", to: secret)
    return directory
  }

  @Test func `a topic without a class is refused, and the log names the option that takes it`()
    async throws
  {
    let simulator = try Simulator()
    let unknown = try await publish(simulator, "user/data")
    #expect(unknown.status == 1 && unknown.output.contains("4.04"))
    let down = try await publish(simulator, "user/get")
    #expect(down.status == 1 && down.output.contains("4.03"))
    let log = try simulator.stop().log
    #expect(log.contains("--topic-class user/data makes it one, --any-topic takes every topic"))
    #expect(log.contains("--topic-class user/get=both lets them publish"))
  }

  @Test func `the option that the log names can be pasted, and takes the topic`() async throws {
    let folder = try DTLSCommandTests.Folder()
    let secret = folder.path("secret.txt")
    try writeSecret("0123456789abcdef0123456789abcdef\n", to: URL(filePath: secret))
    let others = ["--device", "b1B2c3D4e5F,device1,\(secret)"]
    let topics = [
      "user/a=b", "user/a&b", "user/it's", "b1B2c3D4e5F/x/y", "-x/y", "user/$HOME", "user/*",
    ]
    let strict = try Simulator(others)
    for topic in topics { #expect(try await publish(strict, topic).status == 1) }
    let log = try strict.stop().log
    let hints = log.matches(of: /; (--topic-class .+) makes it one, --any-topic takes every topic/)
    #expect(hints.count == topics.count)
    let shell = Process()
    shell.executableURL = URL(filePath: "/bin/bash")
    shell.arguments = [
      "-c", #"printf '%s\n' "# + hints.map { String($0.1) }.joined(separator: " "),
    ]
    let output = Pipe.ofChild()
    shell.standardOutput = output
    try shell.start()
    let words = try output.fileHandleForReading.readToEnd() ?? Data()
    shell.waitUntilExit()
    let options = String(decoding: words, as: UTF8.self).split(separator: "\n").map(String.init)
    let simulator = try Simulator(others + options)
    for topic in topics {
      let run = try await publish(simulator, topic)
      #expect(run.status == 0, "\(topic): \(run.output)")
    }
    _ = try simulator.stop()
  }

  @Test func `classes in each spelling, for all products and for one`() async throws {
    let simulator = try Simulator([
      "--topic-class", "user/data", "--topic-class", "/a1B2c3D4e5F/device1/user/one",
      "--topic-class", "a1B2c3D4e5F/device1/user/two=publish", "--topic-class",
      "/${productKey}/${deviceName}/pub", "--topic-class", "/+/+/user/get=both",
      "--topic-class", "user/command=subscribe",
    ])
    for topic in ["user/data", "user/one", "user/two", "pub", "user/get", "user/update"] {
      let run = try await publish(simulator, topic)
      #expect(run.status == 0, "\(topic): \(run.output)\(run.errors)")
    }
    let refused = try await publish(simulator, "user/command")
    #expect(refused.output.contains("4.03"))
    _ = try simulator.stop()
    let open = try Simulator(["--any-topic", "--log", "json"])
    let taken = try await publish(open, "what/ever")
    #expect(taken.status == 0)
    _ = try open.stop()
  }

  @Test func `a token is taken back, requests fail, and the device is disabled`() async throws {
    let simulator = try Simulator([
      "--token-uses", "2", "--fail", "4.29,1,max-age=1,on=report", "--disable",
      "a1B2c3D4e5F,device1,3",
    ])
    let run = try await publish(simulator, lines: 4)
    #expect(run.status == 1)
    #expect(run.output.components(separatedBy: "acknowledged").count == 4, "\(run.output)")
    #expect(run.errors.contains("it is sent again in 1 s"))
    let log = try simulator.stop().log
    #expect(log.contains("failed on purpose, the last time"))
    #expect(log.contains("4.01 Unauthorized"))
    #expect(log.contains("the token was taken back"))
    #expect(log.contains("4.03 Forbidden"))
    #expect(log.contains("the device is disabled"))
    let disabled = try Simulator(["--disable", "a1B2c3D4e5F/device1"])
    #expect(try await publish(disabled).status == 3)
    _ = try disabled.stop()
  }

  @Test func `each product has its own model, firmware and configuration`() async throws {
    let model = #"{"properties":[{"identifier":"level","dataType":{"type":"int","specs":{}}}]}"#
    let directory = try files([
      "all.bin": "all", "own.bin": "own1", "model.json": model, "config.json": "{}",
    ])
    defer { try? FileManager.default.removeItem(at: directory) }
    func path(_ name: String) -> String { directory.appending(path: name).path }
    let simulator = try Simulator([
      "--device", "b2,dev2,\(path("secret"))", "--thing-model", "b2=\(path("model.json"))",
      "--firmware-version", "2.0.0", "--firmware-version", "b2=3.0.0", "--firmware-url",
      "https://h/all", "--firmware-url", "b2=https://h/own?a=b", "--firmware-file",
      path("all.bin"), "--firmware-file", "b2=\(path("own.bin"))", "--config-url", "https://h/c",
      "--config-file", path("config.json"), "--remote-config", "b2=off",
    ])
    func device(_ key: String, _ name: String) -> [String] {
      [
        "--endpoint", "127.0.0.1:\(simulator.port)", "--product-key", key, "--device-name", name,
        "--device-secret-file", path("secret"),
      ]
    }
    let first = device("a1B2c3D4e5F", "device1")
    let second = device("b2", "dev2")
    let check = ["ota", "check", "--firmware", "1.0.0"]
    let all = try await nbiot(check + first)
    #expect(all.output.contains("2.0.0") && all.output.contains("https://h/all"))
    let own = try await nbiot(check + second)
    #expect(own.output.contains("3.0.0") && own.output.contains("https://h/own?a=b"))
    _ = try await nbiot(["ota", "inform", "--firmware", "3.0.0"] + second)
    let ask = ["call", "thing.config.get", #"{"configScope":"product","getType":"file"}"#]
    #expect(try await nbiot(ask + first).output.contains("https://h/c"))
    #expect(try await nbiot(ask + second).output.contains("6713"))
    let post = ["call", "thing.event.property.post", #"{"other":{"value":1}}"#]
    _ = try await nbiot(post + first)
    _ = try await nbiot(post + second)
    let log = try simulator.stop().log
    #expect(log.contains("upgrade from 1.0.0 to 3.0.0 offered"))
    #expect(log.contains("upgrade to 3.0.0 succeeded"))
    #expect(log.components(separatedBy: "other is not in the thing model").count == 2)
  }

  @Test func `the model service can be down, and a decision be another one`() async throws {
    let simulator = try Simulator(["--model-service-down", "--assume", "unknown-topic=4.00"])
    let post = ["call", "thing.event.property.post", #"{"a":{"value":1}}"#]
    let options = [
      "--endpoint", "127.0.0.1:\(simulator.port)", "--product-key", "a1B2c3D4e5F",
      "--device-name", "device1", "--device-secret-file", simulator.secretFile,
    ]
    #expect(try await nbiot(post + options).output.contains("6313"))
    #expect(try await publish(simulator, "user/data").output.contains("4.00"))
    _ = try simulator.stop()
  }

  @Test func `the decisions can be listed, and wrong options are refused`() async throws {
    let list = try await nbiot(["simulate", "--assume", "list"])
    #expect(list.status == 0)
    #expect(list.output.contains("unknown-device             4.03, another code"))
    let directory = try files(["other": "fedcba9876543210fedcba9876543210\n", "down.json": "[]"])
    defer { try? FileManager.default.removeItem(at: directory) }
    let secret = directory.appending(path: "secret").path
    let other = directory.appending(path: "other").path
    let downlink = directory.appending(path: "down.json").path
    let secured = ["--security", "dtls", "--certificates", directory.appending(path: "c").path]
    for (wrong, reason) in [
      (["--assume", "none=1"], "--assume list prints the names"),
      (["--assume", "bad-sign=2.05"], "--assume bad-sign is 4.01, another code"),
      (["--assume", "bad-sign"], "--assume takes NAME=VALUE"),
      (["--fail", "2.05"], "--fail begins with a code"),
      (["--fail", "5.00,0"], "not 0 in 5.00,0"), (["--fail", "5.00,on=all"], "not on=all"),
      (["--disable", "a1B2c3D4e5F,device2"], "names no --device"),
      (["--disable", "a1B2c3D4e5F,device1,x"], "--disable takes"),
      (["--token-uses", "0"], "--token-uses is 1 report or pull or more"),
      (["--topic-class", "user/#"], "takes no wildcards"),
      (["--topic-class", "user//x"], "has an empty segment"),
      (["--topic-class", "user/x=read"], "takes TOPIC=publish, subscribe or both"),
      (["--topic-class", "/other/device1/user/x"], "names other"),
      (["--thing-model", "other=model.json"], "names other"),
      (["--host", ""], "--host is an address of this machine in digits"),
      (
        ["--device", "a1B2c3D4e5F,device1,\(other)"],
        "--device is given twice for a1B2c3D4e5F,device1"
      ),
      (
        ["--sub-device", "s1,device2", "--sub-device", "s1,device2,\(secret)"], "given twice for s1"
      ),
      (
        ["--disable", "a1B2c3D4e5F,device1", "--disable", "a1B2c3D4e5F/device1,5"],
        "--disable is given twice for a1B2c3D4e5F,device1"
      ),
      (["--fail", "5.00,3,1"], "a part is given twice for times"),
      (["--fail", "5.00,on=pull,on=auth"], "a part is given twice for on"),
      (["--fail", "5.00,max-age=1,max-age=2"], "a part is given twice for max-age"),
      (["--fail", "5.00,on=register"], "belongs to DTLS"),
      (["--fault", "answer=5.00,on=register"], "--fault with on=register belongs to DTLS"),
      (["--fault", "drop,share=5%", "--fault", "answer=30001"], "belongs to HTTPS"),
      (["--desired", "a=1", "--desired", "a=2"], "--desired is given twice for a"),
      (
        ["--assume", "pull=served", "--assume", "pull=missing"], "--assume is given twice for pull"
      ),
      (["--any-topic", "--assume", "status-update=refused"], "give one of them"),
      (["--any-topic", "--topic-class", "user/x=subscribe"], "give one of them"),
      (["--downlink", downlink, "--assume", "pull=missing"], "--downlink waits for /pull"),
      (["--assume", "pre-shared-keys=sdk"], "belongs to DTLS"),
      (["--assume", "message-id-dtls=sent"], "belongs to DTLS"),
      (["--assume", "registration-answer=flat"], "belongs to DTLS"),
      (["--assume", "seq-dtls=taken"], "belongs to DTLS"),
      (secured + ["--assume", "used-sequence=4.01"], "belongs to the symmetric mode"),
      (secured + ["--assume", "missing-seq=4.00"], "belongs to the symmetric mode"),
      (secured + ["--seq-offset", "5"], "belongs to the symmetric mode"),
      (secured + ["--sequence-rule", "greaterOrEqual"], "belongs to the symmetric mode"),
      (
        secured + [
          "--register", "b2,device1,\(secret)", "--register", "b2,device1,\(secret)",
        ], "given twice for b2,device1"
      ),
      (
        secured + ["--register", "b2,device1,\(secret)", "--register", "b2,device2,\(other)"],
        "two secrets"
      ),
      (secured + ["--register", "a1B2c3D4e5F,device1,\(secret)"], "given twice for a1B2c3D4e5F"),
      (["--remote-config", "maybe"], "--remote-config is on or off"),
      (["--remote-config", "on", "--remote-config", "off"], "given twice for all products"),
    ] {
      let run = try await nbiot(
        ["simulate", "--port", "0", "--device", "a1B2c3D4e5F,device1,\(secret)"] + wrong
      )
      #expect(run.status == 2, "\(wrong): \(run.status)")
      #expect(run.errors.contains(reason), "\(wrong): \(run.errors)")
    }
  }

  @Test func `its help begins with the device`() async throws {
    let help = try await nbiot(["simulate", "--help"]).output
    let usage = try #require(help.firstRange(of: "USAGE"))
    let rest = help[usage.upperBound...]
    let first = try #require(rest.firstMatch(of: /\n  (--[a-z-]+)/))
    #expect(first.1 == "--device")
  }
}
