// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import Foundation
import TestSupport
import Testing

/// Runs `nbiot inspect` with a file as standard input: both it and the output may be long.
func inspect(
  _ arguments: [String],
  input: String = "",
  environment: [String: String] = [:]
) async throws -> Run {
  let file = try TemporaryFile(Array(input.utf8))
  let process = process(["inspect"] + arguments, environment: environment)
  let (stdout, stderr) = (Pipe.ofChild(), Pipe.ofChild())
  process.standardInput = try FileHandle(forReadingFrom: URL(filePath: file.path))
  process.standardOutput = stdout
  process.standardError = stderr
  try process.start()
  let output = try stdout.fileHandleForReading.readToEnd() ?? Data()
  let errors = try stderr.fileHandleForReading.readToEnd() ?? Data()
  process.waitUntilExit()
  return Run(
    status: process.terminationStatus,
    output: String(decoding: output, as: UTF8.self),
    errors: String(decoding: errors, as: UTF8.self)
  )
}

/// A file that only its owner may read, gone after the test.
final class TemporaryFile {
  let path: String

  init(_ bytes: [UInt8]) throws {
    let url = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try Data(bytes).write(to: url)
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: url.path)
    path = url.path
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }
}

@Suite("nbiot inspect, as its user runs it")
struct InspectCommandTests {
  /// A line as a program reads it.
  struct Object: Decodable {
    let valid: Bool
    let version: Int?
    let type: Int?
    let code: Int?
    let messageID: Int?
    let token: String?
    let options: [Option]?
    let payload: String?
    let reencoded: String?
    let reason: String?
    let offset: Int?
  }

  struct Option: Decodable, Equatable {
    let number: Int
    let value: String

    init(_ option: Vector.Option) {
      number = Int(option.number)
      value = hexText(option.value.span)
    }

    init(from decoder: any Decoder) throws {
      var container = try decoder.unkeyedContainer()
      number = try container.decode(Int.self)
      value = try container.decode(String.self)
      #expect(container.isAtEnd)
    }
  }

  @Test func `all 533 vectors come out with their parts, and written anew byte for byte`()
    async throws
  {
    let vectors = Vector.all
    #expect(vectors.count == 533)
    let run = try await inspect(
      ["--output", "json"],
      input: vectors.map { "0x" + $0.hex + "\n" }.joined()
    )
    #expect(run.status == 0)
    #expect(run.errors.isEmpty)
    let lines = run.output.split(separator: "\n")
    try #require(lines.count == vectors.count)
    for (vector, line) in zip(vectors, lines) {
      let object = try JSONDecoder().decode(Object.self, from: Data(line.utf8))
      #expect(object.valid == vector.valid, "\(vector.id)")
      guard let decoded = vector.decoded else {
        try compareRefusal(object, String(line), vector)
        continue
      }
      #expect(object.version == 1, "\(vector.id)")
      #expect(object.type == Int(decoded.type), "\(vector.id)")
      #expect(object.code == Int(decoded.code), "\(vector.id)")
      #expect(object.messageID == Int(decoded.mid), "\(vector.id)")
      #expect(object.token == decoded.token, "\(vector.id)")
      #expect(object.options == decoded.options.map(Option.init), "\(vector.id)")
      #expect(object.payload == decoded.payload, "\(vector.id)")
      #expect(object.reencoded == vector.hex, "\(vector.id)")
    }
  }

