internal import ArgumentParser
internal import CoAPMessage
internal import ConstrainedCore
internal import Foundation
internal import NIOCore
internal import OpenSSLSupport
internal import PayloadCoding
internal import PlatformSimulator

struct SimulateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate",
    abstract:
      "Runs a platform on this machine that answers devices in symmetric mode or over DTLS.",
    discussion: """
      Example:
        (umask 077; openssl rand -hex 16 > secret.txt)
        nbiot simulate --port 5682 --device a1B2c3D4e5F,device1,secret.txt

      Example over DTLS; the first run makes the certificates, and devices trust certificates/ca.pem:
        nbiot simulate --security dtls --certificates certificates \\
          --device a1B2c3D4e5F,device1,secret.txt

      A device that finds desired values and firmware, and is held to a thing model:
        nbiot simulate --device a1B2c3D4e5F,device1,secret.txt \\
          --thing-model model.json --desired power=on \\
          --firmware-version 2.0.0 --firmware-file app.bin \\
          --firmware-url https://example.com/app.bin

      It is as strict as the device guide: sign, fields, options, sequence numbers, padding. The \
      options below name each tolerance. It prints one line for each request, and ends with Ctrl-C \
      (status 130) or SIGTERM (0).
      """
  )

  @Option(help: "The address to listen on, in digits.")
  var host = "127.0.0.1"

  @Option(
    help:
      "The UDP port to listen on (default: 5682, with DTLS 5684); 0 takes any free one and prints it."
  )
  var port: Int?

  @Option(help: "How the messages are protected.")
  var security = SecurityArgument.symmetric

  @Option(
    help: ArgumentHelp(
      "A device that may authenticate; repeat it for more.",
      valueName: "pk,dn,secretfile"
    )
  )
  var device: [String] = []

  @Option(help: "The seqOffset in the answer to /auth.")
  var seqOffset: UInt64 = 1

  @Option(help: ArgumentHelp("How long a token is good for.", valueName: "seconds"))
  var tokenLifetime: Int64 = 7 * 24 * 3_600

  @Option(help: "How requests are answered when /auth does not say: piggybacked or separate.")
  var answer = AckModeArgument.piggybacked

  @Option(
    help: "Which seq is taken: greater than seqOffset, or greaterOrEqual as the C SDK sends it."
  )
  var sequenceRule = SequenceRuleArgument.greater

  @Option(help: "Which option carries the token; 61 for devices with the SDKs 3.0 to 3.2.")
  var tokenOption = TokenOptionArgument.current

  @Option(
    help: ArgumentHelp(
      "With DTLS: where ca.pem, server.pem and server-key.pem are; made there on first use.",
      valueName: "directory"
    )
  )
  var certificates: String?

  @Option(help: "With DTLS: how sessions are resumed (default: id).")
  var resumption: ResumptionArgument?

  @Option(
    help: ArgumentHelp(
      "With DTLS: how long a session can be resumed (default: 86400).",
      valueName: "seconds"
    )
  )
  var sessionLifetime: Int?

  @Option(
    help: ArgumentHelp(
      "With DTLS: close an association after so long a silence (default: 300); 0 for never.",
      valueName: "seconds"
    )
  )
  var idleClose: Int?

  @Flag(help: "With DTLS: take static RSA and CBC too, as the platform's C SDKs need.")
  var legacySuites = false

  @OptionGroup(title: "What the console would hold")
  var product: ProductOptions

  @Option(
    help: """
      Which names devices may have beside letters and digits: _ @ . - : (current), or _ @ . as the device guide \
      has them (guide).
      """
  )
  var deviceNames = DeviceNamesArgument.current

  @OptionGroup var modelRules: ModelRuleOptions

  @Option(help: "How requests are printed.")
  var log = OutputArgument.text

  func validate() throws {
    guard !device.isEmpty || !product.register.isEmpty else {
      throw ValidationError("no device may authenticate: give --device PK,DN,SECRETFILE")
    }
    guard product.register.isEmpty || security == .dtls else {
      throw ValidationError("devices register themselves over DTLS: give --security dtls")
    }
    if let port, port < 0 || port > 65_535 { throw ValidationError("--port is 0 to 65535") }
    if security == .dtls, certificates == nil {
      throw ValidationError(
        "give --certificates DIRECTORY: an authority and a certificate are made in it if it is empty"
      )
    }
    let numbers = [idleClose, sessionLifetime]
    if security == .symmetric,
      certificates != nil || legacySuites || resumption != nil
        || numbers.contains(where: { $0 != nil })
    {
      throw ValidationError("these options belong to DTLS: give --security dtls with them")
    }
    guard (1...3_155_760).contains(sessionLifetime ?? 1), (0...3_155_760).contains(idleClose ?? 0)
    else {
      throw ValidationError(
        "--session-lifetime is 1 to 3,155,760 seconds, --idle-close 0 to 3,155,760"
      )
    }
    guard tokenLifetime > 0, tokenLifetime <= 3_155_760_000 else {
      throw ValidationError("--token-lifetime is 1 second to 100 years")
    }
  }

  func run() async throws {
    var configuration = SimulatorConfiguration()
    configuration.devices = try device.map(Self.parse)
    configuration.deviceNames = deviceNames.simulated
    configuration.modelRules = modelRules.simulated
    try product.apply(to: &configuration)
    try checkNames(configuration)
    configuration.sequenceOffset = seqOffset
    configuration.tokenLifetime = Milliseconds(tokenLifetime * 1_000)
    configuration.answerMode = answer == .piggybacked ? .piggybacked : .separate
    configuration.sequenceRule = sequenceRule == .greater ? .greater : .greaterOrEqual
    configuration.tokenOption = tokenOption == .current ? 2088 : 61
    if let certificates, security == .dtls {
      configuration.protection = .dtls
      let files = try CertificateFiles.load(certificates, host: host)
      configuration.dtls.certificate = files.certificate
      configuration.dtls.key = files.key
      if let resumption { configuration.dtls.resumption = resumption.server }
      if let sessionLifetime {
        configuration.dtls.sessionLifetime = Milliseconds(Int64(sessionLifetime) * 1_000)
      }
      if let idleClose {
        configuration.dtls.idleLimit =
          idleClose == 0 ? nil : Milliseconds(Int64(idleClose) * 1_000)
      }
      configuration.dtls.allowsLegacySuites = legacySuites
      if legacySuites {
        Console.complain("warning: --legacy-suites takes static RSA and CBC, which are weaker")
      }
    }
    let port = port ?? (security == .dtls ? 5_684 : 5_682)
    let isJSON = log == .json
    let signals = Signals()
    let server: SimulatorServer
    do {
      server = try await SimulatorServer.start(configuration, host: host, port: port) { record in
        if isJSON {
          record.printJSON()
        } else {
          Console.print("\(Clock.timestamp()) \(record.line)")
        }
      }
    } catch {
      throw Complaint(Self.sentence(error, host: host, port: port, certificates))
    }
    Console.print(
      isJSON
        ? #"{"listening":"\#(host)","port":\#(server.port)}"#
        : "listening on \(host) port \(server.port), "
          + "\(device.count + product.register.count) device(s)"
          + (security == .dtls ? ", DTLS 1.2" : "")
    )
    await signals.wait()
    try await server.close()
  }

  /// Why the server does not run.
  private static func sentence(
    _ error: any Error,
    host: String,
    port: Int,
    _ certificates: String?
  ) -> String {
    if error is OpenSSLError {
      return
        "the certificate or the key in \(certificates ?? "memory") cannot be used: they are broken, "
        + "or do not belong together"
    }
    let reason = (error as? IOError).map { PrivateFile.text($0.errnoCode) } ?? "\(error)"
    return "cannot listen on \(host) port \(port): \(reason)"
  }

  /// Refuses names that no device could have: it would never be known.
  private func checkNames(_ configuration: SimulatorConfiguration) throws {
    let names =
      configuration.devices.map(\.deviceName) + configuration.subDevices.map(\.deviceName)
      + configuration.products.flatMap(\.registrable)
    guard let wrong = names.first(where: { !configuration.deviceNames.allows($0) }) else { return }
    let marks = deviceNames == .current ? "_ @ . - :" : "_ @ ."
    throw Complaint(
      "the device name \(wrong) is not 4 to 32 letters, digits and \(marks) (device guide 6.3, code 6280)"
    )
  }

  private static func parse(_ text: String) throws -> SimulatedDevice {
    let parts = text.split(separator: ",", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, !parts.contains(where: \.isEmpty) else {
      throw Complaint("--device takes PRODUCTKEY,DEVICENAME,SECRETFILE, not \(text)")
    }
    return SimulatedDevice(
      productKey: InputText.trimmed(String(parts[0])),
      deviceName: InputText.trimmed(String(parts[1])),
      secret: try Secret.read(String(parts[2]))
    )
  }
}

