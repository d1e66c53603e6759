// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Inspection
internal import PacketCapture
internal import SecurityLayer

struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Shows what is in CoAP messages: from hexadecimal digits or from a capture file.",
    usage: """
      nbiot inspect [HEX ...] [--capture FILE] [--device-secret-file FILE]
        [options]
      """,
    discussion: """
      Example, a message as an argument, and many, one a line:
        nbiot inspect 40017d34bb74656d7065726174757265
        nbiot inspect --output json < messages.txt

      Example, what tcpdump has seen of a device, with what is inside the encrypted reports:
        tcpdump -i any -s 0 -w device.pcap udp port 5682
        nbiot inspect --capture device.pcap --device-secret-file secret.txt

      Example, the same while it happens:
        tcpdump -i any -s 0 -U -w - udp port 5682 | \\
          nbiot inspect --capture - --device-secret-file secret.txt

      Spaces, tabs, colons and 0x may stand between the bytes; empty lines are skipped. A message that \
      is not CoAP is a result too, with the reason and the offending byte. In a capture, DTLS records \
      (port 5684) are named but not decrypted. --output json prints one object for each message: first \
      as it was on the wire, then its meaning and its decrypted parts.

      A session's key is derived from the device secret and from the random in the platform's plaintext \
      answer to /auth. That answer is taken from the capture or from the messages before; if there are \
      several, each decrypts the reports with its token. If there is none, give --random. The secret \
      comes from a file, from the environment variable NBIOT_DEVICE_SECRET, or from the file that a \
      configuration of nbiot-agent names (--config), never from an argument.

      Exit status: 0 everything was read, 1 some lines were not hexadecimal or the capture broke off, \
      2 usage, or a file that cannot be read.
      """
  )

  @Argument(
    help: ArgumentHelp(
      "Messages, each in hexadecimal digits; @FILE has them line by line, and so has standard input, which is "
        + "read for - and where there are none.",
      valueName: "hex"
    )
  )
  var messages: [String] = []

  @Option(
    help: "A capture file, pcap or pcapng; - reads it from standard input.",
    completion: .file()
  )
  var capture: String?

  @Option(
    help: "A UDP port whose packets are shown; repeat it for more (default: 5683, 5682, 5684)."
  )
  var port: [UInt16] = []

  @OptionGroup var secret: DeviceSecretOption

  @OptionGroup var file: ConfigurationOption

  @Option(help: "The random that /auth gave, where its answer is not among the messages.")
  var random: String?

  @OptionGroup var output: OutputOption

  func validate() throws {
    if capture != nil, !messages.isEmpty {
      throw ValidationError("give either messages or --capture FILE, not both")
    }
    if capture == nil {
      try Contradiction.check(
        [("--port", !port.isEmpty)],
        belongTo: "a capture",
        give: "--capture FILE"
      )
    }
    if port.contains(0) { throw ValidationError("--port is 1 to 65535") }
    if let random, random.isEmpty || random.utf8.count > 32 {
      throw ValidationError("--random has 1 to 32 characters, as the answer to /auth gives it")
    }
  }

  func run() throws {
    let status =
      if let capture {
        try inspect(capture: capture)
      } else if messages.isEmpty {
        try inspectLines()
      } else {
        try inspectArguments()
      }
    if status != .success { throw status.error }
  }

  private func makeInspector() throws -> MessageInspector {
    let configured = file.config?.deviceSecretFile
    guard
      random != nil || secret.file != nil || configured != nil || Secret.isInEnvironment()
    else {
      return MessageInspector()
    }
    var secret = try secret.load(file.config)
    defer { Secret.erase(&secret) }
    do throws(SecurityError) {
      guard let random else { return try MessageInspector(secret: secret.span) }
      return try MessageInspector(secret: secret.span, random: Array(random.utf8).span)
    } catch {
      throw Complaint("no key can be made of the device secret and --random: \(error)")
    }
  }

  private func inspectArguments() throws -> ExitStatus {
    var printer = Printer(try makeInspector(), output.form)
    var status = ExitStatus.success
    for (index, message) in messages.enumerated() {
      let place = messages.count > 1 ? "argument \(index + 1): " : ""
      if message == "-" {
        if try inspectLines(&printer) != .success { status = .undelivered }
        continue
      }
      if message.hasPrefix("@") {
        if try inspect(file: String(message.dropFirst()), &printer) != .success {
          status = .undelivered
        }
        continue
      }
      var lines = HexLines()
      var isEmpty = true
      for byte in message.utf8 + [0x0A] {
        guard let line = lines.take(byte) else { continue }
        isEmpty = false
        if !printer.show(line, place) { status = .undelivered }
      }
      if isEmpty {
        Console.complain("nbiot: \(place)there are no digits in it")
        status = .undelivered
      }
    }
    return status
  }

  /// Shows the messages in a file, one per line.
  private func inspect(file path: String, _ printer: inout Printer) throws -> ExitStatus {
    var status = ExitStatus.success
    var lines = HexLines()
    for byte in try InputText.read(path) + [0x0A] {
      guard let line = lines.take(byte) else { continue }
      if !printer.show(line, "\(path), line \(line.number): ") { status = .undelivered }
    }
    return status
  }

  private func inspectLines() throws -> ExitStatus {
    var printer = Printer(try makeInspector(), output.form)
    return try inspectLines(&printer)
  }

  private func inspectLines(_ printer: inout Printer) throws -> ExitStatus {
    var status = ExitStatus.success
    var lines = HexLines()
    if Console.isInputInteractive {
      Console.complain("nbiot: type messages in hexadecimal digits, one a line; Ctrl-D ends")
    }
    while true {
      let bytes = try Console.read()
      for byte in bytes {
        guard let line = lines.take(byte) else { continue }
        if !printer.show(line, "line \(line.number): ") { status = .undelivered }
      }
      if bytes.isEmpty { break }
    }
    if let line = lines.finish(), !printer.show(line, "line \(line.number): ") {
      status = .undelivered
    }
    return status
  }

  private func inspect(capture path: String) throws -> ExitStatus {
    let inspector = try makeInspector()
    var file = try open(path)
    guard LinkType.supported.contains(file.linkType) else {
      throw Complaint(
        "the packets of \(path) begin with \(CaptureFile.name(of: file.linkType)), and only Ethernet, "
          + "Linux cooked, raw IP and BSD loopback are read: capture on another device (tcpdump -i any)"
      )
    }
    var packets = PacketInspector(
      inspector,
      linkType: file.linkType,
      ports: port.isEmpty ? PacketInspector.defaultPorts : Set(port)
    )
    var separator = ""
    do throws(CaptureError) {
      while let packet = try file.next() {
        switch output.form {
        case .json:
          if let line = packets.json(packet) { Console.print(json: line.span) }
        case .text:
          guard let text = packets.text(packet) else { continue }
          Console.print(lines: separator + text)
          separator = "\n"
        }
      }
    } catch {
      Console.complain("nbiot: \(packets.counts)")
      Console.complain(
        "nbiot: the capture \(path) breaks off after that: \(Self.reason(error)); what comes before "
          + "was shown"
      )
      return .undelivered
    }
    Console.complain("nbiot: \(packets.counts)")
    return .success
  }

  private func open(_ path: String) throws -> CaptureFile {
    do throws(CaptureError) {
      return try CaptureFile(path: path)
    } catch {
      throw Complaint(
        "the capture cannot be read: \(Self.reason(error)). Give a file that tcpdump -w or Wireshark "
          + "has written, and check that it exists and may be read"
      )
    }
  }

  private static func reason(_ error: CaptureError) -> String {
    switch error {
    case .notOpened(let text), .broken(let text): text
    }
  }
}

/// Prints the messages in lines, or their errors.
private struct Printer: ~Copyable {
  private var inspector: MessageInspector
  private let output: OutputArgument
  private var separator = ""

  init(_ inspector: consuming MessageInspector, _ output: OutputArgument) {
    self.inspector = inspector
    self.output = output
  }

  /// Shows the line's message; returns `false` if the line is not one.
  mutating func show(_ line: HexLines.Line, _ place: String) -> Bool {
    if let error = line.error {
      Console.complain("nbiot: \(place)\(error)")
      return false
    }
    switch output {
    case .json: Console.print(json: inspector.json(line.bytes.span).span)
    case .text:
      Console.print(lines: separator + inspector.text(line.bytes.span))
      separator = "\n"
    }
    return true
  }
}
