// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// A finished run of a program.
struct Run {
  let status: Int32
  let output: String
  let errors: String

  var object: [String: Any]? {
    try? JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any]
  }
}

/// The program as it was built beside the tests.
let program = Bundle.module.bundleURL.deletingLastPathComponent().appending(path: "nbiot")

func process(_ arguments: [String], environment: [String: String] = [:]) -> Process {
  let process = Process()
  process.executableURL = program
  process.arguments = arguments
  process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
  return process
}

func nbiot(
  _ arguments: [String],
  input: String = "",
  environment: [String: String] = [:]
) async throws -> Run {
  // It waits on the test's own thread, so that as many programs run at once as there are processors.
  try StartedRun(arguments, input: input, environment: environment).end()
}

/// `nbiot` that runs while the test goes on; a task of its own might not begin while tests wait in all threads.
final class StartedRun {
  private let process: Process
  private let (stdout, stderr) = (Pipe.ofChild(), Pipe.ofChild())

  init(_ arguments: [String], input: String = "", environment: [String: String] = [:]) throws {
    process = nbiotTests.process(arguments, environment: environment)
    let stdin = Pipe.ofChild()
    process.standardInput = stdin
    process.standardOutput = stdout
    process.standardError = stderr
    try process.start()
    try stdin.fileHandleForWriting.write(contentsOf: Data(input.utf8))
    try stdin.fileHandleForWriting.close()
  }

  /// Waits for its end.
  func end() throws -> Run {
    let output = try stdout.fileHandleForReading.readToEnd() ?? Data()
    let errors = try stderr.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return Run(
      status: process.terminationStatus,
      output: String(decoding: output, as: UTF8.self),
      errors: String(decoding: errors, as: UTF8.self)
    )
  }
}

/// `nbiot simulate` in a process of its own, with one device.
final class Simulator {
  let port: Int
  let secretFile: String
  private let process: Process
  private let directory: URL
  private let output = Pipe.ofChild()

  init(_ options: [String] = [], environment: [String: String] = [:]) throws {
    directory = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(
      at: directory,
      withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o700]
    )
    let file = directory.appending(path: "secret.txt")
    try writeSecret("0123456789abcdef0123456789abcdef\n", to: file)
    secretFile = file.path
    process = nbiotTests.process(
      ["simulate", "--port", "0", "--device", "a1B2c3D4e5F,device1,\(file.path)"] + options,
      environment: environment
    )
    process.standardOutput = output
    try process.start()
    // Its first line, which it prints once it listens.
    let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
    port = line.matches(of: /port"?:? ?([0-9]+)/).first.flatMap { Int($0.1) } ?? 0
  }

  /// The number of its process.
  var identifier: Int32 { process.processIdentifier }

  /// Ends it and gives the rest of what it printed.
  func stop() throws -> (status: Int32, log: String) {
    process.terminate()
    process.waitUntilExit()
    let rest = try output.fileHandleForReading.readToEnd() ?? Data()
    try FileManager.default.removeItem(at: directory)
    return (process.terminationStatus, String(decoding: rest, as: UTF8.self))
  }

  func device(_ options: [String] = []) -> [String] {
    [
      "publish", "--endpoint", "127.0.0.1:\(port)", "--product-key", "a1B2c3D4e5F",
      "--device-name", "device1", "--topic", "/a1B2c3D4e5F/device1/user/update",
    ] + options
  }
}

@Suite("The command line, as its user runs it")
struct CommandLineTests {
  @Test func `lines of JSON become CBOR, and one that is none is refused without being sent`()
    async throws
  {
    let simulator = try Simulator()
    let run = try await nbiot(
      simulator.device([
        "--device-secret-file", simulator.secretFile, "--format", "cbor", "--output", "json",
      ]),
      input: #"{"value":1,"list":[1.5,null,"\u00fc"]}"# + "\n{\"value\":}\n"
    )
    #expect(run.status == 1)
    #expect(run.output.contains(#""outcome":"refused""#))
    #expect(run.errors.contains("the line is not JSON"))
    let log = try simulator.stop().log
    #expect(log.contains(#" {"value": 1, "list": [1.5, null, "ü"]} -> 2.05"#))
    #expect(log.components(separatedBy: "POST /topic").count == 2)
  }

  @Test func `one line in, one object out, acknowledged`() async throws {
    let simulator = try Simulator()
    let run = try await nbiot(
      simulator.device(["--device-secret-file", simulator.secretFile, "--output", "json"]),
      input: "{\"value\":1}\n"
    )
    #expect(run.status == 0)
    let object = try #require(run.object)
    #expect(object["report"] as? Int == 1)
    #expect(object["topic"] as? String == "/a1B2c3D4e5F/device1/user/update")
    #expect(object["outcome"] as? String == "acknowledged")
    #expect(object["code"] as? String == "2.05")
    // 18 digits, as the guide's have (3.8), and the log's.
    let messageID = try #require(object["messageID"] as? String)
    #expect(messageID.count == 18 && UInt64(messageID) != nil)
    #expect(object["seq"] as? Int == 2)
    #expect(object["bytesUp"] as? Int == 124)
    #expect(object["bytesDown"] as? Int == 19)
    #expect(object["transmissions"] as? Int == 1)
    let (status, log) = try simulator.stop()
    #expect(status == 0)
    #expect(log.contains(#"a1B2c3D4e5F/device1 POST /auth -> 2.05 Content"#))
    #expect(log.contains(#"seq 2 {"value":1} -> 2.05 Content id \#(messageID) "#))
    #expect(!(run.output + run.errors + log).contains("0123456789abcdef"))
  }

