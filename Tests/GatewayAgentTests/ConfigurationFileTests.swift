// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite(
  "The gateway's agent fetches configurations, and hands them over (device guide 6.7 and 6.12)",
  .enabled(if: hasBroker),
  .serialized,
  .timeLimit(.minutes(15))
)
final class ConfigurationFileTests {
  private let files: URL

  init() throws {
    files = URL.temporaryDirectory.appending(path: "nbiot-config-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: files, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: files) }

  /// A simulator with a configuration of that text for its product, and the agent's command.
  private func world(
    _ text: String,
    command: String,
    _ lines: [String] = [],
    _ options: [String] = []
  ) throws -> World {
    // The simulator serves it from there.
    let file = files.appending(path: "\(UUID().uuidString).json")
    try Data(text.utf8).write(to: file)
    let world = try World(hasHTTPS: true, ["--config-file", file.path] + options)
    let path = try world.command(command.replacing("FOLDER", with: world.folder.path))
    try world.configure(["on-configuration = \(path)"] + lines)
    return world
  }

  private func push(_ world: World) throws {
    let push = try world.push("config")
    push.wait()
    #expect(push.status == 0, "\(push.output)\(push.log)")
  }

  private func text(_ world: World, _ name: String) -> String {
    (try? String(contentsOf: world.folder.appending(path: name), encoding: .utf8)) ?? ""
  }

  private func end(_ agent: Program) {
    agent.signal(SIGTERM)
    agent.wait()
  }

  @Test func `a pushed configuration is fetched, checked, and handed over once, over restarts too`()
    throws
  {
    let content = #"{"interval":60,"name":"läuft"}"#
    let world = try world(
      content,
      command: """
        cat > FOLDER/input
        cat "$NBIOT_FILE" > FOLDER/file
        echo "$NBIOT_TOPIC" >> FOLDER/topics
        echo to nobody
        """
    )
    let agent = try world.connectedAgent()
    try push(world)
    let file = world.folder.appending(path: "state/configuration").path
    #expect(
      agent.wait { $0.output.contains("configuration taken \(file)\n") },
      "\(agent.output)\(agent.log)"
    )
    #expect(agent.output.contains("configuration fetched \(file)\n"))
    #expect(text(world, "input") == content && text(world, "file") == content)
    #expect(text(world, "topics") == "/sys/\(World.device)/thing/config/push\n")
    let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    #expect(!agent.output.contains("to nobody"))
    // The same again is no news, after a restart neither.
    try push(world)
    agent.signal(SIGKILL)
    agent.wait()
    let second = try world.connectedAgent()
    try push(world)
    second.write("{\"value\":1}\n")
    #expect(second.wait { $0.output.contains("delivered 1\n") }, "\(second.output)\(second.log)")
    usleep(300_000)
    #expect(!second.output.contains("configuration "), "\(second.output)")
    #expect(text(world, "topics").split(separator: "\n").count == 1)
    end(second)
    world.stop()
  }

  @Test func `what was fetched and not taken before a kill is handed over by the next agent`()
    throws
  {
    let world = try world(
      "{}",
      command: """
        echo run >> FOLDER/runs
        [ -e FOLDER/go ] || exec sleep 60
        """
    )
    let agent = try world.connectedAgent()
    try push(world)
    #expect(agent.wait { _ in text(world, "runs") == "run\n" }, "\(agent.output)\(agent.log)")
    agent.signal(SIGKILL)
    agent.wait()
    try Data().write(to: world.folder.appending(path: "go"))
    let second = try world.connectedAgent()
    #expect(
      second.wait { $0.output.contains("configuration taken ") },
      "\(second.output)\(second.log)"
    )
    #expect(text(world, "runs") == "run\nrun\n")
    #expect(!second.output.contains("configuration fetched"), "\(second.output)")
    end(second)
    world.stop()
  }

