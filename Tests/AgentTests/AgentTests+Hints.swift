// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// The command that is told what the radio has to expect.
extension AgentTests {
  @Test func `the hint's command is told what is to come`() async throws {
    let platform = try await Platform()
    let folder = try AgentFolder(port: platform.port, isPatient: true)
    defer { folder.remove() }
    let command = folder.url.appending(path: "hint.sh")
    let heard = folder.url.appending(path: "heard").path
    try Data("#!/bin/sh\necho \"$1\" >> \(heard)\n".utf8).write(to: command)
    try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: command.path)
    let lines = try String(contentsOf: folder.configuration, encoding: .utf8)
    try Data((lines + "hint-command = \(command.path)\n").utf8).write(to: folder.configuration)
    let agent = try folder.run(input: "{\"value\":1}\n{\"value\":2}\n")
    #expect(agent.status == 0)
    // /auth, the first report, the second one.
    #expect(try String(contentsOfFile: heard, encoding: .utf8) == "more\nmore\none-answer\n")
    try await platform.close()
  }

  @Test func `the hint's command takes every signal; one that is not there is complained about`()
    async throws
  {
    let platform = try await Platform()
    let folder = try AgentFolder(port: platform.port)
    defer { folder.remove() }
    let command = folder.url.appending(path: "hint.sh")
    let heard = folder.url.appending(path: "heard").path
    try Data("#!/bin/sh\ngrep SigBlk /proc/self/status >> \(heard)\n".utf8).write(
      to: command
    )
    try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: command.path)
    let lines = try String(contentsOf: folder.configuration, encoding: .utf8)
    try Data((lines + "hint-command = \(command.path)\n").utf8).write(to: folder.configuration)
    #expect(try folder.run(input: "{\"value\":1}\n").status == 0)
    let masks = try String(contentsOfFile: heard, encoding: .utf8).split(separator: "\n")
    #expect(!masks.isEmpty)
    for mask in masks { #expect(mask.hasSuffix(":\t0000000000000000"), "\(mask)") }
    try FileManager.default.removeItem(at: command)
    let agent = try folder.run(input: "{\"value\":2}\n")
    #expect(agent.status == 0)
    #expect(agent.log.contains("warning hint-failed errno=ENOENT (No such file or directory)\n"))
    try await platform.close()
  }

  @Test func `a hint's command that takes long is waited for a second, and leaves nothing behind`()
    async throws
  {
    let platform = try await Platform()
    let folder = try AgentFolder(port: platform.port, isPatient: true)
    defer { folder.remove() }
    let command = folder.url.appending(path: "hint.sh")
    let heard = folder.url.appending(path: "heard").path
    let release = folder.url.appending(path: "release").path
    // How many of its agent's commands have ended and are in the table of processes all the same. Each runs until
    // the test lets it go, for on a busy machine the agent's second takes longer.
    let script = """
      #!/bin/sh
      ended=0
      for file in /proc/[0-9]*/stat; do
        read -r number name state parent rest < "$file" || continue
        if [ "$parent" = $PPID ] && [ "$state" = Z ]; then ended=$((ended + 1)); fi
      done 2> /dev/null
      echo $ended >> \(heard)
      number=$(wc -l < \(heard))
      until [ -e \(release)$number ]; do sleep 0.02; done

      """
    try Data(script.utf8).write(to: command)
    try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: command.path)
    let lines = try String(contentsOf: folder.configuration, encoding: .utf8)
    try Data((lines + "hint-command = \(command.path)\n").utf8).write(to: folder.configuration)
    let agent = folder.agent()
    try agent.start()
    // The first two datagrams are those of /auth and of a report, and the second comes too soon.
    for number in 1...3 {
      agent.write("\(number)\n")
      #expect(agent.wait { $0.output.contains("delivered \(number) ") })
      try Data().write(to: URL(filePath: "\(release)\(number)"))
      #expect(agent.wait { $0.runningChildren == 0 })
    }
    agent.endInput()
    agent.wait()
    #expect(agent.status == 0)
    let warning = "warning hint-failed errno=ETIMEDOUT (Connection timed out)\n"
    #expect(agent.log.ranges(of: warning).count == 3, "\(agent.log)")
    #expect(agent.log.ranges(of: "warning hint-skipped").count == 1, "\(agent.log)")
    let counts = try String(contentsOfFile: heard, encoding: .utf8).split(separator: "\n")
    #expect(counts.count == 3)
    // One may have ended just now.
    #expect(counts.compactMap { Int($0) }.max() ?? 4 <= 1, "\(counts)")
    try await platform.close()
  }
}
