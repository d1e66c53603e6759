import Foundation
import TestSupport
import Testing

@Suite(
  "Sub-devices behind the gateway's agent (device guide 5, 6.4 and 6.5)",
  .enabled(if: hasBroker),
  .serialized,
  .timeLimit(.minutes(5))
)
final class SubDeviceTests {
  private static let product = "a1subsubsub"
  private let files: URL

  init() throws {
    files = URL.temporaryDirectory.appending(path: "nbiot-sub-devices-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: files,
      withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o700]
    )
  }

  deinit { try? FileManager.default.removeItem(at: files) }

  private func secret(_ name: String, in folder: URL? = nil) throws -> String {
    let file = (folder ?? files).appending(path: "\(Self.product),\(name)")
    try writeSecret("\(name)-0123456789abcdef\n", to: file)
    return file.path
  }

  /// A simulator with sub-devices of those names, of which `added` are in the gateway's topology.
  private func world(_ names: [String], added: [String]? = nil, _ lines: [String]) throws -> World {
    let options = try names.flatMap { ["--sub-device", "\(Self.product),\($0),\(try secret($0))"] }
    let world = try World("mqtts", hasHTTPS: false, options)
    for name in added ?? names { try add(name, in: world) }
    try world.configure(["retry = 1", "retry-limit = 1"] + lines)
    return world
  }

  private func add(_ name: String, in world: World) throws {
    let port = try world.simulator.capture(/port ([0-9]+)/)
    let call = try Program(
      "nbiot",
      [
        "call", "thing.topo.add",
        #"[{"productKey":"\#(Self.product)","deviceName":"\#(name)"}]"#, "--endpoint",
        "127.0.0.1:\(port)", "--product-key", "a1B2c3D4e5F", "--device-name", "device1",
        "--device-secret-file",
        world.folder.appending(path: "secret.txt").path, "--sub-device-secret-file",
        try secret(name),
      ]
    )
    call.wait()
    #expect(call.status == 0, "\(call.output)\(call.log)")
  }

  private func end(_ agent: Program) {
    agent.signal(SIGTERM)
    agent.wait()
  }

  /// The lines of the simulator about messages of that topic, which it has acknowledged.
  private func arrivals(_ world: World, _ topic: String) -> [String] {
    world.simulator.lines.compactMap {
      guard let match = $0.firstMatch(of: /PUBLISH (\/\S+) qos 1 (\{.*\}) -> PUBACK/) else {
        return nil
      }
      return match.1 == topic ? String(match.2) : nil
    }
  }

  @Test func `lines of sub-devices go out once those are online, after a cut too`() throws {
    let names = ["meter1", "meter2"]
    let world = try world(
      names,
      ["sub-device = \(Self.product),meter1,\(files.path)/\(Self.product),meter1"]
        + ["sub-devices = \(files.path)/list.csv"]
    )
    try Data("# one\n\n \(Self.product) , meter2 \n".utf8).write(
      to: files.appending(path: "list.csv")
    )
    let agent = try world.agent()
    agent.write("{\"own\":1}\n")
    for (number, name) in names.enumerated() {
      let device = "\(Self.product)/\(name)"
      agent.write("\(device)\t{\"a\":\(number)}\n")
      agent.write("\(device)\tuser/update/error\t{\"b\":\(number)}\n")
      let post =
        #"{"id":"7","version":"1.0","params":{"p":{"value":1}},"method":"thing.event.property.post"}"#
      agent.write("\(device)\tpriority=1 thing/event/property/post\t\(post)\n")
      agent.write("/\(device)/user/update priority=2\t{\"c\":\(number)}\n")
    }
    #expect(agent.wait { $0.output.contains("delivered 9\n") }, "\(agent.output)\(agent.log)")
    #expect(agent.wait { $0.lines.count { $0.hasPrefix("delivered ") } == 9 }, "\(agent.output)")
    #expect(agent.log.contains("info sub-devices online=2 of=2\n"), "\(agent.log)")
    for (number, name) in names.enumerated() {
      let device = "\(Self.product)/\(name)"
      // By their priorities.
      #expect(
        arrivals(world, "/\(device)/user/update") == ["{\"c\":\(number)}", "{\"a\":\(number)}"]
      )
      #expect(arrivals(world, "/\(device)/user/update/error") == ["{\"b\":\(number)}"])
      #expect(arrivals(world, "/sys/\(device)/thing/event/property/post").count == 1)
    }
    #expect(try world.broker("restart").status == 0)
    agent.write("\(Self.product)/meter2\t{\"after\":1}\n")
    #expect(agent.wait { $0.output.contains("delivered 10\n") }, "\(agent.output)\(agent.log)")
    end(agent)
    world.stop()
  }

  @Test func `a sub-device's request comes with its name, and is answered for it`() throws {
    let world = try world(
      ["meter1"],
      ["sub-device = \(Self.product),meter1,\(files.path)/\(Self.product),meter1"]
    )
    let agent = try world.agent()
    #expect(agent.wait { $0.log.contains("info sub-devices online=1 of=1\n") }, "\(agent.log)")
    let topic = "/sys/\(Self.product)/meter1/thing/service/property/set"
    #expect(world.simulator.wait { $0.output.contains("SUBSCRIBE \(topic)") })
    usleep(200_000)
    let push = try Program(
      "nbiot",
      [
        "push", "property-set", "--at", world.control, "--product-key", Self.product,
        "--device-name", "meter1", "--output", "json", "--params", #"{"power":"on"}"#,
      ]
    )
    let id = try agent.capture(#/request ([0-9]+) \/sys\/a1subsubsub\/meter1\/thing\//#)
    agent.write("reply \(id) 200 {}\n")
    push.wait()
    #expect(push.status == 0, "\(push.output)\(push.log)\(agent.log)")
    end(agent)
    world.stop()
  }

  @Test func `one that is refused holds up nobody, and its report goes once it is let in`() throws {
    let list = ["meter1", "meter2"].map {
      "sub-device = \(Self.product),\($0),\(files.path)/\(Self.product),\($0)"
    }
    let world = try world(["meter1", "meter2"], added: ["meter2"], list)
    let agent = try world.agent()
    agent.write("\(Self.product)/meter1\t{\"a\":1}\n")
    agent.write("\(Self.product)/meter2\t{\"a\":2}\n")
    agent.write("{\"a\":3}\n")
    #expect(
      agent.wait {
        Set($0.lines.filter { $0.hasPrefix("delivered ") }) == ["delivered 2", "delivered 3"]
          && $0.log.contains(
            "warning sub-device-refused \(Self.product)/meter1 reason=code code=6401 given-up\n"
          )
      },
      "\(agent.output)\(agent.log)"
    )
    end(agent)
    // Once it is in the topology, what waited goes.
    try add("meter1", in: world)
    let second = try world.agent()
    #expect(second.wait { $0.lines == ["delivered 1"] }, "\(second.output)\(second.log)")
    end(second)
    world.stop()
  }

  @Test func `a line of a device that is none of the gateway's is refused`() throws {
    let world = try world(
      ["meter1"],
      ["sub-device = \(Self.product),meter1,\(files.path)/\(Self.product),meter1"]
    )
    let agent = try world.agent(["--once"])
    for line in [
      "\(Self.product)/meter9\t{}", "/sys/\(Self.product)/meter9/thing/event/property/post\t{}",
      "\(Self.product)/meter1\tno topic\t{}", "\(Self.product)/meter1\t",
      "\(Self.product)/meter1\tuser/a user/b\t{}",
    ] { agent.write(line + "\n") }
    agent.endInput()
    agent.wait()
    #expect(
      agent.lines == [
        "refused 1 unknown-device", "refused 2 unknown-device", "refused 3 bad-option",
        "refused 4 no-payload", "refused 5 bad-topic",
      ],
      "\(agent.output)\(agent.log)"
    )
    #expect(agent.status == 1)
    world.stop()
  }

  @Test func `killed amid logins and reports, nothing is lost and nobody stays offline`() throws {
    let names = (1...8).map { "meter\($0)" }
    let kills = Int(ProcessInfo.processInfo.environment["NBIOT_KILLS"] ?? "") ?? 3
    // The folder has a file with its secret for each of them.
    let world = try world(names, ["sub-devices = \(files.path)", "in-flight = 8"])
    var random = SeededRandom(seed: 7)
    var accepted: Set<String> = []
    for kill in 0..<kills {
      let agent = try world.agent()
      let lines = (0..<6).map { index in
        "\(Self.product)/\(names[Int(random.next() % 8)])\t{\"n\":\"\(kill)-\(index)\"}"
      }
      agent.write(lines.map { $0 + "\n" }.joined())
      usleep(UInt32(random.next() % 600_000))
      agent.signal(SIGKILL)
      agent.wait()
      let count = agent.lines.count { $0.hasPrefix("accepted ") }
      for line in lines.prefix(count) { accepted.insert(String(line.split(separator: "\t")[1])) }
    }
    let last = try world.agent()
    #expect(
      last.wait { $0.log.contains("info sub-devices online=8 of=8\n") },
      "\(last.log)"
    )
    let hasAll = world.simulator.wait { simulator in
      let arrived = simulator.lines.compactMap {
        $0.firstMatch(of: /user\/update qos 1 (\{.*\}) -> PUBACK/).map { String($0.1) }
      }
      return accepted.isSubset(of: arrived)
    }
    #expect(hasAll, "\(accepted.sorted()): \(world.simulator.output)")
    end(last)
    world.stop()
    #expect(accepted.count > kills)
  }

  @Test(arguments: [
    ("sub-device = a1subsubsub", "gateway.conf:6: sub-device: a product key has 1 to 64"),
    ("sub-device = a1subsubsub,m", "gateway.conf:6: sub-device: a product key has 1 to 64"),
    ("sub-device = a1subsubsub,meter1,SECRET,x", "a1subsubsub,meter1,x errno=ENOENT"),
    ("sub-device = a1subsubsub,meter9", "a1subsubsub,meter9 errno=ENOENT"),
    (
      "sub-device = a1subsubsub,meter1\nsub-device = a1subsubsub,meter1",
      "gateway.conf:7: sub-device: it is given twice"
    ),
    (
      "sub-device = a1B2c3D4e5F,device1,SECRET",
      "gateway.conf:6: sub-device: it is the gateway itself"
    ),
    ("sub-devices = /nowhere/it", "/nowhere/it errno=ENOENT"),
    ("sub-devices = LIST", "list.csv:2: sub-device: a product key has 1 to 64"),
    ("sub-devices = FOLDER", "wrong: sub-device: a product key has 1 to 64"),
  ])
  func `an entry that is none is refused with its file and line`(
    lines: String,
    complaint: String
  ) throws {
    let own = try secret("meter1")
    try Data("# list\na1subsubsub;meter1\n".utf8).write(to: files.appending(path: "list.csv"))
    let wrong = files.appending(path: "wrong")
    try FileManager.default.createDirectory(at: wrong, withIntermediateDirectories: true)
    try Data("x\n".utf8).write(to: wrong.appending(path: "a1subsubsub,m"))
    let file = files.appending(path: "gateway.conf")
    let text =
      [
        "product-key = a1B2c3D4e5F", "device-name = device1", "device-secret-file = \(own)",
        "state-directory = \(files.path)/state", "tls = no", lines, "",
      ].joined(separator: "\n")
    try Data(
      text.replacing("SECRET", with: own).replacing("LIST", with: files.path + "/list.csv")
        .replacing("FOLDER", with: wrong.path).utf8
    ).write(to: file)
    let agent = try Program("nbiot-gateway", ["--check", "--config", file.path])
    agent.endInput()
    agent.wait()
    #expect(agent.status == 2 && agent.log.contains(complaint), "\(agent.log)")
  }
}
