import Foundation
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
}