/// Ctrl-C and SIGTERM, from the moment that this value exists.
private struct Signals {
  private let stream: AsyncStream<Void>
  private let signals: InterruptSignal

  init() {
    let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
    self.stream = stream
    signals = InterruptSignal { continuation.yield() }
  }

  /// Waits for the first of them.
  func wait() async {
    for await _ in stream { break }
    // That is how a server is meant to end.
    EndingSignal.forgive(SIGTERM)
  }
}

extension RequestRecord {
  /// Prints the record as an object on one line.
  fileprivate func printJSON() {
    var buffer = [UInt8](
      repeating: 0,
      count: 4_096 + 6
        * (Self.printable(payload).utf8.count + path.utf8.count + note.utf8.count
          + (method?.utf8.count ?? 0))
    )
    var json = JSONWriter(buffer.mutableSpan)
    do throws(CapacityError) {
      try write(into: &json)
    } catch {
      preconditionFailure("the longest record fits its buffer")
    }
    Console.print(json: json.written)
  }

  private func write(into json: inout JSONWriter) throws(CapacityError) {
    try json.beginObject()
    try json.key("time")
    try json.text(Clock.timestamp())
    try json.key("kind")
    try json.text(kind.rawValue)
    try json.key("peer")
    try json.text(peer)
    try json.key("device")
    try json.text(device)
    try json.key("path")
    try json.text(path)
    try json.key("seq")
    if let sequence { try json.unsigned(sequence) } else { try json.null() }
    try json.key("payload")
    try json.text(Self.printable(payload))
    try json.key("code")
    try json.text(code?.dotted)
    try json.key("messageID")
    try json.text(platformMessageID.map { "\($0)" })
    try json.key("method")
    try json.text(method)
    try json.key("replyCode")
    if let replyCode { try json.integer(Int64(replyCode.rawValue)) } else { try json.null() }
    try json.key("bytesUp")
    try json.integer(Int64(bytesUp))
    try json.key("bytesDown")
    try json.integer(Int64(bytesDown))
    try json.key("note")
    try json.text(note)
    try json.endObject()
  }
}
