// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite(
  "Sub-devices behind the gateway's agent (device guide 5, 6.4 and 6.5)",
  .enabled(if: hasBroker),
  .serialized,
  .timeLimit(.minutes(15))
)
final class SubDeviceTests: SubDeviceBench {
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

  @Test func `with --once own lines go although reports of an unknown device wait`() throws {
    let list = ["sub-device = \(Self.product),meter1,\(files.path)/\(Self.product),meter1"]
    let world = try world(["meter1"], added: [], list)
    let first = try world.agent(["--once"])
    first.write("\(Self.product)/meter1\t{\"a\":1}\n")
    first.endInput()
    first.wait()
    #expect(first.status == 4, "\(first.output)\(first.log)")
    try world.configure(["retry = 1", "retry-limit = 1"])
    let second = try world.agent(["--once"])
    // The outbox has been gone through by then.
    #expect(second.wait { $0.log.contains("reports-of-unknown-device") }, "\(second.log)")
    usleep(200_000)
    second.write("{\"a\":2}\n")
    second.endInput()
    second.wait()
    #expect(second.lines == ["accepted 2", "delivered 2"], "\(second.output)\(second.log)")
    #expect(second.status == 4, "\(second.log)")
    world.stop()
  }

  @Test func `nbiot does not throw out the gateway that runs`() throws {
    let world = try world(
      ["meter1"],
      ["sub-device = \(Self.product),meter1,\(files.path)/\(Self.product),meter1"]
    )
    let agent = try world.agent()
    #expect(agent.wait { $0.log.contains("info sub-devices online=1 of=1") }, "\(agent.log)")
    for command in [["gateway", "list"], ["listen", "--max-wait", "1"]] {
      let run = try Program("nbiot", command + ["--config", world.configuration.path])
      run.wait()
      #expect(run.status == 6, "\(command): \(run.output)\(run.log)")
      #expect(run.log.contains("runs, and a second connection"), "\(run.log)")
      #expect(run.log.contains("stop it first"), "\(run.log)")
    }
    #expect(!agent.log.contains("disconnected"), "\(agent.log)")
    end(agent)
    let list = try Program("nbiot", ["gateway", "list", "--config", world.configuration.path])
    list.wait()
    #expect(list.status == 0, "\(list.output)\(list.log)")
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

  @Test func `with --once those log in whose reports wait, and it ends when nothing can be sent`()
    throws
  {
    // The folder has a file with its secret for each of them.
    let world = try world(
      ["meter1", "meter2", "meter3"],
      added: ["meter1", "meter2"],
      ["sub-devices = \(files.path)"]
    )
    func run(_ lines: [String]) throws -> Program {
      let agent = try world.agent(["--once"])
      agent.write(lines.map { $0 + "\n" }.joined())
      agent.endInput()
      agent.wait()
      return agent
    }
    var logins: [String] {
      world.simulator.lines.compactMap {
        $0.firstMatch(of: /combine\/login qos 0 .*"deviceName":"([a-z0-9]+)"/).map { String($0.1) }
      }
    }
    // Again and again, as it was found to end with the login.
    for round in 1...3 {
      let id = 2 * round - 1
      let first = try run(["meter1", "meter1"].map { "\(Self.product)/\($0)\t{\"a\":\(round)}" })
      #expect(first.status == 0, "\(first.output)\(first.log)")
      #expect(
        Set(first.lines.suffix(2)) == ["delivered \(id)", "delivered \(id + 1)"],
        "\(first.output)"
      )
    }
    #expect(logins == ["meter1", "meter1", "meter1"])
    // One that is refused holds up neither another one nor the gateway's own.
    let second = try run([
      "\(Self.product)/meter3\t{\"b\":1}", "{\"own\":1}", "\(Self.product)/meter2\t{\"b\":2}",
    ])
    #expect(second.status == 4, "\(second.output)\(second.log)")
    #expect(Set(second.lines.suffix(2)) == ["delivered 8", "delivered 9"], "\(second.output)")
    #expect(second.log.contains("meter3 reason=code code=6401 given-up\n"), "\(second.log)")
    #expect(Set(logins.suffix(2)) == ["meter3", "meter2"])
    // What it has left does not keep the next run from anything.
    let third = try run(["\(Self.product)/meter1\t{\"c\":1}"])
    #expect(third.status == 4)
    #expect(third.lines.suffix(1) == ["delivered 10"], "\(third.output)\(third.log)")
    try add("meter3", in: world)
    let last = try run([])
    #expect(last.status == 0 && last.lines == ["delivered 7"], "\(last.output)\(last.log)")
    world.stop()
  }

  @Test func `with --once it ends where there is no platform`() throws {
    let world = try world(["meter1"], ["sub-devices = \(files.path)"])
    world.stop()
    let agent = try world.agent(["--once"])
    agent.write("\(Self.product)/meter1\t{\"a\":1}\n")
    agent.endInput()
    agent.wait()
    #expect(agent.status == 4, "\(agent.output)\(agent.log)")
    #expect(agent.lines == ["accepted 1"])
  }

