// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// The help of one command, as a terminal of 80 columns shows it.
private struct Help {
  let command: [String]
  let lines: [Substring]

  /// What stands behind the first line that announces an example, indented, without lines that go on.
  var examples: [String] {
    var examples: [String] = []
    var goesOn = false
    for line in lines.drop(while: { !$0.hasPrefix("Example") }) {
      guard line.hasPrefix("  ") else { continue }
      if goesOn {
        examples[examples.count - 1] += "\n" + line
      } else {
        examples.append(String(line))
      }
      goesOn = line.hasSuffix("\\")
    }
    return examples
  }

  /// The commands in its list of subcommands.
  var subcommands: [String] {
    guard let start = lines.firstIndex(of: "SUBCOMMANDS:") else { return [] }
    return lines[(start + 1)...].prefix { $0.hasPrefix("  ") }.compactMap {
      $0.firstMatch(of: /^\ \ ([a-z]+)\ \ /).map { String($0.1) }
    }
  }

  static func of(_ command: [String], in scratch: Scratch) throws -> Help {
    let run = try scratch.run(["nbiot"] + command + ["--help"], environment: ["COLUMNS": "80"])
    try #require(run.status == 0, "\(command): \(run.errors)")
    return Help(
      command: command,
      lines: run.output.split(separator: "\n", omittingEmptySubsequences: false)
    )
  }

  /// That of every command there is.
  static func all(in scratch: Scratch) throws -> [Help] {
    var helps = [try of([], in: scratch)]
    var index = 0
    while index < helps.count {
      let parent = helps[index]
      index += 1
      for name in parent.subcommands { helps.append(try of(parent.command + [name], in: scratch)) }
    }
    return helps
  }
}

/// A person who pastes each example of the help into a shell.
///
/// What differs from the help: ports are free ones, and the firmware lies on a server of the test's own, whose
/// authority is named. What says no endpoint goes to the simulator by the environment, not to the platform.
private final class Paster {
  private let scratch: Scratch
  private let server: FirmwareServer
  private let symmetric: RunningSimulator
  private let dtls: RunningSimulator
  /// Where the device has no secret yet.
  private let registrar: RunningSimulator
  /// With MQTT, and a device that answers.
  private let broker: RunningSimulator
  private var device: MQTTClient

  init(_ scratch: Scratch) throws {
    self.scratch = scratch
    server = try FirmwareServer(in: scratch)
    for (name, text) in Self.files { try scratch.write(text, to: name) }
    let devices = try scratch.run([
      "bash", "-c", "umask 077; nbiot fleet devices --devices 10 > devices.csv",
    ])
    try #require(devices.status == 0, "\(devices.errors)")
    let device = ["--port", "0", "--device", "a1B2c3D4e5F,device1,secret.txt"]
    symmetric = try RunningSimulator(
      ["nbiot", "simulate"] + device
        + ["--desired", "power=\"on\"", "--thing-model", "model.json"]
        + ["--firmware-version", "2.0.0", "--firmware-file", "app.bin"]
        + ["--firmware-url", server.address, "--device-list", "devices.csv"],
      in: scratch
    )
    dtls = try RunningSimulator(
      ["nbiot", "simulate", "--security", "dtls", "--certificates", "certificates"] + device,
      in: scratch
    )
    registrar = try RunningSimulator(
      ["nbiot", "simulate", "--security", "dtls", "--certificates", "certificates", "--port", "0"]
        + ["--register", "a1B2c3D4e5F,device1,product.txt", "--mqtts", "0"],
      in: scratch
    )
    broker = try RunningSimulator(
      ["nbiot", "simulate", "--mqtt", "0", "--mqtts", "0", "--certificates", "certificates"]
        + ["--https", "0", "--control", "0", "--sub-device", "a1SubProduct,meter1,meter1.secret"]
        + ["--sub-device", "a1SubProduct,meter2"] + device,
      in: scratch
    )
    self.device = try broker.answeringDevice(in: scratch)
    let authority = try #require(scratch.contents("certificates/ca.pem"))
    try authority.write(to: scratch.url.appending(path: "root.pem"))
  }

