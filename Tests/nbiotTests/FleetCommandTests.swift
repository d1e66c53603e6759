// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite("A fleet and faults, on the command line")
struct FleetCommandTests {
  @Test(arguments: [
    (["--devices", "0"], "--devices 0 is out of range: it is 1 to 200000"),
    (["--interval", "15"], "--interval 15: it is a time with its unit, 1s to 30d"),
    (["--virtual", "1h", "--for", "1h"], "give one of them"),
    (["--radio", "ecl3"], "--radio ecl3: there are ecl0, ecl1, ecl2 and mix"),
    (["--radio", "ecl0=50%"], "the shares make 50.0%, not 100%"),
    (["--security", "psk=50%,psk=50%"], "psk is given twice"),
    (["--shard", "3/2"], "--shard 3/2: it is K/N, such as 2/8"),
    (["--fault", "dorp=5%"], "--fault dorp=5%: no fault is called that"),
    (["--payload-template", "{}"], "--payload-template has no {n}"),
    (["--payload-template", "5{n}"], "a text that is not all digits"),
    (["--payload-template", "x{n}{random}"], "so that the number's end cannot be found"),
    (["run"], "run is no action: there are merge and devices"),
    (["--target", "127.0.0.1:5682"], "a fleet is a load: give --target-again"),
    (["--target", "127.0.0.1:1", "--target-again", "127.0.0.1:2"], "a fleet is a load"),
    (
      ["--target", "127.0.0.1:1", "--target-again", "127.0.0.1:1", "--fault", "drop"],
      "another one has nbiot fault"
    ),
    (
      ["--target", "127.0.0.1:1", "--target-again", "127.0.0.1:1", "--security", "mix"],
      "a port has one protection"
    ), (["merge"], "merge needs the files"),
    (["--virtual", "1h", "--console", "0"], "give --for in place of --virtual"),
    (["--console", "127.0.0.1"], "--console 127.0.0.1: it is a port"),
    (["--console", "localhost.example:0"], "--console localhost.example:0: it is a port"),
    (["--console", "256.1.1.1:0"], "--console 256.1.1.1:0: it is a port"),
    (["--assume", "moved-device=old"], "--assume moved-device is same, new; not old"),
    (["--assume", "mqtt-refused-publish=closed"], "is not about CoAP"),
    (
      ["--target", "127.0.0.1:1", "--target-again", "127.0.0.1:1", "--assume", "moved-device=new"],
      "another one has nbiot fault and `nbiot simulate --assume`"
    ),
    (["--transport", "mqtt"], "Paho, the library for MQTT, has threads and a clock of its own"),
    (["--transport", "https"], "nbiot publish --transport https"),
    (
      ["--target", "127.0.0.1:1", "--target-again", "127.0.0.1:1", "--console", "0"],
      "has `nbiot simulate --console`"
    ),
  ])
  func `a wrong value is refused with the range`(options: [String], reason: String) async throws {
    let run = try await nbiot(["fleet"] + options)
    #expect(run.status == 2 && run.output.isEmpty)
    #expect(run.errors.contains(reason), "\(run.errors)")
  }