  @Test func `one that is not let in has half of the outbox, and the others the rest`() throws {
    let world = try world(
      ["meter1", "meter2"],
      added: ["meter2"],
      ["sub-devices = \(files.path)", "outbox-bytes = 8192"]
    )
    let agent = try world.agent()
    #expect(
      agent.wait { $0.log.contains("meter1 reason=code code=6401 given-up\n") },
      "\(agent.log)"
    )
    for index in 0..<120 { agent.write("\(Self.product)/meter1\t{\"a\":\(index)}\n") }
    for index in 0..<120 {
      agent.write("\(Self.product)/meter2\t{\"b\":\(index)}\n{\"own\":\(index)}\n")
    }
    #expect(
      agent.wait { $0.lines.count { $0.hasPrefix("delivered ") } == 240 },
      "\(agent.output)\(agent.log)"
    )
    let refused = agent.lines.count {
      $0.hasPrefix("refused ") && $0.hasSuffix(" sub-device-offline")
    }
    #expect((60..<120).contains(refused), "\(agent.output)")
    let warning = "warning sub-device-share \(Self.product)/meter1\n"
    #expect(agent.log.components(separatedBy: warning).count == 2, "\(agent.log)")
    // What is left waits for somebody: the end of input is the end.
    agent.endInput()
    agent.wait()
    #expect(agent.status == 4)
    world.stop()
  }

  @Test func `reports of one that was taken out are told, and hold up nothing`() throws {
    let entry = "sub-device = \(Self.product),meter1,\(files.path)/\(Self.product),meter1"
    let world = try world(["meter1", "meter2"], added: ["meter2"], [entry])
    let agent = try world.agent()
    agent.write("\(Self.product)/meter1\t{\"a\":1}\n")
    #expect(agent.wait { $0.lines == ["accepted 1"] })
    end(agent)
    try world.configure([entry.replacing("meter1", with: "meter2")])
    let next = try world.agent()
    #expect(
      next.wait { $0.log.contains("warning reports-of-unknown-device \(Self.product)/meter1\n") },
      "\(next.log)"
    )
    next.write("\(Self.product)/meter2\t{\"a\":2}\n")
    next.endInput()
    next.wait()
    #expect(next.lines == ["accepted 2", "delivered 2"], "\(next.output)\(next.log)")
    #expect(next.status == 4)
    // It is kept for the day when it is a sub-device again.
    try add("meter1", in: world)
    try world.configure([entry])
    let last = try world.agent(["--once"])
    last.endInput()
    last.wait()
    #expect(last.lines == ["delivered 1"] && last.status == 0, "\(last.output)\(last.log)")
    world.stop()
  }

  @Test func `one that is disabled answers, and comes back when it is enabled`() throws {
    let world = try world(["meter1"], ["sub-devices = \(files.path)"])
    let agent = try world.agent()
    #expect(agent.wait { $0.log.contains("info sub-devices online=1 of=1\n") }, "\(agent.log)")
    #expect(
      world.simulator.wait {
        $0.output.contains("SUBSCRIBE /sys/\(Self.product)/meter1/thing/enable")
      }
    )
    usleep(200_000)
    func push(_ kind: String) throws -> Program {
      let push = try Program(
        "nbiot",
        [
          "push", kind, "--at", world.control, "--product-key", Self.product, "--device-name",
          "meter1", "--output", "json",
        ]
      )
      push.wait()
      return push
    }
    let disable = try push("disable")
    #expect(disable.status == 0, "\(disable.output)\(disable.log)")
    #expect(disable.output.contains(#""outcome":"answered""#), "\(disable.output)")
    #expect(
      agent.wait { $0.log.contains("meter1 reason=code code=522 given-up\n") },
      "\(agent.log)"
    )
    agent.write("\(Self.product)/meter1\t{\"a\":1}\n")
    let enable = try push("enable")
    #expect(enable.status == 0, "\(enable.output)\(enable.log)")
    #expect(agent.wait { $0.output.contains("delivered 1\n") }, "\(agent.output)\(agent.log)")
    end(agent)
    // Nobody is there to be told, and it is done all the same.
    let again = try push("disable")
    #expect(again.status == 0 && again.output.contains(#""outcome":"kept""#), "\(again.output)")
    world.stop()
  }

  @Test func `a directory's other files are passed over`() throws {
    let world = try world(["meter1"], ["sub-devices = \(files.path)"])
    for name in ["README", "\(Self.product),meter1~", ".hidden,meter2"] {
      try Data("x\n".utf8).write(to: files.appending(path: name))
    }
    let agent = try world.agent()
    #expect(agent.wait { $0.log.contains("info sub-devices online=1 of=1\n") }, "\(agent.log)")
    end(agent)
    world.stop()
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
    ("sub-devices = FOLDER", "wrong/a1subsubsub,m: sub-device: a product key has 1 to 64"),
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
