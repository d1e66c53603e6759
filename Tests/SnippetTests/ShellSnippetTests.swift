// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// A person who follows pages from their start to their end, in a folder where `.build` is this build.
///
/// What differs from them: ports are free ones, `make` says what it would do, `cc` links Swift's library, whose archives
/// those of this build need, `sudo tcpdump` gives what a relay has recorded, and the real platform is the simulator.
private final class Reader {
  let scratch: Scratch
  /// By each port that the pages name: who has it, and what for.
  private var servers: [Int: (simulator: RunningSimulator, name: String?)] = [:]
  /// Variables that earlier snippets have set.
  private var definitions: [Substring] = []

  init() throws {
    scratch = try Scratch()
    var links = [
      ".build/debug": Place.build,
      // The same program as it is built for a module.
      ".build-agent/x86_64/nbiot-agent": Place.build.appending(path: "nbiot-agent"),
      "packaging": Place.repository.appending(path: "packaging"),
    ]
    for transport in ["", "-mqtt", "-https"] {
      let folder = ".build-agent/x86_64\(transport)-library"
      let archive = "libnbiot-device\(transport).a"
      links["\(folder)/nbiot_device.h"] =
        Place.repository.appending(path: "Sources/CDevice/nbiot_device.h")
      if !transport.isEmpty { links["\(folder)/\(archive)"] = Place.build.appending(path: archive) }
    }
    for (name, target) in links {
      let link = scratch.url.appending(path: name)
      try FileManager.default.createDirectory(
        at: link.deletingLastPathComponent(),
        withIntermediateDirectories: true
      )
      try FileManager.default.createSymbolicLink(at: link, withDestinationURL: target)
    }
  }

  /// Does what a snippet says; what was printed, and nothing for a simulator that runs from then on.
  func follow(_ snippet: Snippet) throws -> Finished? {
    defer { definitions += snippet.lines.filter { $0.contains(/^[a-z_]+=/) } }
    guard snippet.simulatorPorts == nil else {
      try simulate(snippet)
      return nil
    }
    if snippet.text.contains("libnbiot-device.a") {
      try Compiler(scratch: scratch).archive(".build-agent/x86_64-library/libnbiot-device.a")
    }
    var text = snippet.text
    definitions = try definitions.map { Substring(try withFreePorts(String($0))) }
    text = try withFreePorts(text)
    // Somebody has to answer.
    let device =
      text.contains("nbiot push")
      ? try servers.values.first { $0.name == "mqtt" }?.simulator.answeringDevice(in: scratch) : nil
    defer { device?.kill() }
    // Without an endpoint it is the real platform's.
    let isReal = snippet.prose.contains("real platform\n") && text.contains("nbiot publish")
    let endpoint = try isReal ? "127.0.0.1:\(#require(try freePort(for: 5_682)))" : nil
    return try scratch.run(
      ["bash", "-c", script(text)],
      environment: endpoint.map { ["NBIOT_ENDPOINT": $0] } ?? [:]
    )
  }

  private func simulate(_ snippet: Snippet) throws {
    let named = try #require(snippet.simulatorPorts)
    var text = snippet.text
    for (number, name) in named {
      text.replace("--\(name ?? "port") \(number)", with: "--\(name ?? "port") 0")
    }
    text = text.withFreeConsole
    if !text.contains("--port ") { text.replace("nbiot simulate", with: "nbiot simulate --port 0") }
    // So that the process is the simulator's.
    text.replace(".build/debug/nbiot simulate", with: "exec .build/debug/nbiot simulate")
    let simulator = try RunningSimulator(["bash", "-c", script(text)], in: scratch)
    for (number, name) in named { servers[number] = (simulator, name) }
  }

  /// The port that stands for one of the pages'.
  private func freePort(for number: Int) throws -> UInt16? {
    guard let (simulator, name) = servers[number] else { return nil }
    return try name.map(simulator.port(of:)) ?? simulator.port
  }

  private func withFreePorts(_ text: String) throws -> String {
    var result = text.withFreeConsole
    for number in servers.keys {
      for separator in [":", " "] where text.contains("127.0.0.1\(separator)\(number)") {
        let port = try #require(try freePort(for: number))
        result.replace("127.0.0.1\(separator)\(number)", with: "127.0.0.1\(separator)\(port)")
      }
    }
    return result
  }

  private func script(_ text: String) -> String {
    (["set -eu"] + definitions + [Substring(text)]).joined(separator: "\n")
  }

