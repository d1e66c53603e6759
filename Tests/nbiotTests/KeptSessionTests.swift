// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite("The session file in symmetric mode")
struct KeptSessionTests {
  private func arguments(
    _ simulator: Simulator,
    _ folder: DTLSCommandTests.Folder,
    _ options: [String] = []
  ) -> [String] {
    simulator.device(
      [
        "--device-secret-file", simulator.secretFile, "--session-file", folder.path("session"),
        "--payload", #"{"value":1}"#,
      ] + options
    )
  }

  @Test func `ten runs make ten reports of 124 bytes, and one auth`() async throws {
    let folder = try DTLSCommandTests.Folder()
    let simulator = try Simulator()
    for number in 1...10 {
      let run = try await nbiot(arguments(simulator, folder, ["--output", "json"]))
      #expect(run.status == 0)
      let object = try #require(run.object)
      #expect(object["outcome"] as? String == "acknowledged")
      #expect(object["bytesUp"] as? Int == 124)
      // The whole run's bytes: /auth has a random number of one to four digits.
      let auth = number == 1 ? #/; 1 /auth, 15[4-7] B up, /# : #/; 0 /auth\n/#
      #expect(run.errors.contains("1 report, 1 acknowledged, 124 B up, 19 B down; "))
      #expect(run.errors.contains(auth))
    }
    #expect(try folder.mode("session") == 0o600)
    let log = try simulator.stop().log
    #expect(log.components(separatedBy: "POST /auth").count == 2)
    #expect(log.components(separatedBy: "POST /topic").count == 11)
    #expect(log.components(separatedBy: "-> 2.05").count == 12)
  }

  @Test func `every command that reports goes on with the same session`() async throws {
    let folder = try DTLSCommandTests.Folder()
    let simulator = try Simulator()
    #expect(try await nbiot(arguments(simulator, folder)).status == 0)
    let device = [
      "--endpoint", "127.0.0.1:\(simulator.port)", "--product-key", "a1B2c3D4e5F", "--device-name",
      "device1", "--device-secret-file", simulator.secretFile, "--session-file",
      folder.path("session"),
    ]
    for command in [["call", "thing.config.get"], ["ota", "inform", "--firmware", "1.0.0"]] {
      let run = try await nbiot(command + device)
      #expect(run.status != 3 && run.status != 4, "\(run.errors)")
    }
    let doctor = try await nbiot(["doctor"] + device)
    #expect(doctor.status == 0)
    #expect(doctor.errors.contains("authenticates anew"))
    let log = try simulator.stop().log
    // That of the first run and the doctor's.
    #expect(log.components(separatedBy: "POST /auth").count == 3)
  }

  @Test func `a token that the platform refuses is replaced, in the file too`() async throws {
    let folder = try DTLSCommandTests.Folder()
    let first = try Simulator()
    #expect(try await nbiot(arguments(first, folder)).status == 0)
    let port = first.port
    _ = try first.stop()
    // It has forgotten all tokens.
    let second = try Simulator(["--port", "\(port)"])
    for _ in 0..<2 {
      let run = try await nbiot(arguments(second, folder))
      #expect(run.status == 0, "\(run.output) \(run.errors)")
    }
    let log = try second.stop().log
    #expect(log.components(separatedBy: "POST /auth").count == 2)
  }

  @Test func `another device's, secret's or endpoint's file is refused and stays`() async throws {
    let folder = try DTLSCommandTests.Folder()
    let simulator = try Simulator()
    #expect(try await nbiot(arguments(simulator, folder)).status == 0)
    let before = try Data(contentsOf: URL(filePath: folder.path("session")))
    let secret = folder.path("other.txt")
    try Data("another secret\n".utf8).write(to: URL(filePath: secret))
    for options in [
      ["--device-name", "device2"], ["--endpoint", "127.0.0.1:1"],
      ["--device-secret-file", secret],
      ["--security", "dtls", "--psk"], ["--client-id", "another"],
    ] {
      let run = try await nbiot(arguments(simulator, folder, options))
      #expect(run.status == 2)
      #expect(run.output.isEmpty)
      #expect(run.errors.contains("session of another device, secret, endpoint"), "\(run.errors)")
    }
    #expect(try Data(contentsOf: URL(filePath: folder.path("session"))) == before)
    let log = try simulator.stop().log
    #expect(log.components(separatedBy: "POST").count == 3)
  }