  /// Files that examples name.
  private static let files = [
    "secret.txt": Scratch.secret + "\n",
    "sensor1.txt": Scratch.secret + "\n",
    "meter1.secret": "secret of a sub-device\n",
    // That of the server.
    "product.txt": "product secret of the tests\n",
    "agent.conf": """
    product-key = a1B2c3D4e5F
    device-name = device1
    device-secret-file = secret.txt
    state-directory = agent-state
    topic = /a1B2c3D4e5F/device1/user/update
    """,
    "reading.json": #"{"value":1}"#,
    "properties.json": #"{"temperature":{"value":21.5}}"#,
    "password.txt": "password\n",
    "messages.txt": "40017d34bb74656d7065726174757265\n",
    "sub-devices.json": #"""
    {"modelList":[{"profile":{"productKey":"a1Radio"},"properties":[{"identifier":"level","customize":{}}]}],
     "deviceList":[{"productKey":"a1Radio","deviceName":"node"}],
     "tslList":[{"profile":{"productKey":"a1Radio"},"properties":[{"identifier":"level"}]}]}
    """#,
    "model.json": #"""
    {"properties":[
      {"identifier":"temperature","dataType":{"type":"double","specs":{}}},
      {"identifier":"power","dataType":{"type":"text","specs":{"length":"16"}}}],
     "events":[{"identifier":"alarm","outputData":[
      {"identifier":"errorCode","dataType":{"type":"text","specs":{"length":"16"}}}]}]}
    """#,
  ]

  /// Records a report for what looks into captures.
  func record() throws {
    let relay = try DatagramRelay(to: symmetric.port)
    defer { relay.stop() }
    let run = try scratch.run(
      ["nbiot", "publish", "--config", "agent.conf", "--payload", "1"],
      environment: ["NBIOT_ENDPOINT": "127.0.0.1:\(relay.port)"]
    )
    try #require(run.status == 0, "\(run.errors)")
    let capture = Data(CaptureBytes.pcap(linkType: 101, relay.packets))
    try capture.write(to: scratch.url.appending(path: "recorded.pcap"))
  }

  func paste(_ example: String) throws -> Finished {
    if example.contains("nbiot simulate") { return try simulate(example) }
    if example.contains("nbiot register"), !example.contains("new-secret.txt") {
      try FileManager.default.removeItem(at: scratch.url.appending(path: "secret.txt"))
    }
    defer { try? scratch.write(Scratch.secret + "\n", to: "secret.txt") }
    let platform =
      example.contains("--over coap")
      ? registrar : example.contains("--security dtls") ? dtls : symmetric
    let isMQTT = example.contains("register --over mqtt")
    let port = isMQTT ? try registrar.port(of: "mqtts") : platform.port
    let origin = server.address.replacing("/app.bin", with: "")
    let firmware = try #require(scratch.contents("app.bin"))
    let digest = try scratch.run(["md5sum", "app.bin"]).output.prefix(32)
    let text =
      example.withFreeConsole
      .replacing("127.0.0.1:5682", with: "127.0.0.1:\(symmetric.port)")
      .replacing("127.0.0.1:5684", with: "127.0.0.1:\(dtls.port)")
      .replacing("127.0.0.1:8883", with: "127.0.0.1:\(try broker.port(of: "mqtts"))")
      .replacing("127.0.0.1:5690", with: "127.0.0.1:\(try broker.port(of: "control"))")
      .replacing("127.0.0.1:8443", with: "127.0.0.1:\(try broker.port(of: "https"))")
      .replacing("https://example.com/app.bin", with: server.address)
      // A fleet is as large, and runs as long, as a test may.
      .replacing("--devices 1000 ", with: "--devices 10 ")
      .replacing("--devices 10000 ", with: "--devices 10 ")
      .replacing("--days 365 --sample 12", with: "--days 3 --sample 3")
      .replacing("--virtual 24h", with: "--virtual 1h").replacing("--for 5m", with: "--for 3s")
      .replacing("--interval 60s", with: "--interval 1s")
      .replacing("--size 432945", with: "--size \(firmware.count)")
      .replacing("93230c3bde425a9d7984a594ac55ea1e", with: digest)
      .replacing("ota download", with: "ota download --https-ca-file ca.pem")
      .replacing("ota upgrade", with: "ota upgrade --https-ca-file ca.pem")
      .replacing(
        "nbiot register --product-key",
        with:
          "nbiot register --url \(origin)/auth/register/device --https-ca-file ca.pem --product-key"
      )
    let script = "set -euo pipefail\n" + text
    // The one that is thrown out by the examples.
    defer {
      let isOut = text.contains("nbiot broker restart") || example.contains("127.0.0.1:8883")
      if isOut, let new = try? broker.answeringDevice(in: scratch) {
        device = new
      }
    }
    return try scratch.run(
      ["bash", "-c", script],
      environment: ["NBIOT_ENDPOINT": "127.0.0.1:\(port)"]
    )
  }

  /// Runs a simulator until it listens.
  private func simulate(_ example: String) throws -> Finished {
    let text =
      example.withFreeConsole.replacing("--port 5682", with: "")
      .replacing(" 8883", with: " 0").replacing(" 8443", with: " 0").replacing(" 5690", with: " 0")
      .replacing("nbiot simulate", with: "exec nbiot simulate --port 0")
    let log = try RunningSimulator(["bash", "-c", text], in: scratch).stop()
    return Finished(status: 0, output: log, errors: "")
  }

  func end() throws {
    _ = try symmetric.stop()
    _ = try dtls.stop()
    _ = try registrar.stop()
    device.kill()
    _ = try broker.stop()
  }
}

@Suite("Help on a terminal of 80 columns", .timeLimit(.minutes(10)))
struct HelpExampleTests {
  @Test func `no line is longer, and no command lacks an example`() throws {
    let scratch = try Scratch()
    let helps = try Help.all(in: scratch)
    #expect(helps.count > 20, "\(helps.map(\.command))")
    for help in helps {
      for line in help.lines where line.count > 80 { Issue.record("\(help.command): \(line)") }
      #expect(!help.examples.isEmpty, "\(help.command)")
    }
  }

  @Test(arguments: [
    (["publish"], ["--product-key", "--device-name", "--device-secret-file", "--topic"]),
    (["call"], ["<method>", "--product-key", "--device-name", "--device-secret-file"]),
    (["doctor"], ["--product-key", "--device-name", "--device-secret-file"]),
    (["pull"], ["--product-key", "--device-name", "--device-secret-file"]),
    (["ota", "upgrade"], ["--firmware", "--to", "--product-key", "--device-secret-file"]),
    (["ota", "progress"], ["--step", "--product-key", "--device-secret-file"]),
    (["register"], ["--product-key", "--product-secret-file", "--secret-file"]),
    (["sign", "coap"], ["--product-key", "--device-name", "--device-secret-file"]),
    (["simulate"], ["--device"]),
    (["ota", "download"], ["--url", "--size", "--md5", "--sha256", "--to"]),
  ])
  func `the first screen has the options that a person needs`(
    command: [String],
    options: [String]
  ) throws {
    let help = try Help.of(command, in: try Scratch())
    let screen = help.lines.prefix(24)
    for option in options {
      #expect(
        screen.contains { $0.hasPrefix("  \(option) ") || $0 == "  \(option)" },
        "\(option): \(screen.joined(separator: "\n"))"
      )
    }
    // Examples stand whole behind the options, where a person who scrolls no further sees them.
    let section = help.lines.firstIndex(of: "OPTIONS:")
    let example = help.lines.firstIndex { $0.hasPrefix("Example") }
    #expect(section ?? .max < example ?? 0)
  }

  /// A man page indents it by five columns.
  @Test(arguments: ["nbiot-agent", "nbiot-agent-mqtt", "nbiot-agent-https", "nbiot-gateway"])
  func `an agent's help fits into a man page`(program: String) throws {
    let run = try Scratch().run([program, "--help"])
    #expect(run.status == 0 && run.output.contains("--config FILE"), "\(run.errors)")
    for line in run.output.split(separator: "\n") where line.count > 75 {
      Issue.record("\(line.count): \(line)")
    }
  }

  @Test(arguments: [0, 5, 30, 200])
  func `an example is the same on a terminal of another width`(columns: Int) throws {
    let scratch = try Scratch()
    let run = try scratch.run(
      ["nbiot", "publish", "--help"],
      environment: ["COLUMNS": "\(columns)"]
    )
    for example in try Help.of(["publish"], in: scratch).examples {
      #expect(run.output.contains("\n\(example)\n"), "\(run.output)")
    }
  }

  @Test func `each example runs as it was pasted`() throws {
    let scratch = try Scratch()
    let helps = try Help.all(in: scratch)
    let paster = try Paster(scratch)
    try paster.record()
    for help in helps {
      for example in help.examples {
        let run = try paster.paste(example)
        #expect(run.status == 0, "\(help.command):\n\(example)\n\(run.output)\(run.errors)")
      }
    }
    try paster.end()
  }
}