  @Test func `lines are sent one by one, empty ones are passed over, the last needs no end`()
    async throws
  {
    let simulator = try Simulator(["--log", "json"])
    let run = try await nbiot(
      simulator.device(),
      input: "a\r\n\nb\nc",
      environment: ["NBIOT_DEVICE_SECRET": "0123456789abcdef0123456789abcdef"]
    )
    #expect(run.status == 0)
    #expect(run.output.split(separator: "\n").count == 3)
    let (_, log) = try simulator.stop()
    let records = log.split(separator: "\n").compactMap {
      try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
    }
    #expect(records.compactMap { $0["payload"] as? String } == ["", "a", "b", "c"])
    #expect(records.compactMap { $0["seq"] as? Int } == [2, 3, 4])
  }

  @Test func `a wrong secret exits with 3 and says what to check`() async throws {
    let simulator = try Simulator()
    let run = try await nbiot(
      simulator.device(["--payload", "x", "--output", "json"]),
      environment: ["NBIOT_DEVICE_SECRET": "wrong"]
    )
    #expect(run.status == 3)
    #expect(run.object?["outcome"] as? String == "refused")
    #expect(run.object?["code"] as? String == "4.01")
    #expect(run.errors.contains("check that the device secret belongs to this device name"))
    _ = try simulator.stop()
  }

  @Test func `a closed port exits with 4`() async throws {
    let simulator = try Simulator()
    _ = try simulator.stop()
    let run = try await nbiot(
      simulator.device(["--payload", "x", "--output", "json"]),
      environment: ["NBIOT_DEVICE_SECRET": "secret"]
    )
    #expect(run.status == 4)
    #expect(run.errors.contains("nobody listens at the endpoint"))
  }

  @Test func `a line over 1,024 bytes is refused, and the others are sent`() async throws {
    let simulator = try Simulator()
    let run = try await nbiot(
      simulator.device(["--device-secret-file", simulator.secretFile, "--output", "json"]),
      input: String(repeating: "a", count: 1_025) + "\nb\n"
    )
    #expect(run.status == 1)
    let lines = run.output.split(separator: "\n")
    #expect(lines.count == 2)
    #expect(lines.first?.contains(#""outcome":"refused""#) == true)
    #expect(lines.last?.contains(#""outcome":"acknowledged""#) == true)
    #expect(run.errors.contains("at most 1,024"))
    _ = try simulator.stop()
  }

  @Test(arguments: [
    ["publish"], ["nonsense"], ["demo", "--reports", "0"], ["simulate"],
    ["simulate", "--device", "only-one-part"],
    ["publish", "--product-key", "k", "--device-name", "dddd", "--topic", "x", "--payload", "x"],
    ["publish", "--product-key", "k", "--device-name", "d", "--topic", "/x", "--payload", "x"],
    [
      "publish", "--product-key", "k", "--device-name", "dddd", "--topic", "/x", "--client-id",
      String(repeating: "c", count: 65), "--payload", "x",
    ],
    [
      "publish", "--product-key", "k", "--device-name", "dddd", "--topic", "/x", "--payload",
      String(repeating: "p", count: 1_025),
    ],
  ])
  func `what makes no sense exits with 2, says why, and prints no result`(
    arguments: [String]
  ) async throws {
    let run = try await nbiot(arguments, environment: ["NBIOT_DEVICE_SECRET": "secret"])
    #expect(run.status == 2)
    #expect(run.output.isEmpty)
    #expect(!run.errors.isEmpty)
  }

  @Test func `without a secret, the message says where to put it`() async throws {
    let run = try await nbiot([
      "publish", "--product-key", "k", "--device-name", "dddd", "--topic", "/x", "--payload", "x",
    ])
    #expect(run.status == 2)
    #expect(run.errors.contains("--device-secret-file"))
    #expect(run.errors.contains("NBIOT_DEVICE_SECRET"))
  }

  @Test(arguments: [
    "demo", "publish", "simulate", "inspect", "register", "ota", "sign", "opcua",
  ])
  func `help teaches by an example`(command: String) async throws {
    let run = try await nbiot([command, "--help"])
    #expect(run.status == 0)
    #expect(run.output.contains("Example"))
    #expect(run.output.contains("nbiot \(command)"))
  }

  @Test func `the demo reports this machine's readings and accounts for them`() async throws {
    let run = try await nbiot(["demo"])
    #expect(run.status == 0)
    #expect(run.output.contains("reports         10, 10 acknowledged"))
    #expect(run.output.contains("memoryAvailableKiB"))
    #expect(run.output.contains("exactly what was read"))
  }
}