  /// Lets the device report through a relay, for a capture.
  func record() throws {
    let port = try #require(try freePort(for: 5_682), "no simulator has been started yet")
    let relay = try DatagramRelay(to: port)
    defer { relay.stop() }
    let run = try scratch.run([
      "nbiot", "publish", "--endpoint", "127.0.0.1:\(relay.port)", "--product-key", "a1B2c3D4e5F",
      "--device-name", "device1", "--device-secret-file", "secret.txt", "--topic",
      "/a1B2c3D4e5F/device1/user/update", "--payload", #"{"value":1}"#,
    ])
    try #require(run.status == 0, "\(run.errors)")
    let capture = CaptureBytes.pcap(linkType: 101, relay.packets)
    try Data(capture).write(to: scratch.url.appending(path: "recorded.pcap"))
  }

  func end() throws {
    for (simulator, name) in servers.values where name == nil { _ = try simulator.stop() }
    servers = [:]
  }
}

extension Snippet {
  /// The ports of the simulator that a snippet starts, each with its option, or without one that of CoAP; nil if it
  /// starts none.
  fileprivate var simulatorPorts: [Int: String?]? {
    guard text.contains("nbiot simulate") else { return nil }
    var ports: [Int: String?] = [:]
    for match in text.matches(of: /--(port|mqtt|mqtts|ws|wss|https|control) ([0-9]+)/) {
      guard let number = Int(match.2) else { continue }
      ports[number] = .some(match.1 == "port" ? nil : String(match.1))
    }
    if !text.contains("--port ") {
      ports[text.contains("--security dtls") ? 5_684 : 5_682] = .some(nil)
    }
    return ports
  }
}

@Suite("The shell snippets of README.md and docs/, one after the other", .timeLimit(.minutes(10)))
struct ShellSnippetTests {
  /// What another run prints otherwise.
  private static func comparable(_ text: String) -> String {
    var text = text
    for pattern in [
      #""messageID":"[0-9a-f]+""#, #""milliseconds":[0-9]+"#, #"\bms=[0-9]+"#, #"\bid=[0-9a-f]+"#,
      #"\bin [0-9]+ ms"#, #"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]+Z"#, #"[0-9]+\.[0-9]{6} s"#,
      #"[0-9.]+:[0-9]+ -> [0-9.]+:[0-9]+"#, #"message ID [0-9]+"#, #"token [0-9a-f]{8}"#,
      #""[0-9A-Za-z]{30}\.[0-9a-f]{4}""#, #"\b[0-9a-f]{32}\b"#, #"0000( [0-9a-f]{2}){16}  .{16}"#,
    ] {
      guard let expression = try? Regex(pattern) else { preconditionFailure("\(pattern) is none") }
      text.replace(expression, with: "…")
    }
    return text
  }

  /// Whether what a snippet printed holds what the page shows, where `…` stands for anything in a line.
  private static func expect(_ run: Finished, shows shown: String, _ place: String) {
    var rest = Substring(comparable(run.output))
    let parts = comparable(shown).split(separator: "…", omittingEmptySubsequences: false)
    for (index, part) in parts.enumerated() {
      guard let found = rest.firstRange(of: part),
        index == 0 || !rest[..<found.lowerBound].contains("\n")
      else {
        Issue.record("\(place): no “\(part)” in: \(run.output)\(run.errors)")
        return
      }
      rest = rest[found.upperBound...]
    }
  }

  /// Pages that go on where another one ends.
  private static let continued = ["docs/simulator.md", "docs/https.md", "docs/mqtt.md"]

  private static let walks: [[String]] =
    ([["README.md"], continued] + pages.filter { !continued.contains($0) }.map { [$0] })

  /// The pages of docs/ that have a snippet for a shell.
  private static let pages: [String] = {
    let names = try? FileManager.default.contentsOfDirectory(
      atPath: Place.repository.appending(path: "docs").path
    )
    return (names ?? []).filter { $0.hasSuffix(".md") }.map { "docs/\($0)" }.sorted().filter {
      page in
      (try? Place.page(page))?.contains { $0.language != "text" && $0.language != "swift" } ?? true
    }
  }()

  /// Runs the simulator that docs/ expect.
  private static func begin(_ reader: Reader) throws {
    let start = try Place.page("README.md").first { $0.text.contains("nbiot simulate") }
    #expect(try reader.follow(#require(start)) == nil)
  }

  @Test func `no two simulators have one port`() throws {
    var ports: [Int] = []
    for page in ["README.md"] + Self.pages {
      for snippet in try Place.page(page) { ports += (snippet.simulatorPorts ?? [:]).keys }
    }
    #expect(ports.count >= 8)
    #expect(Set(ports).count == ports.count, "\(ports.sorted())")
  }

