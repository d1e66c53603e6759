// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import ConstrainedCore
import Foundation
import TestSupport
import Testing

@Suite("What a payload is taken from")
struct PayloadTests {
  /// The payloads that the simulator's log has, and the Content-Formats on the wire.
  private func sent(
    _ options: [String],
    input: String = "",
    in folder: DTLSCommandTests.Folder
  ) async throws -> (run: Run, payloads: [String], formats: [UInt64]) {
    let simulator = try Simulator(["--log", "json"])
    let relay = try DatagramRelay(to: UInt16(simulator.port))
    let run = try await nbiot(
      simulator.device(["--device-secret-file", simulator.secretFile] + options)
        + ["--endpoint", "127.0.0.1:\(relay.port)"],
      input: input
    )
    relay.stop()
    let records = try simulator.stop().log.split(separator: "\n").compactMap {
      try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
    }
    let reports = records.filter { ($0["path"] as? String)?.hasPrefix("/topic") == true }
    // Behind the headers of IPv4 and UDP.
    let formats = try relay.packets.compactMap { try Self.format(ofReport: Array($0.0[28...])) }
    return (run, reports.compactMap { $0["payload"] as? String }, formats)
  }

  /// The Content-Format of a request to a topic; `nil` for other messages.
  private static func format(ofReport datagram: [UInt8]) throws -> UInt64? {
    let message = try MessageView(datagram.span)
    guard message.code == .post else { return nil }
    var segments = 0
    var format: UInt64?
    var options = message.options
    while let option = options.next() {
      if option.number == .uriPath { segments += 1 }
      if option.number == .contentFormat { format = option.uintValue }
    }
    return segments > 1 ? format : nil
  }