  @Test func `a fleet runs in simulated time, and its parts are put together`() async throws {
    let folder = try DTLSCommandTests.Folder()
    let fleet = ["fleet", "--devices", "6", "--virtual", "5m", "--radio", "mix"]
    let whole = try await nbiot(fleet)
    #expect(whole.status == 0, "\(whole.errors)")
    #expect(whole.output.contains("reports: 30 made, 30 delivered, 0 refused, 0 waiting"))
    #expect(whole.output.contains("by the platform's record: 30 taken, 0 lost, 0 double"))
    var files: [String] = []
    for part in ["1/2", "2/2"] {
      let run = try await nbiot(fleet + ["--shard", part, "--output", "json"])
      files.append(folder.path("part\(files.count).json"))
      try Data(run.output.utf8).write(to: URL(filePath: files[files.count - 1]))
    }
    let merged = try await nbiot(["fleet", "merge"] + files)
    #expect(merged.status == 0 && merged.errors.isEmpty, "\(merged.errors)")
    #expect(merged.output.contains("reports: 30 made, 30 delivered"))
    let half = try await nbiot(["fleet", "merge", files[1]])
    #expect(half.status == 0)
    #expect(half.errors.contains("1 of 2 parts is missing, the first is 1/2"), "\(half.errors)")
    for options in [
      ["--fault", "drop=50%"], ["--radio", "ecl2"], ["--security", "psk"], ["--ramp", "30s"],
      ["--settle", "1h"], ["--payload-template", "x{n}"], ["--devices", "8"], ["--virtual", "4m"],
      ["--assume", "moved-device=new"],
    ] {
      let name = options[0]
      let position = fleet.firstIndex(of: name)
      var changed = fleet
      if let position { changed[position + 1] = options[1] } else { changed += options }
      let run = try await nbiot(changed + ["--shard", "2/2", "--output", "json"])
      let file = folder.path("other.json")
      try Data(run.output.utf8).write(to: URL(filePath: file))
      let refused = try await nbiot(["fleet", "merge", files[0], file])
      #expect(refused.status == 2, "\(options)")
      #expect(
        refused.errors.contains("is of another fleet: it differs in \(name)\n"),
        "\(refused.errors)"
      )
    }
    let twice = try await nbiot(["fleet", "merge", files[0], files[0]])
    #expect(twice.status == 2 && twice.errors.contains("part 1/2 is there already"))
    let other = try await nbiot(fleet + ["--seed", "2", "--output", "json"])
    try Data(other.output.utf8).write(to: URL(filePath: files[1]))
    let refused = try await nbiot(["fleet", "merge"] + files)
    #expect(refused.status == 2 && refused.errors.contains("is of another fleet"))
  }

  @Test func `a scenario that does not hold ends with 1, and a bad one with 2`() async throws {
    let folder = try DTLSCommandTests.Folder()
    let file = folder.path("scenario.toml")
    let text = """
      [[fault]]
      at = "0s"
      fault = "drop"
      [[expect]]
      measure = "delivered"
      at-least = 1
      """
    try Data(text.utf8).write(to: URL(filePath: file))
    let fleet = [
      "fleet", "--devices", "2", "--virtual", "2m", "--settle", "1m", "--scenario", file,
    ]
    let failed = try await nbiot(fleet)
    #expect(failed.status == 1, "\(failed.errors)")
    #expect(failed.errors.contains("delivered is 0, at least 1 was expected"))
    // A part is not measured by what the whole is to deliver; the parts put together are.
    var parts: [String] = []
    for part in ["1/2", "2/2"] {
      let run = try await nbiot(fleet + ["--shard", part, "--output", "json"])
      #expect(run.status == 0 && run.errors.contains("is checked by nbiot fleet merge"))
      parts.append(folder.path("part\(parts.count).json"))
      try Data(run.output.utf8).write(to: URL(filePath: parts[parts.count - 1]))
    }
    let merged = try await nbiot(["fleet", "merge"] + parts)
    #expect(merged.status == 1, "\(merged.errors)")
    #expect(merged.errors.contains("delivered is 0, at least 1 was expected"))
    let half = try await nbiot(["fleet", "merge", parts[0]])
    #expect(half.status == 1 && half.errors.contains("cannot be checked without the missing parts"))
    let late = try await nbiot([
      "fleet", "--devices", "2", "--virtual", "1h", "--scenario", "region-outage",
    ])
    #expect(late.status == 2 && late.errors.contains("begins 7200 s after the start"))
    try Data("name = \"empty\"\n".utf8).write(to: URL(filePath: file))
    let empty = try await nbiot(fleet)
    #expect(empty.status == 2 && empty.errors.contains("neither [[fault]] nor [[expect]]"))
    try Data(text.replacing("drop", with: "dorp").utf8).write(to: URL(filePath: file))
    let bad = try await nbiot(fleet)
    #expect(bad.status == 2)
    #expect(bad.errors.contains("scenario.toml, line 3: dorp: no fault is called that"))
  }

  @Test func `a fault that can happen to nobody is remarked upon`() async throws {
    let fleet = ["fleet", "--devices", "2", "--virtual", "1m"]
    for fault in [
      "drop,device=metre*", "answer=5.00,topic=/sys/*/get", "answer=4.03,on=auth,topic=/sys/*",
      "answer=5.00,on=pull", "answer=5.00,on=register", "answer=30001",
    ] {
      let run = try await nbiot(fleet + ["--fault", fault])
      #expect(run.status == 0 && run.errors.contains("happens to nobody"), "\(fault)")
    }
    for fault in ["delay=1s,device=meter000001", "answer=5.00,times=1,topic=/sys/*/post"] {
      #expect(try await nbiot(fleet + ["--fault", fault]).errors.isEmpty, "\(fault)")
    }
  }

  @Test func `more faults than a platform keeps are refused, and none is left out`() async throws {
    let folder = try DTLSCommandTests.Folder()
    let file = folder.path("scenario.toml")
    let text = String(repeating: "[[fault]]\nat = \"0s\"\nfault = \"drop=1%\"\n", count: 1_000)
    try Data(text.utf8).write(to: URL(filePath: file))
    let fleet = [
      "fleet", "--devices", "1", "--virtual", "1m", "--settle", "0s", "--scenario", file,
    ]
    #expect(try await nbiot(fleet).status == 0)
    let both = try await nbiot(fleet + ["--fault", "drop"])
    #expect(
      both.status == 2 && both.errors.contains("have over 1000 faults at once"),
      "\(both.errors)"
    )
    // Each is over when the next one begins.
    let brief = (0..<1_001).map {
      "[[fault]]\nat = \"\($0 * 10)ms\"\nfault = \"drop=1%,for=10ms\"\n"
    }
    try Data(brief.joined().utf8).write(to: URL(filePath: file))
    #expect(try await nbiot(fleet).status == 0)
    let options = (0...1_000).flatMap { _ in ["--fault", "drop=1%"] }
    for command in ["fleet", "simulate"] {
      let run = try await nbiot([command] + options)
      #expect(run.status == 2)
      #expect(run.errors.contains("--fault names 1001 faults: 1000 are the most"), "\(run.errors)")
    }
  }

  @Test func `a device that the platform would not take, and parts without devices, are named`()
    async throws
  {
    let folder = try DTLSCommandTests.Folder()
    let list = folder.path("devices.csv")
    try writeSecret("a1B2c3D4e5F,meter1,secret\na1B2c3D4e5F,a b,secret\n", to: URL(filePath: list))
    let fleet = ["fleet", "--virtual", "5m", "--device-list", list]
    let wrong = try await nbiot(fleet)
    #expect(wrong.status == 2 && wrong.errors.contains("the device a1B2c3D4e5F,a b"))
    let parts = try await nbiot(fleet + ["--shard", "3/3"])
    #expect(
      parts.status == 2
        && parts.errors.contains("--shard 3/3: there are 3 parts, and the list has only 2 devices")
    )
  }

  @Test(arguments: [SIGINT, SIGTERM])
  func `a signal ends it with the summary`(number: Int32) throws {
    let fleet = nbiotTests.process([
      "fleet", "--devices", "2", "--interval", "1s", "--for", "1h", "--console", "0",
    ])
    let (output, errors) = (Pipe.ofChild(), Pipe.ofChild())
    fleet.standardOutput = output
    fleet.standardError = errors
    let log = OutputLines(errors)
    try fleet.start()
    _ = try log.next { $0.hasPrefix("console at ") }
    kill(fleet.processIdentifier, number)
    let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
    fleet.waitUntilExit()
    let text = String(decoding: bytes, as: UTF8.self)
    #expect(text.hasPrefix("2 devices (2 symmetric; 2 ECL 0)"), "\(text)")
    #expect(text.contains("by the platform's record: "), "\(text)")
    #expect(fleet.terminationReason == .uncaughtSignal && fleet.terminationStatus == number)
  }

  @Test func `devices that start too late to report are remarked upon`() async throws {
    let run = try await nbiot(["fleet", "--devices", "4", "--virtual", "1m", "--ramp", "2m"])
    #expect(run.status == 0 && run.output.contains("reports: 2 made, 2 delivered"))
    #expect(run.errors.contains("2 of 4 devices start after the time of the reports and make none"))
  }

  @Test func `a template's file that is missing is a usage error`() async throws {
    let run = try await nbiot(["fleet", "--payload-template", "@/nonexistent", "--virtual", "1h"])
    #expect(run.status == 2 && run.errors.hasPrefix("nbiot: "), "\(run.errors)")
    #expect(run.errors.contains("/nonexistent"))
  }

  @Test func `a target where nobody listens ends with 4`() async throws {
    let run = try await nbiot([
      "fleet", "--devices", "1", "--interval", "1s", "--for", "1s", "--settle", "1s", "--target",
      "127.0.0.1:9", "--target-again", "127.0.0.1:9",
    ])
    #expect(run.status == 4, "\(run.errors)")
    #expect(run.errors.contains("does a platform listen at 127.0.0.1:9"))
  }

  @Test func `a fleet loads a simulator in another program, whose log has every report`()
    async throws
  {
    let folder = try DTLSCommandTests.Folder()
    let list = folder.path("devices.csv")
    let devices = try await nbiot(["fleet", "devices", "--devices", "3"])
    #expect(devices.output.hasPrefix("a1B2c3D4e5F,meter000000,"))
    try writeSecret(devices.output, to: URL(filePath: list))
    let simulator = try Simulator(["--device-list", list, "--any-topic"])
    let place = "127.0.0.1:\(simulator.port)"
    let run = try await nbiot([
      "fleet", "--device-list", list, "--target", place, "--target-again", place, "--for", "2s",
      "--interval", "1s", "--ramp", "1s", "--settle", "2m",
    ])
    #expect(run.status == 0, "\(run.errors)")
    #expect(
      run.output.contains("reports: 6 made, 6 delivered, 0 refused, 0 waiting"),
      "\(run.output)"
    )
    #expect(run.output.contains("what the platform has taken is in its own log"))
    let log = try simulator.stop().log
    let lines = log.split(separator: "\n")
    for name in ["meter000000", "meter000001", "meter000002"] {
      for number in 1...2 {
        #expect(
          lines.contains {
            $0.contains("/\(name)/thing/event/property/post")
              && $0.contains("\"id\":\"\(number)\"")
          },
          "\(name) \(number): \(log)"
        )
      }
    }
    try Data("a,b\n".utf8).write(to: URL(filePath: list))
    let bad = try await nbiot(["simulate", "--device-list", list])
    #expect(
      bad.status == 2 && bad.errors.contains("line 1: it is not PRODUCTKEY,DEVICENAME,SECRET")
    )
  }

  @Test func `faults are added to a simulator while it runs, listed and removed`() async throws {
    let simulator = try BrokerSimulator(
      ["--fault", "answer=4.29,max-age=1,on=auth,times=1"],
      transports: []
    )
    func fault(_ words: String...) async throws -> Run {
      try await nbiot(["fault"] + words + ["--at", simulator.control])
    }
    func publish() async throws -> Run {
      try await nbiot(
        [
          "publish", "--endpoint", "127.0.0.1:\(simulator.ports["coap"] ?? 0)", "--product-key",
          BrokerSimulator.productKey, "--device-name", "device1", "--topic",
          "/\(BrokerSimulator.productKey)/device1/user/update", "--timing", "standard",
        ],
        input: "{}\n",
        environment: ["NBIOT_DEVICE_SECRET": BrokerSimulator.secret]
      )
    }
    #expect(try await fault("list").output.contains("1 answer=4.29,on=auth,max-age=1,times=1"))
    #expect(try await publish().errors.contains("4.29"))
    let added = try await fault("add", "answer=5.01,on=report,times=1,device=device1")
    #expect(added.status == 0 && added.output == "added as number 2\n", "\(added.errors)")
    let refused = try await publish()
    #expect(refused.status == 1 && (refused.output + refused.errors).contains("5.01"))
    #expect(try await publish().status == 0)
    #expect(try await fault("add", "drop=100%").output == "added as number 3\n")
    #expect(try await fault("add", "forget").output == "done\n")
    #expect(try await fault("remove", "3").output == "removed\n")
    #expect(try await fault("remove", "3").status == 1)
    #expect(try await fault("remove", "all").status == 0)
    #expect(try await fault("list").errors.contains("there are no faults"))
    #expect(try await publish().status == 0)
    #expect(try await fault("add", "dorp").status == 2)
    try simulator.stop()
  }

  /// What `nbiot fault list` says to an answer.
  private func list(_ answer: String) async throws -> Run {
    let (listener, port) = try LoopbackSocket.takenPort()
    defer { close(listener) }
    let run = try StartedRun(["fault", "list", "--at", "\(port)"])
    var limit = timeval(tv_sec: 60, tv_usec: 0)
    let size = socklen_t(MemoryLayout<timeval>.size)
    _ = unsafe setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
    let connection = accept(listener, nil, nil)
    try #require(connection >= 0)
    defer { close(connection) }
    let bytes = Array(answer.utf8)
    // A program that has ended is no reason to end the test.
    _ = unsafe send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    return try run.end()
  }

  @Test func `an answer that no simulator gives is shown, whatever numbers it has`() async throws {
    let times = [(Int64.max, "9223372036854776"), (.min, "0"), (-1, "0"), (1, "1"), (1_001, "2")]
    for (time, seconds) in times {
      let fault = #"{"id":1,"fault":"drop","count":-1,"milliseconds":\#(time)}"#
      let run = try await list(#"{"outcome":"done","faults":[5,null,\#(fault)]}"# + "\n")
      #expect(run.status == 0 && run.output.contains("1 drop: "), "\(run.output)")
      #expect(run.output.hasSuffix(", \(seconds) s left\n"), "\(run.output)")
    }
    let other = try await list("SSH-2.0-other\n")
    #expect(other.status == 4 && other.errors.contains("is no simulator's control socket"))
  }

  @Test func `a port where somebody listens and says nothing ends with 4`() async throws {
    let (listener, port) = try LoopbackSocket.takenPort()
    defer { close(listener) }
    // The system connects before anybody accepts. It takes half a minute.
    let run = try await nbiot(["fault", "list", "--at", "\(port)"])
    #expect(run.status == 4 && run.output.isEmpty, "\(run.output)")
    #expect(run.errors.contains("what listens at \(port) does not answer"), "\(run.errors)")
  }
}