  private func compareRefusal(_ object: Object, _ line: String, _ vector: Vector) throws {
    let bytes = TestSupport.hex(vector.hex)
    do throws(MessageFormatError) {
      _ = try MessageView(bytes.span)
      Issue.record("\(vector.id) is refused by the program and not by the library")
    } catch {
      #expect(object.reason == error.description, "\(vector.id)")
      #expect(object.offset == error.offset, "\(vector.id)")
      #expect(error.offset >= 0 && error.offset <= bytes.count, "\(vector.id)")
      #expect(
        line == #"{"valid":false,"reason":"\#(error.description)","offset":\#(error.offset)}"#
      )
    }
  }

  @Test func `an object has its members in their order, and no others`() async throws {
    let run = try await inspect(["--output", "json", "42 02 12 34 be ef b5 74 6f 70 69 63 ff 61"])
    #expect(
      run.output
        == #"{"valid":true,"version":1,"type":0,"code":2,"messageID":4660,"token":"beef","#
        + #""options":[[11,"746f706963"]],"payload":"61","reencoded":"42021234beefb5746f706963ff61","#
        + #""path":"/topic","optionNames":["Uri-Path"],"messageID2090":null,"payloadText":"a","#
        + #""seq":null,"inside":null,"insideBytes":null,"notOpened":null}"#
        + "\n"
    )
  }

  @Test func `a line that is not hex is an error with its number, and the others are processed`()
    async throws
  {
    let run = try await inspect(
      ["--output", "json"],
      input: "40017d34\n\nnonsense\n0x40:01:7d:35\r\n123\n00"
    )
    #expect(run.status == 1)
    #expect(run.output.split(separator: "\n").count == 3)
    #expect(run.output.split(separator: "\n").last?.hasPrefix(#"{"valid":false"#) == true)
    #expect(
      run.errors
        == "nbiot: line 3: n in column 1 is not a hexadecimal digit\n"
        + "nbiot: line 5: the digit in column 3 stands alone, and two make a byte\n"
    )
  }

  @Test func `bytes that are no message are a result and not an error`() async throws {
    let run = try await inspect(["ff"])
    #expect(run.status == 0)
    #expect(run.output.hasPrefix("not a CoAP message: "))
    #expect(run.errors.isEmpty)
  }

  @Test func `each line is answered before the next one comes`() async throws {
    let process = process(["inspect", "--output", "json"])
    let (stdin, stdout) = (Pipe.ofChild(), Pipe.ofChild())
    process.standardInput = stdin
    process.standardOutput = stdout
    try process.start()
    for _ in 0..<3 {
      try stdin.fileHandleForWriting.write(contentsOf: Data("40017d34\n".utf8))
      let line = String(decoding: stdout.fileHandleForReading.availableData, as: UTF8.self)
      #expect(line.hasPrefix(#"{"valid":true"#))
      #expect(line.hasSuffix("}\n"))
    }
    try stdin.fileHandleForWriting.close()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
  }

  @Test(.timeLimit(.minutes(15)))
  func `65,000 options of one byte and a line beyond any datagram are dealt with quickly`()
    async throws
  {
    let many = "40020001" + String(repeating: "00", count: 65_000)
    let tooLong = String(repeating: "ab", count: 5_000_000)
    let input = Array(repeatElement(many + "\n", count: 4)).joined() + tooLong + "\n40017d34\n"
    for output in ["json", "text"] {
      let start = ContinuousClock.now
      let run = try await inspect(["--output", output], input: input)
      #expect(run.status == 1)
      #expect(
        run.errors == "nbiot: line 5: more than 65535 bytes, and a UDP datagram has no more\n"
      )
      #expect(ContinuousClock.now - start < .seconds(20))
      if output == "json" { #expect(run.output.split(separator: "\n").count == 5) }
    }
  }

  /// Seq 2, and as payload 9999, sealed with the worked key: secret "secret", random
  /// "ad2b3a5eb51d64f7".
  static let report =
    "40021234b5746f706963ed071103" + "20c8c5ceef3b2d67298ba0f421993c02"
    + "ff" + "a65cabd22c92874024c3240090258bda"

  @Test func `with secret and random, the worked values come out of a report`() async throws {
    let file = try TemporaryFile(Array("secret\n".utf8))
    for (arguments, environment) in [
      (["--device-secret-file", file.path], [:]), ([], ["NBIOT_DEVICE_SECRET": "secret"]),
    ] {
      let run = try await inspect(
        [Self.report, "--random", "ad2b3a5eb51d64f7"] + arguments,
        environment: environment
      )
      #expect(run.status == 0)
      #expect(run.output.contains("    inside: 2\n"))
      #expect(run.output.hasSuffix("  inside, 4 bytes of JSON: 9999\n"))
    }
    let wrong = try await inspect(
      [Self.report, "--random", "ad2b3a5eb51d64f7"],
      environment: ["NBIOT_DEVICE_SECRET": "another"]
    )
    #expect(wrong.status == 0)
    #expect(wrong.output.contains("cannot be opened"))
  }

  @Test(arguments: [true, false])
  func `a capture of either format is shown with numbers, times, addresses and what was skipped`(
    isNew: Bool
  ) async throws {
    let report = PacketBytes.udp(TestSupport.hex("40017d34"))
    let packets: [CaptureBytes.Packet] = [
      PacketBytes.ethernet(PacketBytes.ipv4(report)),
      PacketBytes.ethernet(PacketBytes.ipv4(report, fragment: 0x2000)),
      PacketBytes.ethernet(PacketBytes.ipv6(report), type: 0x86DD),
      PacketBytes.ethernet(PacketBytes.ipv4(report), type: 0x0806),
    ].enumerated().map { ($1, $1.count, 1_700_000_000_000_000 + $0 * 250_000) }
    let file = try TemporaryFile(
      isNew ? CaptureBytes.pcapng(linkType: 1, packets) : CaptureBytes.pcap(linkType: 1, packets)
    )
    let run = try await inspect(["--capture", file.path])
    #expect(run.status == 0)
    #expect(
      run.output == """
        packet 1, 0.000000 s, 10.0.0.2:40000 -> 192.0.2.1:5682
        CON GET, message ID 32052, no token, 4 bytes

        packet 3, 0.500000 s, [2001:db8::2]:40000 -> [2001:db8::1:0:0:1]:5682
        CON GET, message ID 32052, no token, 4 bytes

        """
    )
    #expect(
      run.errors == "nbiot: 4 packets: 2 shown, 1 skipped as fragments of IP packets, 1 of other "
        + "protocols or ports\n"
    )
    let json = try await inspect(["--capture", file.path, "--output", "json", "--port", "40000"])
    #expect(json.output.split(separator: "\n").count == 2)
    let none = try await inspect(["--capture", file.path, "--output", "json", "--port", "7"])
    #expect(none.output.isEmpty)
    #expect(none.status == 0)
  }

  @Test func `a capture that breaks off is shown as far as it goes, and exits with 1`() async throws
  {
    let packet = PacketBytes.ipv4(PacketBytes.udp(TestSupport.hex("40017d34")))
    let whole = CaptureBytes.pcap(
      linkType: 101,
      [(packet, packet.count, 0), (packet, packet.count, 1)]
    )
    let file = try TemporaryFile(Array(whole.dropLast()))
    let run = try await inspect(["--capture", file.path, "--output", "json"])
    #expect(run.status == 1)
    #expect(run.output.split(separator: "\n").count == 1)
    #expect(run.errors.contains("breaks off"))
  }

  @Test func `what is not a capture exits with 2 and says what to do`() async throws {
    let text = try TemporaryFile(Array("not a capture at all, but as long as a header".utf8))
    let radio = try TemporaryFile(CaptureBytes.pcap(linkType: 127, []))
    for (path, word) in [
      ("/nonexistent/file.pcap", "No such file"), (text.path, "unknown file format"),
      (radio.path, "tcpdump -i any"), ("/", "tcpdump -w"),
    ] {
      let run = try await inspect(["--capture", path])
      #expect(run.status == 2)
      #expect(run.output.isEmpty)
      #expect(run.errors.contains(word), "\(run.errors)")
    }
  }

  @Test(arguments: [
    ["--random", ""], ["--random", String(repeating: "r", count: 33)],
    ["--device-secret-file", "/dev/null"], ["--random", "r", "--device-secret-file", "/dev/null"],
    ["--device-secret-file", "/nonexistent", "00"],
    ["--port", "5683"], ["--capture", "x", "00"], ["--capture", "x", "--port", "65536"],
    ["--output", "xml"],
  ])
  func `what makes no sense exits with 2 and prints no result`(arguments: [String]) async throws {
    let run = try await inspect(arguments)
    #expect(run.status == 2)
    #expect(run.output.isEmpty)
    #expect(!run.errors.isEmpty)
  }

  @Test func `without a secret, --random says where to put it`() async throws {
    let run = try await inspect(["--random", "r", "00"])
    #expect(run.status == 2)
    #expect(run.errors.contains("NBIOT_DEVICE_SECRET"))
  }

  @Test func `a full disk behind standard output is an error and not a crash`() throws {
    let run = process(["inspect", "60001234"])
    run.standardOutput = try FileHandle(forWritingTo: URL(filePath: "/dev/full"))
    let errors = Pipe.ofChild()
    run.standardError = errors
    try run.start()
    let text = try errors.fileHandleForReading.readToEnd() ?? Data()
    run.waitUntilExit()
    #expect(run.terminationStatus == 5)
    #expect(String(decoding: text, as: UTF8.self).contains("standard output cannot be written"))
  }

  @Test func `a file's name does not steer the terminal`() async throws {
    let run = try await inspect(["--capture", "no\u{1B}[31mfile"])
    #expect(run.status == 2)
    #expect(run.errors.contains(#"no\u001b[31mfile"#))
  }
}