  @Test func `a damaged file makes a new session begin, and that is said`() async throws {
    let folder = try DTLSCommandTests.Folder()
    let simulator = try Simulator()
    let url = URL(filePath: folder.path("session"))
    #expect(try await nbiot(arguments(simulator, folder)).status == 0)
    let good = try Data(contentsOf: url)
    let places = [0, 4, 8, 16, 20, 40, 60, 100, good.count - 1]
    for place in places {
      var bytes = good
      bytes[place] ^= 0x41
      try bytes.write(to: url)
      try FileManager.default.setAttributes(
        [.posixPermissions: 0o600],
        ofItemAtPath: folder.path("session")
      )
      let run = try await nbiot(arguments(simulator, folder))
      #expect(run.status == 0)
      #expect(run.errors.contains("a new session begins"), "byte \(place): \(run.errors)")
    }
    for count in [1, 4, 30, good.count - 1] {
      try good.prefix(count).write(to: url)
      let run = try await nbiot(arguments(simulator, folder))
      #expect(run.status == (count == 1 ? 2 : 0), "\(count) bytes: \(run.errors)")
    }
    let log = try simulator.stop().log
    #expect(log.components(separatedBy: "POST /auth").count == 1 + 1 + places.count + 3)
  }

  @Test func `one process at a time has the file`() async throws {
    let folder = try DTLSCommandTests.Folder()
    let simulator = try Simulator()
    let running = process(
      simulator.device([
        "--device-secret-file", simulator.secretFile, "--session-file", folder.path("session"),
      ])
    )
    let (input, output) = (Pipe.ofChild(), Pipe.ofChild())
    running.standardInput = input
    running.standardOutput = output
    try running.start()
    try input.fileHandleForWriting.write(contentsOf: Data("{}\n".utf8))
    #expect(!output.fileHandleForReading.availableData.isEmpty)
    let second = try await nbiot(arguments(simulator, folder))
    #expect(second.status == 2)
    #expect(second.errors.contains("another process uses it"))
    try input.fileHandleForWriting.close()
    running.waitUntilExit()
    #expect(running.terminationStatus == 0)
    #expect(try await nbiot(arguments(simulator, folder)).status == 0)
    _ = try simulator.stop()
  }

  @Test func `a disk that refuses the session keeps the report from being sent`() async throws {
    let folder = try DTLSCommandTests.Folder()
    let simulator = try Simulator()
    // No file may grow: as on a full disk.
    let shell = Process()
    shell.executableURL = URL(filePath: "/bin/bash")
    shell.arguments =
      ["-c", #"trap "" XFSZ; ulimit -f 0; exec "$0" "$@""#, program.path]
      + arguments(simulator, folder)
    let (output, errors) = (Pipe.ofChild(), Pipe.ofChild())
    shell.standardOutput = output
    shell.standardError = errors
    try shell.start()
    let text = String(
      decoding: try output.fileHandleForReading.readToEnd() ?? Data(),
      as: UTF8.self
    )
    _ = try errors.fileHandleForReading.readToEnd()
    shell.waitUntilExit()
    #expect(shell.terminationStatus == 1)
    #expect(text.contains("refused"))
    #expect(text.contains("cannot be written"))
    let log = try simulator.stop().log
    #expect(!log.contains("POST /topic"))
  }

  @Test(arguments: ["2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
  func `nothing is printed into the file where standard descriptors are closed`(
    closed: String
  ) async throws {
    let folder = try DTLSCommandTests.Folder()
    let simulator = try Simulator()
    let shell = Process()
    shell.executableURL = URL(filePath: "/bin/bash")
    shell.arguments =
      ["-c", #""$0" "$@" "# + closed, program.path] + arguments(simulator, folder, ["-v"])
    shell.standardOutput = FileHandle.nullDevice
    shell.standardError = FileHandle.nullDevice
    try shell.start()
    shell.waitUntilExit()
    #expect(shell.terminationStatus == (closed == "2>&-" ? 0 : 5))
    let run = try await nbiot(arguments(simulator, folder))
    #expect(run.status == 0)
    #expect(run.errors.contains("0 /auth"), "\(run.errors)")
    _ = try simulator.stop()
  }
}
