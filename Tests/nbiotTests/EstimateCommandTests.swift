// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// A folder of its own, gone after the test.
private final class Folder {
  private let url = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)

  init() throws {
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  func path(_ name: String) -> String { url.appending(path: name).path }

  func write(_ name: String, _ data: Data) throws -> String {
    try data.write(to: url.appending(path: name))
    return path(name)
  }
}

@Suite("What a report costs, on the command line")
struct EstimateCommandTests {
  @Test(arguments: [
    (["--interval", "0s"], "--interval 0s is out of range: it is 1s to 30d"),
    (["--interval", "15"], "--interval 15 has no unit: write 15s, 15m or 15h"),
    (["--interval", "-3m"], "--interval -3m is out of range: it is 1s to 30d"),
    (["--interval", "3 parsec"], "unknown unit \"parsec\"; there are ms, s, min, m, h, d"),
    (["--interval", "often"], "that is no number; it is 1s to 30d"),
    (["--battery", "-1Ah@3.6V"], "--battery -1Ah is out of range: it is 0.1mAh to 10000Ah"),
    (["--battery", "2400@3"], "--battery 2400@3 has no units: write it as 8.5Ah@3.6V or"),
    (["--battery", "8.5Ah@3.6"], "has no units"),
    (["--battery", "8.5Ah"], "write it as 8.5Ah@3.6V"),
    (["--battery", "8.5Ah@0V"], "--battery 0V is out of range: it is 0.5V to 60V"),
    (["--self-discharge", "1"], "write it as 1%; it is 0% to 50%"),
    (["--self-discharge", "51%"], "--self-discharge 51% is out of range: it is 0% to 50%"),
    (["--coverage", "3"], "--coverage 3 is out of range: it is 0, 1 or 2"),
    (["--edrx", "1s"], "--edrx 1s is out of range: it is 20.48s to 10485.76s"),
    (["--days", "0"], "--days 0 is out of range: it is 1 to 3650"),
    (["--compare", "--psm"], "--compare runs each --psm: leave it out"),
    (["--sample", "2"], "--sample 2 is out of range: it is 3 to --days, which is 30"),
    (["--peers"], "--peers needs --compare"),
    (["--plot", "life.jpg"], "--plot life.jpg: the name ends with .svg or .png"),
    (["--reports", "5"], "--reports belongs to --from-capture and --from-ledger"),
    (["--reports", "0", "--from-ledger", "x"], "--reports 0 is out of range: it is 1 to 1000000"),
    (
      ["--from-capture", "x", "--from-ledger", "y"],
      "--from-capture has the packets already: leave out --from-ledger"
    ),
    (["--from-ledger", "x", "--compare"], "leave out --compare"),
    (["--from-ledger", "x", "--days", "3"], "leave out --days"),
    (["--from-capture", "x", "--days", "30"], "leave out --days"),
  ])
  func `a value out of range is refused with the range`(
    options: [String],
    reason: String
  ) async throws {
    let run = try await nbiot(["estimate"] + options)
    #expect(run.status == 2)
    #expect(run.output.isEmpty)
    #expect(run.errors.contains(reason), "\(run.errors)")
  }

  @Test func `a payload that is too long, or no JSON, is refused`() async throws {
    let folder = try Folder()
    let long = try folder.write("long", Data(repeating: 0x20, count: 1_025))
    let words = try folder.write("words", Data("twenty degrees".utf8))
    let first = try await nbiot(["estimate", "--payload-file", long])
    #expect(first.status == 2)
    #expect(first.errors.contains("1025 bytes are too many for coap: a report has 0 to 1024"))
    let second = try await nbiot(["estimate", "--payload-file", words, "--format", "cbor"])
    #expect(second.status == 2)
    #expect(second.errors.contains("--payload-file: the file is not JSON"), "\(second.errors)")
    let third = try await nbiot(["estimate", "--payload-file", folder.path("none")])
    #expect(third.status == 2)
  }