  @Test(arguments: [
    (["--payload", "@FOLDER/a.json"], "", #"{"value":1}"#, 50),
    (["--payload", "-"], "a\nb\n", "0x610a620a", 50),
    (["--payload", "@-"], "text", "text", 50),
    (["--payload", "@@handle"], "", "@handle", 50),
    (["--payload", "@@@handle"], "", "@@handle", 50),
    (["--payload", "@FOLDER/@odd"], "", "odd", 50),
    (["--payload", ""], "", "", 50),
    (["--payload", "-5"], "", "-5", 50),
    (["--payload", "@FOLDER/bytes", "--format", "octet-stream"], "", "0x00ff80", 42),
    (["--payload", "02 00:00 0x7b", "--hex"], "", "0x0200007b", 42),
    (["--payload", "@FOLDER/digits", "--hex"], "", "0x0200007b0a0b", 42),
    (["--payload", "-", "--hex"], "0200\n007b\n", "0x0200007b", 42),
    (["--payload", "a16161f5", "--hex", "--format", "cbor"], "", #"{"a": true}"#, 60),
    (["--payload", "7b7d", "--hex", "--format", "json"], "", "{}", 50),
    (["--payload", "@FOLDER/a.json", "--format", "cbor"], "", #"{"value": 1}"#, 60),
    (["--hex"], "00ff\n", "0x00ff", 42),
  ])
  func `an argument, a file and standard input give one payload, as it is or by its digits`(
    options: [String],
    input: String,
    payload: String,
    format: UInt64
  ) async throws {
    let folder = try DTLSCommandTests.Folder()
    for (name, bytes) in [
      ("a.json", Data(#"{"value":1}"#.utf8)), ("@odd", Data("odd".utf8)),
      ("bytes", Data([0, 0xFF, 0x80])), ("digits", Data("0200 007b\r\n0a:0b\n".utf8)),
    ] {
      try bytes.write(to: folder.url.appending(path: name))
    }
    let options = options.map { $0.replacing("FOLDER", with: folder.url.path) }
    let (run, payloads, formats) = try await sent(options, input: input, in: folder)
    #expect(run.status == 0, "\(run.errors)")
    #expect(payloads == [payload])
    #expect(formats == [format])
  }

  @Test(arguments: [
    ("pipe", "is no file, but a pipe: give a regular one, or - with it as standard input"),
    ("device", "is no file, but a device: give a regular one, or - with it as standard input"),
    ("folder", "is no file, but a directory: give a regular one"),
    ("missing", "cannot be opened: No such file or directory"),
    ("long", "the payload has 1025 bytes; at most 1,024 are allowed"),
    ("huge", "has 70000 bytes: a message takes at most 1,024 bytes"),
    ("", "a file's name is missing behind @ (a text that begins with @ is written with @@)"),
  ])
  func `a file that gives no payload is refused at once, by name, and nothing is sent`(
    kind: String,
    reason: String
  ) async throws {
    let folder = try DTLSCommandTests.Folder()
    let path = folder.path("strange")
    switch kind {
    case "pipe": #expect(unsafe mkfifo(path, 0o600) == 0)
    case "device": #expect(unsafe symlink("/dev/zero", path) == 0)
    case "folder": #expect(unsafe mkdir(path, 0o700) == 0)
    case "long": try Data(repeating: 0x61, count: 1_025).write(to: URL(filePath: path))
    case "huge": try Data(repeating: 0x61, count: 70_000).write(to: URL(filePath: path))
    default: break
    }
    let names = ["--product-key", "k", "--device-name", "dddd", "--endpoint", "127.0.0.1:1"]
    let argument = kind.isEmpty ? "@" : "@\(path)"
    for command in [
      ["publish", "--topic", "/k/dddd/user/x", "--payload", argument],
      ["doctor", "--payload", argument],
      ["call", "thing.event.property.post", argument],
      ["call", "up_raw", argument],
    ] {
      // A call's own limit is another one.
      if kind == "long", command[0] == "call" { continue }
      let run = try await nbiot(command + names, environment: ["NBIOT_DEVICE_SECRET": "s"])
      #expect(run.status == 2, "\(command): \(run.output)\(run.errors)")
      #expect(run.errors.contains(reason), "\(command): \(run.errors)")
      #expect(run.output.isEmpty)
    }
  }

  @Test(arguments: [
    (
      ["--payload", "0x0", "--hex"], "",
      "the text is not hexadecimal: the digit in column 3 stands alone"
    ),
    (["--payload", "-", "--hex"], "zz", "standard input is not hexadecimal: z in column 1"),
    (["--payload", "{bad", "--format", "cbor"], "", "the text is not JSON: byte 1"),
  ])
  func `a payload that makes no sense is an error of usage`(
    options: [String],
    input: String,
    reason: String
  ) async throws {
    let run = try await nbiot(
      ["publish", "--product-key", "k", "--device-name", "dddd", "--topic", "/k/dddd/user/x"]
        + options,
      input: input,
      environment: ["NBIOT_DEVICE_SECRET": "s", "NBIOT_ENDPOINT": "127.0.0.1:1"]
    )
    #expect(run.status == 2)
    #expect(run.errors.contains("--payload: \(reason)"), "\(run.errors)")
  }

  @Test(arguments: [
    (1_025, "the payload has 1025 bytes"), (65_537, "standard input has over 64 KiB"),
  ])
  func `more on standard input than a message takes is an error of usage`(
    count: Int,
    reason: String
  ) async throws {
    let run = try await nbiot(
      ["publish", "--product-key", "k", "--device-name", "dddd", "--topic", "/k/dddd/user/x"]
        + ["--payload", "-"],
      input: String(repeating: "a", count: count),
      environment: ["NBIOT_DEVICE_SECRET": "s", "NBIOT_ENDPOINT": "127.0.0.1:1"]
    )
    #expect(run.status == 2)
    #expect(run.errors.contains("--payload: \(reason)"), "\(run.errors)")
  }

  @Test func `a JSON payload may be longer than the CBOR that is made of it`() async throws {
    let folder = try DTLSCommandTests.Folder()
    let json = "[" + Array(repeating: "1000000", count: 150).joined(separator: ", ") + "]"
    let (run, _, formats) = try await sent(
      ["--payload", json, "--format", "cbor"],
      in: folder
    )
    #expect(json.utf8.count > 1_024)
    #expect(run.status == 0, "\(run.errors)")
    #expect(formats == [60])
  }

  @Test func `messages to look into come from a file or standard input as well`() async throws {
    let folder = try DTLSCommandTests.Folder()
    let file = folder.path("messages.txt")
    try Data("40017d34\n\n40017d35\n".utf8).write(to: URL(filePath: file))
    let run = try await nbiot(["inspect", "@\(file)", "40017d36", "-"], input: "40017d37\nzz\n")
    #expect(run.status == 1)
    let numbers = run.output.matches(of: /message ID ([0-9]+)/).compactMap { Int($0.1) }
    #expect(numbers == [0x7D34, 0x7D35, 0x7D36, 0x7D37])
    #expect(run.errors.contains("line 2: z in column 1"))
    let missing = try await nbiot(["inspect", "@\(folder.path("none"))"])
    #expect(missing.status == 2)
  }

  @Test func `a line that is no digits is refused, and the others are sent`() async throws {
    let folder = try DTLSCommandTests.Folder()
    let (run, payloads, _) = try await sent(["--hex"], input: "00ff\nzz\n\n01\n", in: folder)
    #expect(run.status == 1)
    #expect(payloads == ["0x00ff", "0x01"])
    #expect(
      run.output.contains("report 2 refused, 0 ms: the line is not hexadecimal: z in column 1")
    )
  }

  @Test func `a call takes its parameters from a file or standard input`() async throws {
    let folder = try DTLSCommandTests.Folder()
    let simulator = try Simulator()
    let file = folder.path("parameters.json")
    try Data("\u{FEFF}{\"a\":{\"value\":1}}\r\n".utf8).write(to: URL(filePath: file))
    let device = [
      "--product-key", "a1B2c3D4e5F", "--device-name", "device1", "--endpoint",
      "127.0.0.1:\(simulator.port)", "--device-secret-file", simulator.secretFile,
    ]
    let method = ["call", "thing.event.property.post"]
    for run in [
      try await nbiot(method + ["@\(file)"] + device),
      try await nbiot(method + ["-"] + device, input: #"{"a":{"value":1}}"#),
    ] {
      #expect(run.status == 0, "\(run.errors)")
    }
    let empty = try await nbiot(method + ["-"] + device)
    #expect(empty.status == 2)
    #expect(empty.errors.contains("standard input is empty: no parameters are in it"))
    try Data([0xFF, 0xFE, 0x7B, 0]).write(to: URL(filePath: file))
    let wide = try await nbiot(method + ["@\(file)"] + device)
    #expect(wide.errors.contains("is UTF-16: save it as UTF-8"))
    let log = try simulator.stop().log
    #expect(log.components(separatedBy: #""params":{"a":{"value":1}}"#).count == 3, "\(log)")
  }
}
