// SPDX-License-Identifier: Apache-2.0
import Foundation
import MQTTPeers
import TestSupport
import Testing

@Suite(
  "The simulator's mosquitto: where it begins and ends",
  .enabled(if: Mosquitto.isInstalled),
  .timeLimit(.minutes(15))
)
struct BrokerLifeTests {
  /// Whether a process with that number is there, and no zombie.
  private static func isAlive(_ number: Int32) -> Bool {
    guard let text = try? String(contentsOfFile: "/proc/\(number)/stat", encoding: .utf8) else {
      return false
    }
    return text.split(separator: ")").last?.split(separator: " ").first != "Z"
  }

  /// Returns once a process has ended, that need not be a child.
  private static func waitForEnd(of number: Int32) throws {
    let waiter = Process()
    waiter.executableURL = URL(filePath: "/usr/bin/python3")
    waiter.arguments = [
      "-c",
      """
      import os, select, sys
      try:
          select.select([os.pidfd_open(int(sys.argv[1]))], [], [], 60)
      except ProcessLookupError:
          pass
      """, "\(number)",
    ]
    try waiter.start()
    waiter.waitUntilExit()
  }

  @Test(arguments: [SIGTERM, SIGKILL, SIGINT])
  func `it ends with the simulator, whatever that ends by, and leaves nothing`(signal: Int32) throws
  {
    let temporary = try DTLSCommandTests.Folder()
    let simulator = try BrokerSimulator(environment: ["TMPDIR": temporary.url.path])
    let children = try simulator.children()
    #expect(children.count == 2)
    for child in children { #expect(Self.isAlive(child)) }
    // Its files are gone as soon as it listens.
    #expect(try FileManager.default.contentsOfDirectory(atPath: temporary.url.path) == [])
    kill(simulator.process.processIdentifier, signal)
    for child in children { try Self.waitForEnd(of: child) }
    for child in children { #expect(!Self.isAlive(child)) }
    simulator.process.waitUntilExit()
  }

  @Test func `mosquitto is not started where nobody asks for MQTT`() throws {
    let simulator = try BrokerSimulator(transports: [])
    #expect(try simulator.children() == [])
    #expect(try simulator.stop() == "")
  }

  @Test func `one that is killed is started anew on the same ports`() throws {
    let simulator = try BrokerSimulator(transports: ["mqtt"])
    let client = try simulator.client(try simulator.settings())
    let child = try #require(try simulator.children().first)
    kill(child, SIGKILL)
    _ = try client.next("disconnected")
    _ = try simulator.log.wait(for: "mosquitto has ended (signal 9)")
    _ = try simulator.log.wait(for: "mosquitto listens again")
    let again = try simulator.client(try simulator.settings())
    try again.publish("/a1B2c3D4e5F/device1/user/update", "1", qos: 1)
    _ = try again.next("published")
    try simulator.stop()
  }

  @Test func `who is connected, a kick, and the end of a broker, by the control socket`()
    async throws
  {
    let simulator = try BrokerSimulator(
      transports: ["mqtt", "mqtts"],
      devices: ["device1", "device2"]
    )
    func broker(_ arguments: [String]) async throws -> Run {
      try await nbiot(["broker"] + arguments + ["--at", simulator.control])
    }
    let first = try simulator.client(try simulator.settings())
    let second = try simulator.client(try simulator.settings("mqtts", device: "device2"))
    let list = try await broker(["list"])
    #expect(
      list.output == """
        a1B2c3D4e5F/device1 mqtt 127.0.0.1 clientId client1, keep-alive 60 s, clean session 1
        a1B2c3D4e5F/device2 mqtts 127.0.0.1 clientId client1, keep-alive 60 s, clean session 1

        """
    )
    let names = ["--product-key", "a1B2c3D4e5F", "--device-name"]
    let kick = try await broker(["kick"] + names + ["device1"])
    #expect(kick.status == 0)
    #expect(kick.output.hasPrefix("a1B2c3D4e5F/device1 was told"), "\(kick.output)")
    #expect(try first.message("/ext/notify").json["title"] as? String == "kick")
    _ = try first.next("disconnected")
    #expect(try await broker(["disconnect"] + names + ["device2"]).status == 0)
    _ = try second.next("disconnected")
    #expect(try await broker(["kick"] + names + ["device1"]).status == 1)
    #expect(try await broker(["kick"]).status == 2)
    let none = try await broker(["list"])
    #expect(none.output == "" && none.errors == "nbiot: no device is connected over MQTT\n")
    let third = try simulator.client(try simulator.settings())
    #expect(try await broker(["restart"]).status == 0)
    _ = try third.next("disconnected")
    let fourth = try simulator.client(try simulator.settings())
    #expect(try await broker(["stop"]).status == 0)
    _ = try fourth.next("disconnected")
    #expect(try MQTTClient(try simulator.settings()).next("failed").name == "failed")
    #expect(try await broker(["restart"]).status == 0)
    #expect(try simulator.code(try simulator.settings()) == 0)
    try simulator.stop()
  }

  /// mosquitto says "in use" of a listener of TCP alone, of one of WebSockets that it cannot be made.
  @Test(arguments: [("mqtt", true), ("mqtt", false), ("ws", true), ("ws", false)])
  func `a restart waits for a port that another socket has meanwhile`(
    transport: String,
    isFreed: Bool
  ) async throws {
    let simulator = try BrokerSimulator(transports: [transport])
    func broker(_ action: String) async throws -> Run {
      try await nbiot(["broker", action, "--at", simulator.control])
    }
    let port = try #require(simulator.ports[transport])
    #expect(try await broker("stop").status == 0)
    let other = try ListeningSocket(port: UInt16(port))
    if isFreed {
      // A thread of its own: tasks wait for each other. mosquitto has tried and failed by then.
      Thread.detachNewThread {
        Thread.sleep(forTimeInterval: 1)
        other.close()
      }
    }
    let restart = try await broker("restart")
    #expect(restart.status == (isFreed ? 0 : 3), "\(restart.errors)")
    if !isFreed {
      let words = "127.0.0.1 port \(port) (\(transport)) is in use by another program"
      #expect(restart.errors.contains(words), "\(restart.errors)")
      other.close()
      #expect(try await broker("restart").status == 0)
    }
    #expect(try simulator.code(try simulator.settings(transport)) == 0)
    try simulator.stop()
  }

  @Test func `a taken port is named, and nothing is said at the end`() async throws {
    let folder = try DTLSCommandTests.Folder()
    let secret = folder.path("secret.txt")
    try Data("secret\n".utf8).write(to: URL(filePath: secret))
    let other = try ListeningSocket()
    let simulate = ["simulate", "--port", "0", "--device", "a1B2c3D4e5F,device1,\(secret)"]
    for option in ["--mqtt", "--ws", "--control"] {
      let run = try await nbiot(simulate + ["--mqtt", "0", option, "\(other.port)"])
      let place = "127.0.0.1 port \(other.port) (\(option.dropFirst(2)))"
      let words = place + " is in use by another program"
      #expect(run.status != 0 && run.errors.contains(words), "\(run.errors)")
    }
    other.close()
    for _ in 0..<3 {
      let process = process(simulate + ["--mqtt", "0"])
      let (output, errors) = (Pipe.ofChild(), Pipe.ofChild())
      process.standardOutput = output
      process.standardError = errors
      let lines = OutputLines(output)
      try process.start()
      _ = try lines.next { $0.hasSuffix(", mqtt") }
      process.terminate()
      let said = errors.fileHandleForReading.readDataToEndOfFile()
      process.waitUntilExit()
      #expect(!String(decoding: said, as: UTF8.self).contains("EventLoop"))
    }
  }

  @Test func `what is missing is said with what to do`() async throws {
    let folder = try DTLSCommandTests.Folder()
    let secret = folder.path("secret.txt")
    try Data("secret\n".utf8).write(to: URL(filePath: secret))
    let empty = folder.path("empty.so")
    try Data("nothing".utf8).write(to: URL(filePath: empty))
    let device = ["simulate", "--port", "0", "--device", "a1B2c3D4e5F,device1,\(secret)"]
    let cases: [([String], String)] = [
      (["--mqtt", "0", "--broker-plugin", "/nowhere.so"], "make broker"),
      (["--mqtt", "0", "--broker-plugin", empty], "was built without mosquitto-dev"),
      (["--mqtts", "0"], "--mqtts and --wss need --certificates DIRECTORY"),
      (["--mqtt", "1"], "mosquitto does not listen on 127.0.0.1, mqtt 1"),
      (["--mqtt", "70000"], "--mqtt is 0 to 65535"),
      (["--mqtt", "5000", "--control", "5000"], "have the same port"),
      (["--assume", "mqtt-will=4"], "--assume mqtt-will=4 belongs to MQTT"),
      (["--mqtt", "0", "--assume", "mqtt-will=6"], "--assume mqtt-will is 5, another CONNACK"),
    ]
    for (options, text) in cases where getuid() != 0 || options != ["--mqtt", "1"] {
      let run = try await nbiot(device + options)
      #expect(run.status == 2 && run.errors.contains(text), "\(options): \(run.errors)")
    }
    let busy = try BrokerSimulator(transports: ["mqtt"])
    let port = "\(busy.ports["mqtt"] ?? 0)"
    let run = try await nbiot(device + ["--mqtt", port])
    let taken = "127.0.0.1 port \(port) (mqtt) is in use by another program"
    #expect(run.status == 2 && run.errors.contains(taken), "\(run.errors)")
    try busy.stop()
  }

  @Test func `a control socket takes nonsense for what it is`() throws {
    let simulator = try BrokerSimulator(transports: [])
    let shell = Process()
    shell.executableURL = URL(filePath: "/bin/bash")
    shell.arguments = [
      "-c",
      """
      exec 3<>/dev/tcp/127.0.0.1/\(simulator.ports["control"] ?? 0)
      printf '{}\\n{"do":"push"}\\n\\n{"do":"push","kind":"x","productKey":1}\\n{"do":"list"}\\n' >&3
      for i in 1 2 3 4; do read -r line <&3; echo "$line"; done
      printf 'POST / HTTP/1.1\\n{"do":"list"}\\n' >&3
      cat <&3
      exec 4<>/dev/tcp/127.0.0.1/\(simulator.ports["control"] ?? 0)
      head -c 1100000 /dev/zero | tr '\\0' 'x' >&4 2>/dev/null
      cat <&4
      """,
    ]
    let output = Pipe.ofChild()
    shell.standardOutput = output
    try shell.start()
    let text = try output.fileHandleForReading.readToEnd() ?? Data()
    shell.waitUntilExit()
    let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
    #expect(lines.count == 6, "\(lines)")
    #expect(lines.prefix(3).allSatisfy { $0.contains(#""outcome":"refused""#) }, "\(lines)")
    #expect(lines.dropFirst(3).first?.contains(#""devices":[]"#) == true)
    // Whoever speaks another protocol is heard no further.
    #expect(lines.dropFirst(4).first?.contains("the line is no JSON object") == true)
    #expect(lines.last?.contains("over 1 MiB") == true)
    try simulator.stop()
  }
}