  @Test func `a model file's error has the file, the line, the reason and the range`() async throws
  {
    let folder = try Folder()
    let file = try folder.write("radio.json", Data("{\"class0\": {\n\"loss\": \"99 %\"}}".utf8))
    for command in ["radio", "estimate"] {
      let run = try await nbiot([command, "--radio-file", file])
      #expect(run.status == 2)
      #expect(
        run.errors.contains("\(file):2: class0.loss: 0.99 is outside of 0.0 to 0.9"),
        "\(run.errors)"
      )
    }
  }

  @Test func `radio prints each constant with its source, and what a file has changed`()
    async throws
  {
    let folder = try Folder()
    let file = try folder.write("radio.json", Data(#"{"class0": {"wakeUp": "3 s"}}"#.utf8))
    let text = try await nbiot(["radio", "--radio-file", file])
    #expect(text.status == 0)
    let line = try #require(
      text.output.split(separator: "\n").first { $0.hasPrefix("class0.wakeUp ") }
    )
    #expect(line.contains("3000  ms"))
    #expect(line.contains("given"))
    #expect(line.contains("by --radio-file, in place of 1000"))
    let json = try await nbiot(["radio", "--output", "json"])
    let list = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [[String: Any]]
    let constants = try #require(list)
    #expect(constants.count == 65)
    for constant in constants {
      let origin = constant["origin"] as? String
      #expect(["published", "fitted", "assumed"].contains(origin))
      #expect((constant["source"] as? String)?.isEmpty == false)
    }
  }

  private func estimate(_ options: [String]) async throws -> [String: Any] {
    let days = options.contains("--from-ledger") ? [] : ["--days", "2"]
    let run = try await nbiot(["estimate", "--output", "json"] + days + options)
    #expect(run.status == 0, "\(run.errors)")
    return try #require(run.object)
  }

  @Test func `an estimate accounts for every joule, and its range holds it or says why not`()
    async throws
  {
    let object = try await estimate(["--psm", "--release-assistance"])
    let joules = try #require(object["joules"] as? [String: Double])
    let seconds = try #require(object["simulatedSeconds"] as? Double)
    let average = try #require(object["averageWatts"] as? Double)
    let used: Double = joules.values.reduce(0, +)
    let expected: Double = average * seconds
    #expect(abs(used - expected) < 1e-6 * expected)
    #expect(object["reports"] as? Int == 192)
    #expect(object["acknowledged"] as? Int == 192)
    #expect(object["refused"] as? Int == 0)
    #expect(object["payloadBytes"] as? Int == 120)
    #expect(object["scope"] as? String == "modem")
    let years = try #require(object["years"] as? [String: Double])
    let order = ["worst", "low", "high", "best"].compactMap { years[$0] }
    #expect(order.count == 4)
    #expect(order == order.sorted())
  }

  @Test(arguments: [
    (["--edrx", "81.92s"], "eDRX without PSM at 15.0 min"),
    (["--security", "dtls"], "DTLS without --release-assistance does not reach ten years"),
    (["--psm", "--edrx", "81.92s"], "eDRX changes next to nothing"),
    (["--psm"], "over half of the energy is spent waiting to be released"),
    (["--interval", "30s", "--edrx", "81.92s"], "longer than the interval"),
    (["--interval", "10s"], "the network never releases the modem between two reports"),
    (["--interval", "22s", "--psm"], "the modem never gets to sleep: --psm changes nothing"),
    (["--interval", "6h"], "the modem listens to paging for 6.00 h to send once"),
    (["--security", "psk", "--psm", "--release-assistance"], "a handshake at almost each wake-up"),
    (["--interval", "30d", "--psm", "--self-discharge", "50%"], "loses more by itself"),
    (["--battery", "0.1mAh@0.5V"], "the battery holds less than one report needs"),
  ])
  func `what makes little sense is computed and remarked upon`(
    options: [String],
    remark: String
  ) async throws {
    let object = try await estimate(options)
    let remarks = try #require(object["remarks"] as? [String])
    #expect(remarks.contains { $0.contains(remark) }, "\(remarks)")
  }

  @Test func `the modem alone and a whole device are told apart`() async throws {
    let modem = try await nbiot(["estimate", "--days", "1"])
    let device = try await nbiot(["estimate", "--days", "1", "--scope", "device"])
    #expect(modem.output.hasPrefix("an estimate for the modem alone"))
    #expect(device.output.hasPrefix("an estimate for the whole device"))
  }

  @Test func `a comparison has each combination once, the longest life first`() async throws {
    let options = ["estimate", "--compare", "--days", "1", "--interval", "6h", "--output", "json"]
    let run = try await nbiot(options)
    #expect(run.status == 0, "\(run.errors)")
    var keys: Set<String> = []
    var last = Double.infinity
    for line in run.output.split(separator: "\n") {
      let parsed = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      let object = try #require(parsed)
      let years = try #require((object["years"] as? [String: Double])?["estimate"])
      #expect(years <= last)
      last = years
      let parts = [
        "transport", "security", "format", "coverage", "psm", "edrxSeconds", "releaseAssistance",
      ]
      keys.insert(parts.map { "\(object[$0] ?? "")" }.joined(separator: " "))
    }
    // Three classes, three ways to sleep, with and without release: six combinations over CoAP, one over MQTT and two
    // over HTTPS each.
    // Without mosquitto MQTT is left out, and says so.
    let hasMQTT = !run.errors.contains("left out, because it cannot be tried over mqtt")
    #expect(keys.count == (hasMQTT ? 162 : 144))
    #expect(run.output.split(separator: "\n").count == keys.count)
    let table = try await nbiot(options.dropLast(2) + ["--coverage", "1"])
    let lines = table.output.split(separator: "\n")
    let remarks = lines.filter { $0.hasPrefix("remark on ") }
    #expect(lines.count - remarks.count == (hasMQTT ? 56 : 50))
    // Each once, behind the table.
    #expect(Array(lines.suffix(remarks.count)) == remarks && Set(remarks).count == remarks.count)
    for told in [
      "remark on \(hasMQTT ? "18 of 54" : "16 of 48"): eDRX without PSM at 360 min",
      "remark on 12 of \(hasMQTT ? "54" : "48"): DTLS without --release-assistance does not reach ten years",
    ] {
      #expect(remarks.contains { $0.hasPrefix(told) }, "\(remarks)")
    }
    #expect(
      remarks.contains { $0.hasPrefix("remark on 6 of 54: a connection for each") } == hasMQTT
    )
  }

  @Test(arguments: [
    ("", 1, "no ledger is in it"),
    (#"{"ledger":{"up":{},"down":1}}"#, 1, #""down" is no object"#),
    ("\n{\"ledger\":", 2, "it is not JSON"),
    (
      "{\n  \"ledger\": {}\n}", 1,
      "it is not JSON: an object is on one line, as nbiot publish prints it"
    ),
    (
      #"{"ledger":{"up":{"reports":{"datagrams":1,"bytes":2}},"down":{}}}"#, 1,
      #"unknown purpose "reports"; there are authentication, handshake, report, "#
    ),
    (
      #"{"ledger":{"up":{"report":{"datagrams":-1,"bytes":2}},"down":{}}}"#, 1,
      #""datagrams" and "bytes" are 0 to 1000000000000000"#
    ),
    ("info ledger report datagrams-up=1 bytes-up=2 datagrams-down=0", 1, "bytes-down= is missing"),
    (
      "info ledger report datagrams-up=99999999999999999", 1,
      "datagrams-up=99999999999999999: a count is 0 to 1000000000000000"
    ),
  ])
  func `a ledger that cannot be read is refused with the line`(
    text: String,
    line: Int,
    reason: String
  ) async throws {
    let folder = try Folder()
    let file = try folder.write("ledger", Data(text.utf8))
    let run = try await nbiot(["estimate", "--from-ledger", file])
    #expect(run.status == 2)
    #expect(run.errors.contains("--from-ledger: \(file):\(line): "), "\(run.errors)")
    #expect(run.errors.contains(reason), "\(run.errors)")
  }

  @Test func `a ledger is priced, and asks for what it does not say`() async throws {
    let folder = try Folder()
    let ledger =
      #"{"ledger":{"transport":"coap","up":{"report":{"datagrams":4,"bytes":1112},"headers":{"datagrams":0,"bytes":112}},"#
      + #""down":{"answer":{"datagrams":4,"bytes":220},"headers":{"datagrams":0,"bytes":112}}}}"#
    let file = try folder.write("ledger", Data("another line\n\(ledger)\n".utf8))
    let unsaid = try await nbiot(["estimate", "--from-ledger", file])
    #expect(unsaid.status == 2)
    #expect(unsaid.errors.contains("does not say how many reports there were: give --reports"))
    for number in ["5", "1000"] {
      let many = try await nbiot(["estimate", "--from-ledger", file, "--reports", number])
      #expect(many.status == 2)
      #expect(many.errors.contains("--reports \(number): "), "\(many.errors)")
      #expect(many.errors.contains("has only 4 packets that can be reports"), "\(many.errors)")
    }
    let object = try await estimate([
      "--from-ledger", file, "--reports", "4", "--psm", "--release-assistance",
    ])
    let up = try #require(object["up"] as? [String: [String: Int]])
    #expect(up["report"] == ["datagrams": 4, "bytes": 1_112, "headers": 112, "blocks": 12])
    #expect(object["reports"] as? Int == 4)
    let whole = try await estimate(["--psm", "--release-assistance"])
    let costs = try [object, whole].map { try #require($0["joulesPerReport"] as? Double) }
    // Every answer comes after the median round trip, whose mean is longer.
    #expect(abs(costs[0] / costs[1] - 1) < 0.2, "\(costs)")
  }

  @Test
  func `a ledger behind a megabyte of results is priced, and one that contradicts itself is not`()
    async throws
  {
    let folder = try Folder()
    func ledger(_ reports: Int) -> String {
      #"  {"ledger":{"transport":"coap","reports":\#(reports),"up":{"report":{"datagrams":4,"bytes":1112}},"#
        + #""down":{"answer":{"datagrams":4,"bytes":220}}}}"#
    }
    let results = String(repeating: #"{"outcome":"acknowledged","report":1}"# + "\n", count: 30_000)
    let long = try folder.write("long", Data((results + ledger(4) + "\n").utf8))
    #expect(try await estimate(["--from-ledger", long])["reports"] as? Int == 4)
    let many = try folder.write("many", Data(ledger(4_000).utf8))
    let refused = try await nbiot(["estimate", "--from-ledger", many])
    #expect(refused.status == 2 && refused.output.isEmpty)
    #expect(
      refused.errors.contains(
        "\(many) says 4000 reports, and has only 4 packets that can be reports"
      ),
      "\(refused.errors)"
    )
    let large = try folder.write("large", Data(count: 16_777_217))
    let over = try await nbiot(["estimate", "--from-ledger", large])
    #expect(over.status == 2)
    #expect(over.errors.contains("nbiot reads at most 16 MiB for the ledger"), "\(over.errors)")
  }

  @Test(arguments: ["--radio-file", "--payload-file", "--from-ledger"])
  func `an option without a file's name, or with a device's, says so`(option: String) async throws {
    let empty = try await nbiot(["estimate", option, ""])
    #expect(empty.status == 2)
    #expect(empty.errors.contains("\(option): a file's name is missing"), "\(empty.errors)")
    let device = try await nbiot(["estimate", option, "/dev/zero"])
    #expect(device.status == 2)
    #expect(device.errors.contains("but a device: give a regular one\n"), "\(device.errors)")
  }

  @Test func `of a ledger only what it shows is told, and what is odd about it`() async throws {
    let folder = try Folder()
    let ledger =
      #"{"ledger":{"transport":"mqtt","reports":5,"up":{"authentication":{"datagrams":2,"bytes":100},"#
      + #""report":{"datagrams":5,"bytes":245}},"down":{"authentication":{"datagrams":2,"bytes":8},"#
      + #""answer":{"datagrams":3,"bytes":12}}}}"#
    // As a file from Windows.
    let file = try folder.write("ledger", Data("\(ledger)\r\n\(ledger)\r\n".utf8))
    let options = ["estimate", "--from-ledger", file, "--psm", "--release-assistance"]
    let run = try await nbiot(options + ["--output", "json", "--reports", "4"])
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.errors.contains("the file has 2 ledgers: the last one is priced"))
    #expect(run.errors.contains("the ledger is of 5 reports, not of 4"))
    let object = try #require(run.object)
    #expect(object["reports"] as? Int == 4 && object["acknowledged"] as? Int == 3)
    #expect(object["authentications"] as? Int == 2)
    for name in ["transport", "security", "format", "payloadBytes", "handshakes", "unanswered"] {
      #expect(object[name] is NSNull, "\(name)")
    }
    // It has no headers: nothing is taken off for them.
    let up = try #require(object["up"] as? [String: [String: Int]])
    #expect(up["report"]?["bytes"] == 245 && up["report"]?["headers"] == 5 * 28)
    let remarks = try #require(object["remarks"] as? [String])
    #expect(!remarks.contains { $0.contains("--release-assistance, where") }, "\(remarks)")
    for told in ["the file has 2 ledgers", "the ledger is of 5 reports, not of 4"] {
      #expect(remarks.contains { $0.contains(told) }, "\(remarks)")
    }
    let text = try await nbiot(options)
    #expect(text.output.contains("5 reports, 3 of them with an answer"), "\(text.output)")
    #expect(text.output.contains("2 tokens"))
    let silent = #"{"ledger":{"reports":1,"up":{},"down":{"answer":{"datagrams":3,"bytes":12}}}}"#
    let other = try folder.write("silent", Data(silent.utf8))
    let refused = try await nbiot(["estimate", "--from-ledger", other])
    #expect(refused.status == 2 && refused.errors.contains("the device has sent nothing"))
  }

  @Test func `the interval of a battery that lasts a year is told only where it can be`()
    async throws
  {
    let options = ["estimate", "--days", "1", "--psm", "--release-assistance", "--interval"]
    let often = try await nbiot(options + ["10s"]).output
    #expect(often.contains("the battery, ") && !often.contains("one year"))
    let text = try await nbiot(options + ["15m"]).output
    #expect(text.contains("it lasts one year with a report each"), "\(text)")
    #expect(text.contains(", 1 day simulated"))
    let month = try await nbiot(options + ["30d"]).output
    #expect(month.contains(", 30 days simulated"), "\(month)")
    let sample = try await nbiot([
      "estimate", "--days", "30", "--sample", "3", "--psm",
    ])
    #expect(sample.output.contains("3 days simulated and scaled to 30 days"), "\(sample.output)")
  }

  @Test func `a capture without a packet of the platform, or none at all, is refused`() async throws
  {
    let folder = try Folder()
    let header: [UInt8] = [
      0xD4, 0xC3, 0xB2, 0xA1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0x65, 0, 0, 0,
    ]
    let file = try folder.write("empty.pcap", Data(header))
    let run = try await nbiot(["estimate", "--from-capture", file])
    #expect(run.status == 2)
    #expect(run.errors.contains("none of 0 packets is to or from a port of the platform: 443, "))
    let none = try await nbiot(["estimate", "--from-capture", folder.path("none")])
    #expect(none.status == 2)
    #expect(none.errors.contains("--from-capture: \(folder.path("none")): No such file"))
    let cut = try folder.write("cut.pcap", Data(header[..<3]))
    let short = try await nbiot(["estimate", "--from-capture", cut])
    #expect(short.status == 2)
    #expect(short.errors.contains("--from-capture: \(cut): truncated"), "\(short.errors)")
    // 100 million seconds four times.
    let far = try folder.write("far.pcap", capture(seconds: 100_000_000))
    let long = try await nbiot(["estimate", "--from-capture", far])
    #expect(long.status == 2)
    #expect(long.errors.contains("\(far): its times span 12.7 years, and 10 are the most"))
  }

  /// Five reports of CoAP without an answer, so many seconds apart.
  private func capture(seconds: Int) -> Data {
    func word(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(value >> ($0 * 8) & 0xFF) } }
    var bytes: [UInt8] = [
      0xD4, 0xC3, 0xB2, 0xA1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0x65, 0, 0, 0,
    ]
    for number in 0..<5 {
      let message: [UInt8] = [0x41, 2, 0, UInt8(number), 8, 0xB5] + Array("topic".utf8)
      let length = UInt8(message.count + 8)
      let packet: [UInt8] =
        [0x45, 0, 0, length + 20, 0, 0, 0x40, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]
        + [0xC0, 0, 0x16, 0x32, 0, length, 0, 0] + message
      bytes += word(1_000 + number * seconds) + word(0) + word(packet.count) + word(packet.count)
      bytes += packet
    }
    return Data(bytes)
  }

  @Test(arguments: [
    ("1m", "the reports of the capture are 900 s apart, not 1m: energy and life are those of"),
    ("15m", nil), ("1h", "those that share a wake-up are cheaper than one each 1h"),
  ])
  func `a capture whose reports are not --interval apart says so, in JSON too`(
    interval: String,
    remark: String?
  ) async throws {
    let folder = try Folder()
    let file = try folder.write("spaced.pcap", capture(seconds: 900))
    let options = ["estimate", "--from-capture", file, "--output", "json", "--interval", interval]
    let run = try await nbiot(options)
    #expect(run.status == 0, "\(run.errors)")
    let remarks = try #require(run.object?["remarks"] as? [String])
    let told = remarks.filter { $0.contains("of the capture are") }
    #expect(told.count == (remark == nil ? 0 : 1), "\(remarks)")
    if let remark { #expect(told.first?.contains(remark) == true && run.errors.contains(remark)) }
    let many = try await nbiot(options + ["--reports", "1000"])
    #expect(many.status == 2 && many.output.isEmpty)
    #expect(many.errors.contains("has only 5 packets that can be reports"), "\(many.errors)")
    let one = try await nbiot(["estimate", "--from-capture", file, "--reports", "1"])
    #expect(one.output.contains("1 report, 0 of them with an answer, 0 retransmissions"))
  }

  @Test func `a picture has the axes' units, and a name that cannot be written is refused`()
    async throws
  {
    let folder = try Folder()
    let file = folder.path("life.svg")
    let run = try await nbiot(["estimate", "--days", "1", "--psm", "--plot", file])
    if run.errors.contains("apt-get install python3-matplotlib") {
      #expect(run.status == 2)
      let isRequired = ProcessInfo.processInfo.environment["NBIOT_REQUIRE_PEERS"] == "1"
      try #require(!isRequired, "matplotlib is missing")
      try Test.cancel("skipped: matplotlib is missing")
    }
    #expect(run.status == 0, "\(run.errors)")
    let picture = try String(contentsOfFile: file, encoding: .utf8)
    #expect(picture.hasPrefix("<?xml"))
    for text in ["energy a report (J)", "interval between reports", "current (mA)", "life (years)"]
    {
      #expect(picture.contains("<!-- \(text)"), "\(text)")
    }
    let lost = folder.path("none/life.png")
    let failed = try await nbiot(["estimate", "--days", "1", "--plot", lost])
    #expect(failed.status == 2 && failed.output.isEmpty)
    #expect(failed.errors.contains("No such file or directory"), "\(failed.errors)")
  }
}
