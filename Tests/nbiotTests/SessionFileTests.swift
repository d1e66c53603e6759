// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite("The session file of the command line")
struct SessionFileTests {
  /// Whoever writes a session of his own there would be taken for the server.
  @Test func `a session that others can change is not resumed`() async throws {
    let folder = try DTLSCommandTests.Folder()
    let simulator = try Simulator(
      ["--security", "dtls", "--certificates", folder.path("certificates")]
    )
    let arguments = simulator.device([
      "--device-secret-file", simulator.secretFile, "--security", "dtls", "--output", "json",
      "--ca-file", folder.path("certificates/ca.pem"), "--session-file", folder.path("session"),
    ])
    #expect(try await nbiot(arguments, input: "{}\n").status == 0)
    for mode in [0o620, 0o602] {
      try FileManager.default.setAttributes(
        [.posixPermissions: mode],
        ofItemAtPath: folder.path("session")
      )
      let run = try await nbiot(arguments, input: "{}\n")
      #expect(run.status == 0)
      #expect(run.errors.contains("others can change the session file"))
      // It is written anew, for its owner alone.
      #expect(try folder.mode("session") == 0o600)
    }
    #expect(try await nbiot(arguments, input: "{}\n").status == 0)
    let log = try simulator.stop().log
    #expect(log.components(separatedBy: "DTLS session made").count == 4)
    #expect(log.components(separatedBy: "DTLS session resumed").count == 2)
  }

  /// `publish` in a folder with a simulator beside it.
  private func publish(
    _ session: String,
    _ folder: DTLSCommandTests.Folder,
    _ simulator: Simulator,
    _ options: [String] = []
  ) async throws -> Run {
    try await nbiot(
      simulator.device(
        [
          "--device-secret-file", simulator.secretFile, "--security", "dtls", "--ca-file",
          folder.path("certificates/ca.pem"), "--session-file", session,
        ] + options
      ),
      input: "{}\n"
    )
  }

  private func simulator(_ folder: DTLSCommandTests.Folder) throws -> Simulator {
    try Simulator(["--security", "dtls", "--certificates", folder.path("certificates")])
  }

  @Test func `what is no session file is not overwritten, and nothing is sent`() async throws {
    let folder = try DTLSCommandTests.Folder()
    let simulator = try simulator(folder)
    let secret = try Data(contentsOf: URL(filePath: simulator.secretFile))
    for path in [simulator.secretFile, folder.path("certificates/ca.pem")] {
      let before = try Data(contentsOf: URL(filePath: path))
      let run = try await publish(path, folder, simulator)
      #expect(run.status == 2)
      #expect(run.errors.contains("is no session file"))
      #expect(try Data(contentsOf: URL(filePath: path)) == before)
    }
    for path in [folder.url.path, "/dev/null", folder.path("missing/session")] {
      let run = try await publish(path, folder, simulator)
      #expect(run.status == 2)
      #expect(run.errors.contains("is no file") || run.errors.contains("cannot be written"))
    }
    #expect(try Data(contentsOf: URL(filePath: simulator.secretFile)) == secret)
    let log = try simulator.stop().log
    #expect(!log.contains("POST"))
  }

  @Test func `a symbolic link stays one, and the file behind it is written`() async throws {
    let folder = try DTLSCommandTests.Folder()
    let simulator = try simulator(folder)
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("link"),
      withDestinationPath: folder.path("session")
    )
    for _ in 0..<2 {
      let run = try await publish(folder.path("link"), folder, simulator)
      #expect(run.status == 0)
      #expect(!run.errors.contains("warning"))
    }
    let target = try FileManager.default.destinationOfSymbolicLink(atPath: folder.path("link"))
    #expect(target == folder.path("session"))
    #expect(try folder.mode("session") == 0o600)
    let log = try simulator.stop().log
    #expect(log.contains("DTLS session resumed"))
  }

  @Test(arguments: [4, 7], [8, 70, 4_096])
  func `one that was cut is told, wherever its session was, and costs an /auth`(
    reports: Int,
    length: UInt64
  ) async throws {
    let folder = try DTLSCommandTests.Folder()
    // Each third report begins another session, in the other of the file's two places.
    let simulator = try Simulator(["--token-uses", "3"])
    let publish = simulator.device([
      "--device-secret-file", simulator.secretFile, "--session-file", folder.path("session"),
    ])
    let first = try await nbiot(publish, input: String(repeating: "1\n", count: reports))
    #expect(first.status == 0, "\(first.errors)")
    let file = try FileHandle(forWritingTo: URL(filePath: folder.path("session")))
    try file.truncate(atOffset: length)
    try file.close()
    let run = try await nbiot(publish, input: "1\n")
    #expect(run.status == 0, "\(run.errors)")
    // One of the two places ends before the cut.
    let isKept = run.errors.contains("; 0 /auth")
    #expect(!isKept || length == 4_096)
    #expect(run.errors.contains("is damaged: a new session begins") != isKept, "\(run.errors)")
    _ = try simulator.stop()
  }

  @Test func `the session is there as soon as there is one, and the output says how it came`()
    async throws
  {
    let folder = try DTLSCommandTests.Folder()
    let simulator = try simulator(folder)
    let session = folder.path("session")
    let running = process(
      simulator.device([
        "--device-secret-file", simulator.secretFile, "--security", "dtls", "--ca-file",
        folder.path("certificates/ca.pem"), "--session-file", session, "--output", "json",
      ])
    )
    let (input, output) = (Pipe.ofChild(), Pipe.ofChild())
    running.standardInput = input
    running.standardOutput = output
    try running.start()
    try input.fileHandleForWriting.write(contentsOf: Data("{}\n{}\n".utf8))
    var text = ""
    while text.count(where: { $0 == "\n" }) < 2 {
      text += String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
    }
    // As Ctrl-C or a power cut would.
    kill(running.processIdentifier, SIGKILL)
    running.waitUntilExit()
    #expect(text.contains(#""session":"made""#))
    #expect(text.contains(#""session":"kept""#))
    let next = try await publish(session, folder, simulator, ["--output", "json"])
    #expect(next.object?["session"] as? String == "resumed")
    let none = try await publish(session, folder, simulator, ["--resumption", "none"])
    #expect(none.output.contains("DTLS session made"))
    _ = try simulator.stop()
  }
}
