// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// Whether the simulator's broker can run; where the peers are required, the tests run and fail.
let hasBroker =
  ProcessInfo.processInfo.environment["NBIOT_REQUIRE_PEERS"] != nil
  || FileManager.default.isExecutableFile(atPath: "/usr/sbin/mosquitto")

/// `nbiot simulate` with MQTT over TLS, and packaging/listen.c, compiled against this build.
final class ListeningWorld {
  static let device = "a1B2c3D4e5F/device1"

  let scratch: Scratch
  let simulator: RunningSimulator
  let port: UInt16
  private let control: UInt16

  init(_ options: [String] = []) throws {
    scratch = try Scratch()
    try scratch.write(Scratch.secret + "\n", to: "secret.txt")
    simulator = try RunningSimulator(
      [
        "nbiot", "simulate", "--port", "0", "--mqtts", "0", "--control", "0", "--certificates",
        "certificates", "--device", "a1B2c3D4e5F,device1,secret.txt",
      ] + options,
      in: scratch
    )
    port = try simulator.port(of: "mqtts")
    control = try simulator.port(of: "control")
    try Self.compile(in: scratch)
  }

  /// Compiles packaging/listen.c.
  static func compile(in scratch: Scratch) throws {
    try Compiler(scratch: scratch).c(
      Place.contents("packaging/listen.c"),
      to: "listen",
      over: .mqtt
    )
  }

  /// The program, with members of its configuration.
  func device(
    _ options: [String] = [],
    secret: String = "secret.txt",
    port: UInt16? = nil,
    authorities: String = "certificates/ca.pem"
  ) throws -> ListeningDevice {
    try ListeningDevice(
      [
        "./listen", "a1B2c3D4e5F", "device1", secret, "state", "127.0.0.1", "\(port ?? self.port)",
        authorities,
      ] + options,
      in: scratch
    )
  }

  /// The program, connected and with what it wants granted.
  func connectedDevice(
    _ options: [String] = [],
    port: UInt16? = nil
  ) throws -> ListeningDevice {
    let device = try device(options, port: port)
    _ = try device.next("connected")
    _ = try simulator.wait(for: "SUBSCRIBE /sys/\(Self.device)/thing/property/desired/get_reply")
    return device
  }

  /// `nbiot push`, under way.
  func push(_ kind: String, _ options: [String] = []) throws -> RunningPush {
    try RunningPush(
      [
        "nbiot", "push", kind, "--at", "127.0.0.1:\(control)", "--product-key", "a1B2c3D4e5F",
        "--device-name", "device1", "--output", "json",
      ] + options,
      in: scratch
    )
  }

  /// `nbiot push firmware` of a version, to its end.
  func pushFirmware(_ version: String) throws {
    let push = try push(
      "firmware",
      [
        "--firmware-version", version, "--size", "5", "--url", "https://example.com/a", "--md5",
        "93230c3bde425a9d7984a594ac55ea1e",
      ]
    )
    #expect(try push.output().status == 0)
  }

  func kick() throws {
    let run = try scratch.run([
      "nbiot", "broker", "kick", "--at", "127.0.0.1:\(control)", "--product-key", "a1B2c3D4e5F",
      "--device-name", "device1",
    ])
    #expect(run.status == 0, "\(run.errors)")
  }
}

/// A program that prints lines and takes some.
final class ListeningDevice {
  private let lines: OutputLines
  private let process: Process
  private let input = Pipe.ofChild()

  init(_ arguments: [String], in scratch: Scratch) throws {
    process = scratch.process(arguments)
    let output = Pipe.ofChild()
    process.standardInput = input
    process.standardOutput = output
    lines = OutputLines(output)
    try process.start()
  }

  deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

  /// Takes the first line that begins so, once it is there.
  func next(_ start: String) throws -> String { try lines.next { $0.hasPrefix(start) } }

  func write(_ line: String) throws {
    try input.fileHandleForWriting.write(contentsOf: Data((line + "\n").utf8))
  }

  /// The id of the next request, which is of that kind.
  func request(_ kind: String) throws -> String {
    let words = try next("request ").split(separator: " ")
    #expect(words[2] == kind)
    return String(words[1])
  }

  /// Ends it by the end of its input; its exit status.
  func end() throws -> Int32 {
    try input.fileHandleForWriting.close()
    process.waitUntilExit()
    return process.terminationStatus
  }
}

/// A program whose output is read when it is over.
struct RunningPush {
  private let process: Process
  private let lines: OutputLines

  init(_ arguments: [String], in scratch: Scratch) throws {
    process = scratch.process(arguments)
    let output = Pipe.ofChild()
    process.standardOutput = output
    lines = OutputLines(output)
    try process.start()
  }

  func output() throws -> (status: Int32, text: String) {
    process.waitUntilExit()
    return (process.terminationStatus, try lines.rest())
  }
}
