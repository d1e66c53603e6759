// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@Suite("The simulator's thing model, as its user runs it")
struct SimulatedThingsTests {
  static let topic = "/sys/a1B2c3D4e5F/device1/thing"

  /// A directory with files of these names and texts.
  private func files(_ texts: [String: String]) throws -> URL {
    let directory = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    for (name, text) in texts {
      try Data(text.utf8).write(to: directory.appending(path: name))
    }
    return directory
  }

  private func publish(
    _ simulator: Simulator,
    _ topic: String,
    _ line: String
  ) async throws -> Run {
    try await nbiot(
      [
        "publish", "--endpoint", "127.0.0.1:\(simulator.port)", "--product-key", "a1B2c3D4e5F",
        "--device-name", "device1", "--topic", topic, "--device-secret-file",
        simulator.secretFile,
      ],
      input: line + "\n"
    )
  }

  @Test func `a report is answered, and the log says with what`() async throws {
    let directory = try files([
      "model.json":
        #"{"properties":[{"identifier":"level","dataType":{"type":"int","specs":{"max":"5"}}}]}"#
    ])
    defer { try? FileManager.default.removeItem(at: directory) }
    let model = directory.appending(path: "model.json").path
    let simulator = try Simulator(["--thing-model", model])
    let run = try await publish(
      simulator,
      "\(Self.topic)/event/property/post",
      #"{"id":"1","version":"1.0","params":{"level":{"value":4},"x":{"value":9}},"#
        + #""method":"thing.event.property.post"}"#
    )
    #expect(run.status == 0, "\(run.errors)")
    let log = try simulator.stop().log
    #expect(log.contains("thing.event.property.post 200"))
    #expect(log.contains("left out: x is not in the thing model"))
  }

  @Test func `desired values, firmware and configuration come from the options`() async throws {
    let directory = try files(["app.bin": "firmware", "config.json": "{}"])
    defer { try? FileManager.default.removeItem(at: directory) }
    let simulator = try Simulator([
      "--log", "json", "--desired", "power=on", "--desired", "level=5", "--firmware-version",
      "2.0.0", "--firmware-url", "https://h/app.bin", "--firmware-file",
      directory.appending(path: "app.bin").path, "--firmware-sign", "sha256", "--config-url",
      "https://h/config", "--config-file", directory.appending(path: "config.json").path,
    ])
    let cases = [
      (
        "\(Self.topic)/property/desired/get",
        #"{"id":"1","version":"1.0","params":["power"],"method":"thing.property.desired.get"}"#
      ),
      ("/ota/device/request/a1B2c3D4e5F/device1", #"{"id":1,"params":{"version":"1.0.1"}}"#),
      (
        "\(Self.topic)/config/get",
        #"{"id":"1","version":"1.0","params":{"configScope":"product","getType":"file"},"#
          + #""method":"thing.config.get"}"#
      ),
    ]
    for (topic, line) in cases {
      let run = try await publish(simulator, topic, line)
      #expect(run.status == 0, "\(run.errors)")
    }
    let log = try simulator.stop().log
    let replies = log.split(separator: "\n").compactMap {
      try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
    }.filter { $0["kind"] as? String == "report" }
    #expect(
      replies.map { $0["method"] as? String } == [
        "thing.property.desired.get", "ota request", "thing.config.get",
      ]
    )
    #expect(replies.map { $0["replyCode"] as? Int } == [200, 1_000, 200])
  }

  @Test(arguments: [
    (["--firmware-version", "1"], "together"), (["--config-url", "https://h"], "together"),
    (["--desired", "power"], "NAME=VALUE"), (["--sub-device", "pk"], "PRODUCTKEY,DEVICENAME"),
    (["--thing-model", "/nonexistent"], "cannot be opened"),
    (["--register", "pk,dn,file"], "--security dtls"),
    (["--downlink", "/nonexistent"], "cannot be opened"),
  ])
  func `options that make no sense are refused in a sentence`(
    options: [String],
    words: String
  ) async throws {
    let directory = try files(["secret.txt": "secret"])
    defer { try? FileManager.default.removeItem(at: directory) }
    let secret = directory.appending(path: "secret.txt").path
    let run = try await nbiot(["simulate", "--port", "0", "--device", "pk,dn,\(secret)"] + options)
    #expect(run.status != 0)
    #expect(run.errors.contains(words), "\(run.errors)")
  }

  @Test func `what waits is read from a file, and must name a device`() async throws {
    let directory = try files([
      "secret.txt": "secret", "other.json": #"[{"topic":"/sys/pk/other/thing/x","payload":{}}]"#,
      "broken.json": #"[{"topic":"/sys/pk"}]"#,
    ])
    defer { try? FileManager.default.removeItem(at: directory) }
    let secret = directory.appending(path: "secret.txt").path
    for (name, words) in [("other.json", "no --device"), ("broken.json", "is not {")] {
      let run = try await nbiot([
        "simulate", "--port", "0", "--device", "pk,dn,\(secret)", "--downlink",
        directory.appending(path: name).path,
      ])
      #expect(run.status != 0)
      #expect(run.errors.contains(words), "\(run.errors)")
    }
  }
}