  @Test(arguments: walks)
  func `each one runs, and prints what the page shows`(pages: [String]) throws {
    let reader = try Reader()
    if pages != ["README.md"] { try Self.begin(reader) }
    var (runs, compared) = (0, 0)
    for page in pages {
      let counts = try follow(page, with: reader)
      (runs, compared) = (runs + counts.runs, compared + counts.compared)
    }
    try reader.end()
    print(
      "\(pages.joined(separator: ", ")): \(runs) shell snippets run, \(compared) outputs compared"
    )
  }

  private func follow(_ page: String, with reader: Reader) throws -> (runs: Int, compared: Int) {
    var (runs, compared) = (0, 0)
    var last: (snippet: Snippet, run: Finished)?
    for snippet in try Place.page(page) {
      let place = "\(page), line \(snippet.line)"
      switch snippet.language {
      case "sh":
        // Behind it: "prints `test123`."
        if let last, let word = snippet.prose.firstMatch(of: /^\n?prints `([^`]+)`/)?.1 {
          Self.expect(last.run, shows: String(word), "\(page), before line \(snippet.line)")
          compared += 1
        }
        if snippet.text.contains("tcpdump") { try reader.record() }
        var run = try reader.follow(snippet)
        if let run { #expect(run.status == 0, "\(place): \(run.output)\(run.errors)") }
        if snippet.text.contains("nbiot doctor"), page != "README.md" {
          run = try withAnotherSecret(reader) { try reader.follow(snippet) }
        }
        runs += 1
        last = run.map { (snippet, $0) }
      case "json" where snippet.text.contains(#"{"packet":"#):
        try expectInspected(snippet, place)
        compared += 1
      case "", "json":
        // The page shows it right behind what prints it.
        guard let run = last?.run, !snippet.prose.contains("\n#") else {
          Issue.record("\(place): nothing prints this")
          continue
        }
        Self.expect(run, shows: snippet.text, place)
        compared += 1
        last = nil
      // CompiledSnippetTests have them.
      case "swift" where page == "docs/swift.md" || page == "docs/coap.md": continue
      case "c" where page == "docs/c.md": continue
      case "text": continue  // No output: a picture.
      default: Issue.record("\(place): nothing tries a snippet in \(snippet.language)")
      }
    }
    return (runs, compared)
  }

  /// The page shows what another device's secret leads to.
  private func withAnotherSecret<Result>(
    _ reader: Reader,
    _ body: () throws -> Result
  ) throws -> Result {
    let secret = try #require(reader.scratch.contents("secret.txt"))
    try reader.scratch.write(String(Scratch.secret.reversed()) + "\n", to: "secret.txt")
    defer { try? secret.write(to: reader.scratch.url.appending(path: "secret.txt")) }
    return try body()
  }

  /// The objects of a message and of one that is none, from a capture and from digits.
  private func expectInspected(_ snippet: Snippet, _ place: String) throws {
    let auth = hex("60457d33ff") + Array(#"{"random":"ad2b3a5eb51d64f7","token":"MZ8m"}"#.utf8)
    let report = hex(
      "40027d34b5746f706963e407104d5a386d1d0320c8c5ceef3b2d67298ba0f421993c02ffa65cabd22c92874024c3240090"
        + "258bda"
    )
    let answer = PacketBytes.back(PacketBytes.ipv4(PacketBytes.udp(auth, from: 5_682, to: 40_000)))
    let packets =
      [PacketBytes.ipv4(PacketBytes.udp(hex("40007d33"))), answer]
      + [PacketBytes.ipv4(PacketBytes.udp(report))]
    let times = packets.indices.map { 1_700_000_000_000_000 + $0 * 1_000 }
    let scratch = try Scratch()
    let capture = CaptureBytes.pcap(
      linkType: 101,
      zip(packets, times).map { ($0, $0.count, $1) }
    )
    try Data(capture).write(to: scratch.url.appending(path: "device.pcap"))
    let shown = try scratch.run(
      ["nbiot", "inspect", "--output", "json", "--capture", "device.pcap"],
      environment: ["NBIOT_DEVICE_SECRET": "secret"]
    )
    let none = try scratch.run(["nbiot", "inspect", "--output", "json", "40017d3441"])
    let last = shown.output.split(separator: "\n").last ?? ""
    #expect("\(last)\n\(none.output)" == snippet.text + "\n", "\(place)")
  }
}
