import Foundation
import TestSupport
import Testing

/// A person who follows the pages from their start to their end, in a folder where `.build` is this build.
///
/// What differs from them: ports are free ones, the firmware lies on a server of the test's own, `make`
/// says what it would do, and `sudo tcpdump` gives what a relay has recorded.
private final class Reader {
  let scratch: Scratch
  private let server: FirmwareServer
  /// By the port that the page names.
  private var simulators: [Int: RunningSimulator] = [:]
  /// Variables that earlier snippets have set.
  private var definitions: [Substring] = []

  init() throws {
    scratch = try Scratch()
    server = try FirmwareServer(in: scratch)
    let files = FileManager.default
    let links = [
      ".build/debug": Place.build,
      // The same program as it is built for a module.
      ".build-agent/x86_64/nbiot-agent": Place.build.appending(path: "nbiot-agent"),
    ]
    for (name, target) in links {
      let link = scratch.url.appending(path: name)
      try files.createDirectory(
        at: link.deletingLastPathComponent(),
        withIntermediateDirectories: true
      )
      try files.createSymbolicLink(at: link, withDestinationURL: target)
    }
  }

  /// Does what a snippet says; what was printed, and nothing for a simulator that runs from then on.
  func follow(_ snippet: Snippet, environment: [String: String] = [:]) throws -> Finished? {
    defer { definitions += snippet.lines.filter { $0.contains(/^[a-z_]+=/) } }
    var text = snippet.text.replacing("https://example.com/app.bin", with: server.address)
    guard !text.contains("nbiot simulate") else {
      try simulate(text)
      return nil
    }
    for (port, simulator) in simulators {
      text.replace("127.0.0.1:\(port)", with: "127.0.0.1:\(simulator.port)")
      definitions = definitions.map {
        Substring($0.replacing("127.0.0.1:\(port)", with: "127.0.0.1:\(simulator.port)"))
      }
    }
    let isPush = text.contains("nbiot push")
    let mqtt = isPush ? simulators[5_682] : nil
    // Somebody has to answer.
    let device = try mqtt?.answeringDevice(in: scratch)
    defer { device?.kill() }
    if text.contains("127.0.0.1:8883"), let secure = simulators[5_682] {
      text.replace("127.0.0.1:8883", with: "127.0.0.1:\(try secure.port(of: "mqtts"))")
    }
    if text.contains("127.0.0.1:8443"), let web = simulators[5_682] {
      text.replace("127.0.0.1:8443", with: "127.0.0.1:\(try web.port(of: "https"))")
    }
    if let mqtt {
      text.replace("127.0.0.1:5690", with: "127.0.0.1:\(try mqtt.port(of: "control"))")
    }
    return try scratch.run(["bash", "-c", script(text)], environment: environment)
  }

  private func simulate(_ snippet: String) throws {
    let port = snippet.contains("--security dtls") ? 5_684 : 5_682
    var text = snippet.replacing("--port \(port)", with: "--port 0")
    for number in ["1883", "8883", "8443", "5690"] { text.replace(" \(number)", with: " 0") }
    if !text.contains("--port ") { text.replace("nbiot simulate", with: "nbiot simulate --port 0") }
    // So that the process is the simulator's.
    text.replace(".build/debug/nbiot simulate", with: "exec .build/debug/nbiot simulate")
    _ = try simulators.removeValue(forKey: port)?.stop()
    simulators[port] = try RunningSimulator(["bash", "-c", script(text)], in: scratch)
  }

  private func script(_ text: String) -> String {
    (["set -eu"] + definitions + [Substring(text)]).joined(separator: "\n")
  }

  /// Lets the device report through a relay, for a capture.
  func record() throws {
    let simulator = try #require(simulators[5_682], "the page has started no simulator yet")
    let relay = try DatagramRelay(to: simulator.port)
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
    for simulator in simulators.values { _ = try simulator.stop() }
    simulators = [:]
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

  /// Whether what a snippet printed holds what the page shows.
  private static func expect(_ run: Finished, shows shown: String, _ place: String) {
    let (output, shown) = (comparable(run.output), comparable(shown))
    #expect(output.contains(shown), "\(place): \(run.output)\(run.errors)")
  }

  /// In an order in which what a page needs of another is there.
  private static let pages = [
    "README.md", "docs/simulator.md", "docs/https.md", "docs/mqtt.md", "docs/agent.md",
    "docs/thing-model.md", "docs/commands.md", "docs/security.md", "docs/wire.md", "docs/energy.md",
    "docs/inspect.md",
  ]

  private static func snippets() throws -> [(page: String, snippet: Snippet)] {
    try pages.flatMap { page in try Place.page(page).map { (page, $0) } }
  }

  @Test func `each one runs, and prints what the page shows`() throws {
    let reader = try Reader()
    var last: (snippet: Snippet, run: Finished)?
    var unexplained: [String] = []
    for (page, snippet) in try Self.snippets() {
      let place = "\(page), line \(snippet.line)"
      switch snippet.language {
      case "sh":
        // Behind it: "prints `test123`."
        if let last, let word = snippet.prose.firstMatch(of: /^\n?prints `([^`]+)`/)?.1 {
          Self.expect(last.run, shows: String(word), "\(page), before line \(snippet.line)")
        }
        if snippet.text.contains("tcpdump") { try reader.record() }
        var run = try reader.follow(snippet)
        if let run { #expect(run.status == 0, "\(place): \(run.output)\(run.errors)") }
        if snippet.text.contains("nbiot doctor") {
          // "for example with another device's secret".
          let secret = try #require(reader.scratch.contents("secret.txt"))
          try reader.scratch.write(String(Scratch.secret.reversed()) + "\n", to: "secret.txt")
          run = try reader.follow(snippet)
          try secret.write(to: reader.scratch.url.appending(path: "secret.txt"))
        }
        last = run.map { (snippet, $0) }
      case "json" where snippet.text.contains(#"{"packet":"#):
        try expectInspected(snippet, place)
      case "", "json":
        // The page shows it right behind what prints it.
        guard let run = last?.run, !snippet.prose.contains("\n#") else {
          unexplained.append(place)
          continue
        }
        Self.expect(run, shows: snippet.text, place)
        last = nil
      case "swift", "c": continue  // CompiledSnippetTests
      case "text": continue  // No output: a picture.
      default: Issue.record("\(place): nothing tries a snippet in \(snippet.language)")
      }
    }
    try reader.end()
    #expect(unexplained.isEmpty, "\(unexplained): nothing prints them")
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
