// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite("Programs that a signal ends")
struct SignalTests {
  /// A shell's view of a program that is sent a signal once it has printed something, or waits.
  private func status(
    _ arguments: [String],
    _ number: Int32,
    waitsForOutput: Bool
  ) throws -> Int32 {
    let shell = Process()
    shell.executableURL = URL(filePath: "/bin/bash")
    shell.arguments = ["-c", #"echo $$; "$0" "$@"; exit $?"#, program.path] + arguments
    shell.environment = ProcessInfo.processInfo.environment.merging(
      ["NBIOT_DEVICE_SECRET": "0123456789abcdef0123456789abcdef"]
    ) { $1 }
    let (input, output) = (Pipe.ofChild(), Pipe.ofChild())
    shell.standardInput = input
    shell.standardOutput = output
    shell.standardError = FileHandle.nullDevice
    try shell.start()
    var text = ""
    let lines = waitsForOutput ? 2 : 1
    while text.count(where: { $0 == "\n" }) < lines {
      let piece = output.fileHandleForReading.availableData
      guard !piece.isEmpty else { break }
      text += String(decoding: piece, as: UTF8.self)
    }
    let child = try #require(Self.child(of: shell.processIdentifier))
    kill(child, number)
    shell.waitUntilExit()
    return shell.terminationStatus
  }

  /// The program that the shell waits for, once it runs.
  private static func child(of parent: Int32) -> Int32? {
    for _ in 0..<10_000 {
      let path = "/proc/\(parent)/task/\(parent)/children"
      let children = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
      if let child = children.split(separator: " ").first.flatMap({ Int32($0) }),
        let name = try? String(contentsOfFile: "/proc/\(child)/comm", encoding: .utf8),
        name == "nbiot\n"
      {
        return child
      }
      usleep(1_000)
    }
    return nil
  }

  @Test(arguments: [SIGINT, SIGTERM])
  func `a shell sees 130 and 143, whatever was under way`(number: Int32) throws {
    let nobody = try LoopbackSocket()
    let device = [
      "--endpoint", "127.0.0.1:\(nobody.port)", "--product-key", "a1B2c3D4e5F", "--device-name",
      "device1",
    ]
    let commands = [
      ["publish", "--topic", "/a1B2c3D4e5F/device1/user/update", "--payload", "1"] + device,
      ["call", "thing.config.get"] + device, ["doctor"] + device, ["pull"] + device,
      ["ota", "inform", "--firmware", "1"] + device, ["inspect"],
    ]
    for command in commands {
      #expect(try status(command, number, waitsForOutput: false) == 128 + number, "\(command)")
    }
    nobody.close()
  }

  @Test(arguments: [SIGQUIT, SIGABRT, SIGSEGV])
  func `SIGQUIT and a crash end the program as the system does, without a backtrace`(
    number: Int32
  ) throws {
    let folder = try DTLSCommandTests.Folder()
    let secret = folder.path("secret.txt")
    try Data("secret\n".utf8).write(to: URL(filePath: secret))
    let simulator = process(
      ["simulate", "--port", "0", "--device", "a1B2c3D4e5F,device1,\(secret)"],
      environment: ["SWIFT_BACKTRACE": "enable=yes"]
    )
    let (output, errors) = (Pipe.ofChild(), Pipe.ofChild())
    simulator.standardOutput = output
    simulator.standardError = errors
    try simulator.start()
    #expect(!output.fileHandleForReading.availableData.isEmpty)
    kill(simulator.processIdentifier, number)
    let text = try errors.fileHandleForReading.readToEnd() ?? Data()
    simulator.waitUntilExit()
    #expect(simulator.terminationReason == .uncaughtSignal)
    #expect(simulator.terminationStatus == number)
    #expect(!String(decoding: text, as: UTF8.self).contains("crash"))
  }

  @Test func `the simulator ends by Ctrl-C with 130, by SIGTERM with 0`() throws {
    let folder = try DTLSCommandTests.Folder()
    let secret = folder.path("secret.txt")
    try Data("secret\n".utf8).write(to: URL(filePath: secret))
    let arguments = ["simulate", "--port", "0", "--device", "a1B2c3D4e5F,device1,\(secret)"]
    #expect(try status(arguments, SIGINT, waitsForOutput: true) == 130)
    #expect(try status(arguments, SIGTERM, waitsForOutput: true) == 0)
  }
}
