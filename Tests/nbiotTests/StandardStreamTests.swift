// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite("Standard input, output and error that are not what a program hopes for")
struct StandardStreamTests {
  /// Runs the program as `script` has it, where it is `$0` and its arguments are `$@`.
  private func shell(
    _ script: String,
    _ arguments: [String],
    environment: [String: String] = [:]
  ) throws -> Run {
    let shell = Process()
    let (input, output, errors) = (Pipe.ofChild(), Pipe.ofChild(), Pipe.ofChild())
    shell.executableURL = URL(filePath: "/bin/bash")
    shell.arguments = ["-c", script, program.path] + arguments
    shell.environment = ProcessInfo.processInfo.environment.merging(
      ["NBIOT_DEVICE_SECRET": "0123456789abcdef0123456789abcdef"].merging(environment) { $1 }
    ) { $1 }
    shell.standardInput = input
    shell.standardOutput = output
    shell.standardError = errors
    try shell.start()
    try input.fileHandleForWriting.close()
    let printed = try output.fileHandleForReading.readToEnd() ?? Data()
    let complaints = try errors.fileHandleForReading.readToEnd() ?? Data()
    shell.waitUntilExit()
    return Run(
      status: shell.terminationStatus,
      output: String(decoding: printed, as: UTF8.self),
      errors: String(decoding: complaints, as: UTF8.self)
    )
  }

  private static let device = [
    "--endpoint", "127.0.0.1:1", "--product-key", "a1B2c3D4e5F", "--device-name", "device1",
  ]

  @Test(arguments: ["<&-", "</tmp", "0>/dev/null"])
  func `input that cannot be read is told in words, with status 2`(redirection: String) throws {
    let topic = ["--topic", "/a1B2c3D4e5F/device1/user/update"]
    for arguments in [
      ["publish"] + topic + Self.device, ["publish", "--payload", "-"] + topic + Self.device,
      ["call", "thing.event.property.post", "-"] + Self.device, ["inspect"], ["opcua", "encrypt"],
    ] {
      let run = try shell("\"$0\" \"$@\" \(redirection)", arguments)
      #expect(run.status == 2, "\(arguments) \(run.errors)")
      #expect(run.errors.contains("standard input cannot be read"), "\(run.errors)")
      #expect(run.output.isEmpty)
    }
  }

  @Test func `a line that came before is sent where another program does not wait for more`()
    async throws
  {
    let simulator = try Simulator()
    // Perl makes the pipe one that does not wait, which the program finds so.
    let run = try shell(
      #"(exec perl -e 'use Fcntl; fcntl(STDIN, F_SETFL, O_NONBLOCK); exec @ARGV' "$0" "$@") < <(echo 1; read -t 0.3; echo 2)"#,
      simulator.device(["--device-secret-file", simulator.secretFile])
    )
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.errors.contains("2 reports, 2 acknowledged"), "\(run.errors)")
    _ = try simulator.stop()
  }

  @Test func `a reader that has gone ends every command by SIGPIPE`() throws {
    let folder = try DTLSCommandTests.Folder()
    let secret = folder.path("secret.txt")
    try Data("secret\n".utf8).write(to: URL(filePath: secret))
    for arguments in [
      ["demo", "--reports", "1"], ["inspect", "40017d34"], ["--version"], ["--help"],
      ["simulate", "--port", "0", "--device", "a1B2c3D4e5F,device1,\(secret)"],
    ] {
      // The reader ends before the program begins. What runs the tests may ignore the signal, and a shell cannot undo
      // that: perl can.
      let run = try shell(
        #"exec 3> >(exec true); wait $!; perl -e '$SIG{PIPE} = "DEFAULT"; exec @ARGV' "$0" "$@" >&3; echo $?"#,
        arguments
      )
      #expect(run.output == "141\n", "\(arguments) \(run.output) \(run.errors)")
    }
    let ignoring = try shell(
      #"trap '' PIPE; exec 3> >(exec true); wait $!; "$0" "$@" >&3; echo $?"#,
      ["demo", "--reports", "1"]
    )
    #expect(ignoring.output == "5\n", "\(ignoring.errors)")
  }

  @Test func `a line that no message takes is refused without a length that it has not`()
    async throws
  {
    let simulator = try Simulator()
    let run = try await nbiot(
      simulator.device(["--device-secret-file", simulator.secretFile]),
      input: String(repeating: "x", count: 3_000_000) + "\n1\n"
    )
    #expect(run.status == 1)
    #expect(
      run.output.hasPrefix(
        "report 1 refused, 0 ms: the line has over 64 KiB: a message takes at most 1,024 bytes\n"
      ),
      "\(run.output)"
    )
    #expect(run.output.contains("report 2 acknowledged"))
    _ = try simulator.stop()
  }

  @Test func `where no more files can be opened the session file is named, not the agent's folder`()
    throws
  {
    let folder = try DTLSCommandTests.Folder()
    for limit in 4...16 {
      let run = try shell(
        "ulimit -n \(limit); \"$0\" \"$@\"",
        ["publish", "--topic", "/a1B2c3D4e5F/device1/user/update", "--payload", "1"]
          + ["--session-file", folder.path("session")] + Self.device
      )
      #expect(run.status != 0)
      #expect(!(run.output + run.errors).contains("state directory"), "\(run.output)\(run.errors)")
    }
  }

  @Test(arguments: [">/dev/full", ">&-"])
  func `whatever is printed is missed where it cannot be written`(redirection: String) throws {
    for arguments in [
      ["--version"], ["--help"], ["help", "publish"], ["simulate", "--assume", "list"],
      ["inspect", "40017d34"], ["--generate-completion-script", "bash"],
    ] {
      let run = try shell("\"$0\" \"$@\" \(redirection)", arguments)
      #expect(run.status == 5, "\(arguments) \(run.errors)")
      #expect(run.errors.contains("standard output cannot be written"), "\(run.errors)")
    }
  }

  @Test func `a secret or a variable that is not UTF-8, or has lines, is a usage error`() throws {
    let folder = try DTLSCommandTests.Folder()
    let secret = folder.path("secret.txt")
    try Data([0xC3, 0x28, 0x0A]).write(to: URL(filePath: secret))
    let names = ["pull"] + Self.device
    for (script, arguments, reason) in [
      (
        #"NBIOT_DEVICE_SECRET=$'\xff' "$0" "$@""#, names,
        "the variable NBIOT_DEVICE_SECRET is not UTF-8"
      ),
      (
        #"NBIOT_DEVICE_SECRET=$'a\nb' "$0" "$@""#, names,
        "the variable NBIOT_DEVICE_SECRET has more than one line"
      ),
      (
        #"NBIOT_ENDPOINT=$'\xff' "$0" "$@""#, names, "the variable NBIOT_ENDPOINT is not UTF-8"
      ),
      (
        #""$0" "$@""#, names + ["--device-secret-file", secret],
        "the secret file \(secret) is not UTF-8"
      ),
    ] {
      let run = try shell(script, arguments)
      #expect(run.status == 2, "\(run.errors)")
      #expect(run.errors.contains(reason), "\(run.errors)")
    }
  }
}