  @Test func `an exit status refuses it, and 75 or a killed command has it again`() throws {
    let world = try world(
      "{}",
      command: """
        echo run >> FOLDER/runs
        [ -e FOLDER/again ] && exit 3
        touch FOLDER/again
        [ -e FOLDER/slow ] && exec sleep 60
        exit 75
        """,
      ["configuration-time = 1"]
    )
    let agent = try world.connectedAgent()
    try push(world)
    #expect(
      agent.wait {
        $0.log.contains("warning configuration-command-failed reason=again-later wait=")
      },
      "\(agent.log)"
    )
    #expect(agent.wait { $0.output.contains(#/configuration refused .* 3\n/#) }, "\(agent.output)")
    #expect(text(world, "runs") == "run\nrun\n")
    // Pushed again, it is handed over again, here to a command that is killed.
    try FileManager.default.removeItem(at: world.folder.appending(path: "again"))
    try Data().write(to: world.folder.appending(path: "slow"))
    try push(world)
    #expect(
      agent.wait { $0.log.contains("configuration-command-failed reason=killed wait=") },
      "\(agent.log)"
    )
    #expect(agent.wait { _ in text(world, "runs") == "run\nrun\nrun\nrun\n" }, "\(agent.log)")
    end(agent)
    world.stop()
  }

  @Test func `one that is offered while the command runs is fetched after it, and handed over`()
    throws
  {
    let world = try world(
      #"{"first":1}"#,
      command: """
        echo "$(cat)" >> FOLDER/inputs
        while [ ! -e FOLDER/go ]; do sleep 0.1; done
        """
    )
    let agent = try world.connectedAgent()
    try push(world)
    #expect(agent.wait { _ in !text(world, "inputs").isEmpty }, "\(agent.output)\(agent.log)")
    for name in try FileManager.default.contentsOfDirectory(atPath: files.path) {
      try Data("{}".utf8).write(to: files.appending(path: name))
    }
    let digest = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    let second = try world.push(
      "config",
      ["--url", try url(world), "--size", "2", "--sha256", digest]
    )
    second.wait()
    #expect(second.status == 0, "\(second.output)\(second.log)")
    // The agent has time to do what it must not.
    usleep(500_000)
    #expect(agent.output.split(separator: "configuration fetched").count == 2, "\(agent.output)")
    try Data().write(to: world.folder.appending(path: "go"))
    #expect(
      agent.wait { $0.output.split(separator: "configuration taken").count == 3 },
      "\(agent.output)\(agent.log)"
    )
    #expect(text(world, "inputs") == "{\"first\":1}\n{}\n")
    end(agent)
    world.stop()
  }

  @Test func `with fetch-configuration = yes it is asked for after each connect`() throws {
    let world = try world("{\"a\":1}", command: "cat > FOLDER/input", ["fetch-configuration = yes"])
    let agent = try world.agent()
    #expect(
      agent.wait { $0.output.contains("configuration taken ") },
      "\(agent.output)\(agent.log)"
    )
    #expect(text(world, "input") == "{\"a\":1}")
    end(agent)
    // None there is told as that.
    world.stop()
    let empty = try World()
    try empty.configure([
      "on-configuration = \(try empty.command("true"))", "fetch-configuration = yes",
    ])
    let second = try empty.agent()
    #expect(
      second.wait { $0.log.contains("info no-configuration reason=refused code=6710") },
      "\(second.log)"
    )
    end(second)
    empty.stop()
  }

  @Test(arguments: [
    (["--url", "https://127.0.0.1:PORT/nothing/there"], "reason=status status=404 given-up"),
    (["--url", "https://127.0.0.1:1/file"], "reason=unreachable wait="),
    (["--url", "https://nowhere.invalid/file"], "reason=unknown-host wait="),
    (["--size", "1"], "reason=too-long given-up"), (["--size", "3"], "reason=wrong-digest wait="),
    (["--sha256", String(repeating: "0", count: 64)], "reason=wrong-digest wait="),
  ])
  func `a file that does not come, or is another one, is not handed over`(
    changed: [String],
    reason: String
  ) throws {
    let world = try world("{}", command: "touch FOLDER/run")
    var options = [
      "--url": try url(world), "--size": "2",
      "--sha256": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    ]
    options[changed[0]] = changed[1].replacing("PORT", with: world.httpsPort)
    let agent = try world.connectedAgent()
    let push = try world.push("config", options.flatMap { [$0.key, $0.value] })
    push.wait()
    #expect(push.status == 0, "\(push.output)\(push.log)")
    #expect(
      agent.wait {
        $0.log.contains("warning configuration-not-fetched file=configuration \(reason)")
      },
      "\(agent.log)"
    )
    for name in ["run", "state/configuration", "state/configuration.part"] {
      let path = world.folder.appending(path: name).path
      #expect(!FileManager.default.fileExists(atPath: path), "\(name)")
    }
    // Reports are not held up.
    agent.write("{\"value\":1}\n")
    #expect(agent.wait { $0.output.contains("delivered 1\n") }, "\(agent.output)\(agent.log)")
    end(agent)
    world.stop()
  }

  @Test func `a file over the limit is not begun, and the sub-devices' one has a name of its own`()
    throws
  {
    let world = try world(
      "{}",
      command: "cat > \"FOLDER/$(basename \"$NBIOT_FILE\").in\"",
      ["configuration-limit = 1024"]
    )
    let agent = try world.connectedAgent()
    let address = try url(world)
    let digest = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    let large = try world.push(
      "config",
      ["--url", address, "--size", "1025", "--sha256", digest]
    )
    large.wait()
    #expect(
      agent.wait {
        $0.log.contains(
          "warning configuration-refused file=configuration reason=too-large size=1025\n"
        )
      },
      "\(agent.log)"
    )
    let push = try world.push(
      "sub-config",
      ["--params", #"{"digest":"\#(digest)","digestMethod":"Sha256","url":"\#(address)"}"#]
    )
    push.wait()
    #expect(push.status == 0, "\(push.output)\(push.log)")
    #expect(
      agent.wait { $0.output.contains(#/configuration taken .*\/state\/sub-devices\n/#) },
      "\(agent.output)\(agent.log)"
    )
    #expect(text(world, "sub-devices.in") == "{}")
    end(agent)
    world.stop()
  }

  /// Where the simulator serves its configuration, which it says when the console pushes it.
  private func url(_ world: World) throws -> String {
    "https://127.0.0.1:\(world.httpsPort)/files/a1B2c3D4e5F/configuration"
  }
}
