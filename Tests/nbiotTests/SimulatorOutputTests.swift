// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite("The simulator's log, and whoever reads it")
struct SimulatorOutputTests {
  private static func unread(_ pipe: Pipe) -> Int32 {
    var count: Int32 = 0
    // SAFETY: the system writes one number.
    _ = unsafe ioctl(pipe.fileHandleForReading.fileDescriptor, UInt(FIONREAD), &count)
    return count
  }

  @Test(arguments: ["--console", "--control", "--https"])
  func `a platform that cannot have all its ports says that it listens at none`(
    option: String
  )
    async throws
  {
    let taken = try LoopbackSocket.takenPort()
    defer { close(taken.descriptor) }
    let folder = try DTLSCommandTests.Folder()
    let secret = folder.path("secret.txt")
    try writeSecret("secret\n", to: URL(filePath: secret))
    var arguments = [
      "simulate", "--port", "0", "--device", "a1B2c3D4e5F,device1,\(secret)", option,
      "\(taken.port)",
    ]
    if option == "--https" { arguments += ["--certificates", folder.path("certificates")] }
    let run = try await nbiot(arguments)
    #expect(run.status != 0 && run.output.isEmpty, "\(run.output)")
    #expect(run.errors.contains("127.0.0.1 port \(taken.port)"), "\(run.errors)")
  }

  @Test func `a fleet whose pages have no port makes no devices first`() async throws {
    let taken = try LoopbackSocket.takenPort()
    defer { close(taken.descriptor) }
    let run = try await nbiot(
      ["fleet", "--devices", "200000", "--for", "1s", "--console", "127.0.0.1:\(taken.port)"]
    )
    #expect(run.status == 2 && run.output.isEmpty, "\(run.output)")
    #expect(run.errors.contains("cannot listen on 127.0.0.1 port \(taken.port)"), "\(run.errors)")
    #expect(!run.errors.contains("console at"))
  }

  @Test(arguments: [SIGTERM, SIGINT])
  func `a signal ends it though the reader has stopped`(number: Int32) throws {
    let folder = try DTLSCommandTests.Folder()
    let secret = folder.path("secret.txt")
    try writeSecret("secret\n", to: URL(filePath: secret))
    let simulator = nbiotTests.process([
      "simulate", "--port", "0", "--device", "a1B2c3D4e5F,device1,\(secret)",
    ])
    let output = Pipe.ofChild()
    // F_SETPIPE_SZ: a page is soon full.
    let size = fcntl(output.fileHandleForWriting.fileDescriptor, 1_031, 4_096)
    try #require(size == 4_096)
    simulator.standardOutput = output
    simulator.standardError = FileHandle.nullDevice
    try simulator.start()
    let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
    let port = try #require(line.firstMatch(of: /port ([0-9]+)/).flatMap { UInt16($0.1) })
    let socket = try LoopbackSocket()
    defer { socket.close() }
    // Each has a line of about 100 bytes: CON, code 0.01, a Uri-Path.
    for count in UInt8(1)...100 {
      socket.send([0x40, 1, 0, count, 0xBD, 17] + [UInt8](repeating: 97, count: 30), to: port)
    }
    for _ in 0..<300_000 where Self.unread(output) < 4_096 - 200 { usleep(100) }
    #expect(Self.unread(output) >= 4_096 - 200)
    kill(simulator.processIdentifier, number)
    simulator.waitUntilExit()
    #expect(simulator.terminationStatus == (number == SIGTERM ? 0 : SIGINT))
    #expect(simulator.terminationReason == (number == SIGTERM ? .exit : .uncaughtSignal))
    _ = try output.fileHandleForReading.readToEnd()
  }

  /// What a shell prints of the statuses of a pipeline.
  private func statuses(_ script: String, _ arguments: [String]) throws -> (String, String) {
    let shell = Process()
    shell.executableURL = URL(filePath: "/bin/bash")
    shell.arguments = ["-c", script, program.path] + arguments
    let (output, errors) = (Pipe.ofChild(), Pipe.ofChild())
    shell.standardInput = FileHandle.nullDevice
    shell.standardOutput = output
    shell.standardError = errors
    try shell.start()
    let text = try output.fileHandleForReading.readToEnd() ?? Data()
    let complaint = try errors.fileHandleForReading.readToEnd() ?? Data()
    shell.waitUntilExit()
    return (String(decoding: text, as: UTF8.self), String(decoding: complaint, as: UTF8.self))
  }

  @Test func `if the reader exits, SIGPIPE ends it, unless it is ignored`() throws {
    let folder = try DTLSCommandTests.Folder()
    let secret = folder.path("secret.txt")
    try writeSecret("secret\n", to: URL(filePath: secret))
    let arguments = ["simulate", "--port", "0", "--device", "a1B2c3D4e5F,device1,\(secret)"]
    // The tests' own process ignores SIGPIPE, which a shell cannot undo.
    let pipeline = #"env --default-signal=PIPE "$0" "$@" | true; echo "${PIPESTATUS[0]}""#
    let ended = try statuses(pipeline, arguments)
    #expect(ended.0 == "141\n")
    #expect(ended.1.isEmpty)
    let ignored = try statuses(
      #"trap '' PIPE; "$0" "$@" | true; echo "${PIPESTATUS[0]}""#,
      arguments
    )
    #expect(ignored.0 == "5\n")
    #expect(ignored.1.contains("standard output cannot be written"))
  }
}
