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
    usage: "nbiot simulate --device PK,DN,SECRETFILE [--port PORT] [options]",
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

      Example, the device of a configuration of nbiot-agent:
        nbiot simulate --config agent.conf

      Example, for a device with the platform's own C SDK 2.3, 3 or 4, or its Java sample:
        nbiot simulate --tolerant --device a1B2c3D4e5F,device1,secret.txt

      Example, the same over DTLS:
        nbiot simulate --tolerant --security dtls --legacy-suites \\
          --certificates certificates \\
          --device a1B2c3D4e5F,device1,secret.txt

      It prints one line for each request, and ends with Ctrl-C (status 130) or SIGTERM (0). It is as strict as the device guide: sign, \
      fields, options, sequence numbers, padding. Where the guide is silent, it takes without a word: a sign in \
      upper or lower case; any clientId of up to 64 bytes; any timestamp; hmacsha256; /auth in CBOR; a report \
      without Content-Format, as JSON; elective options that it does not know; any Uri-Host and Uri-Port; sequence \
      numbers in any order. What the platform's own SDKs send beside the guide it refuses, with a line and an \
      answer that name the option which takes it: --tolerant, or over DTLS --legacy-suites.
      """
  )

  @OptionGroup var simulated: SimulatedDeviceOptions

  @Option(help: "The address to listen on, in digits.")
  var host = "127.0.0.1"

  @Option(
    help:
      "The UDP port to listen on (default: 5682, with DTLS 5684); 0 takes any free one and prints it."
  )
  var port: Int?

  @Option(
    name: .customLong("security"),
    help: "How the messages are protected (default: symmetric)."
  )
  var givenSecurity: SecurityArgument?

  /// How the messages are protected.
  private var security: SecurityArgument { givenSecurity ?? simulated.security ?? .symmetric }

  @Option(help: "The seqOffset in the answer to /auth.")
  var seqOffset: UInt64 = 1

  @Option(help: ArgumentHelp("How long a token is good for.", valueName: "seconds"))
  var tokenLifetime: Int64 = 7 * 24 * 3_600

  @Flag(
    help: """
      Take what the platform's own SDKs send and the guide does not have, with a line in the log each time: \
      Accept 42; no Content-Format in /auth; seq in /auth hexadecimal or a number (timestamp and ackMode a number, \
      too); the first seq equal to seqOffset; the token in option 2088 or 61, at the same time; signmethod in any \
      case.
      """
  )
  var tolerant = false

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

  @Flag(
    help: """
      With DTLS: take static RSA and CBC too, and show a certificate with an RSA key to devices without elliptic \
      curves, as the platform's C SDKs are; ca-rsa.pem, server-rsa.pem and server-rsa-key.pem are made beside the \
      others.
      """
  )
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
    guard simulated.isGiven || !product.register.isEmpty else {
      throw ValidationError(
        "no device may authenticate: give --device PK,DN,SECRETFILE, or set NBIOT_PRODUCT_KEY and NBIOT_DEVICE_NAME, "
          + "or give --config FILE with product-key and device-name"
      )
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
    configuration.devices = try simulated.devices(or: product.register.isEmpty)
    configuration.deviceNames = deviceNames.simulated
    configuration.modelRules = modelRules.simulated
    try product.apply(to: &configuration)
    try checkNames(configuration)
    configuration.sequenceOffset = seqOffset
    configuration.tokenLifetime = Milliseconds(tokenLifetime * 1_000)
    configuration.answerMode = answer == .piggybacked ? .piggybacked : .separate
    configuration.sequenceRule = sequenceRule == .greater ? .greater : .greaterOrEqual
    configuration.tokenOption = tokenOption == .current ? 2088 : 61
    configuration.leniencies = tolerant ? Set(Leniency.allCases) : []
    configuration.settingNames.leniencies = "--tolerant"
    configuration.settingNames.legacySuites = "--legacy-suites"
    configuration.settingNames.plainValues = "--plain-values"
    if let certificates, security == .dtls {
      configuration.protection = .dtls
      let files = try CertificateFiles.load(certificates, host: host, needsRSA: legacySuites)
      configuration.dtls.certificate = files.certificate
      configuration.dtls.key = files.key
      configuration.dtls.rsaCertificate = files.rsaCertificate
      configuration.dtls.rsaKey = files.rsaKey
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
    let log = log
    let isJSON = log == .json
    let signals = Signals()
    let server: SimulatorServer
    do {
      server = try await SimulatorServer.start(configuration, host: host, port: port) { record in
        record.print(as: log)
      }
    } catch {
      throw Complaint(Self.sentence(error, host: host, port: port, certificates))
    }
    Console.print(
      isJSON
        ? #"{"listening":"\#(host)","port":\#(server.port)}"#
        : "listening on \(host) port \(server.port), "
          + "\(configuration.devices.count + product.register.count) device(s)"
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
