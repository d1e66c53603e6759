// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import CoAPMessage
internal import ConstrainedCore
internal import Foundation
internal import NIOCore
internal import OpenSSLSupport
internal import PayloadCoding
internal import PlatformBroker
internal import PlatformConsole
internal import PlatformCore
internal import PlatformSimulator
internal import PlatformWebServer

struct SimulateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate",
    abstract:
      "Runs a platform on this machine that answers devices over CoAP, and over MQTT and HTTPS where it is asked to.",
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

      Example, over MQTT with TLS too, and a socket for nbiot push:
        nbiot simulate --mqtts 8883 --wss 8443 --control 5690 \\
          --certificates certificates --device a1B2c3D4e5F,device1,secret.txt

      Example, over HTTPS too, which serves the firmware as well:
        nbiot simulate --https 8443 --certificates certificates \\
          --device a1B2c3D4e5F,device1,secret.txt \\
          --firmware-version 2.0.0 --firmware-file app.bin

      Example, for a device with the platform's own C SDK 2.3, 3 or 4, or its Java sample:
        nbiot simulate --tolerant --device a1B2c3D4e5F,device1,secret.txt

      Example, the same over DTLS:
        nbiot simulate --tolerant --security dtls --legacy-suites \\
          --certificates certificates \\
          --device a1B2c3D4e5F,device1,secret.txt

      Example, a platform that fails twice, and disables the device after its fifth report:
        nbiot simulate --device a1B2c3D4e5F,device1,secret.txt \\
          --fail 5.00,2,on=report --disable a1B2c3D4e5F,device1,5

      Example, a bad radio over which some datagrams come twice or late; nbiot fault adds more while it runs:
        nbiot simulate --device a1B2c3D4e5F,device1,secret.txt --control 5690 \\
          --radio ecl2 --fault duplicate=5%,delay=1s..3s

      Example, with pages to watch devices, send to them and click faults, at http://127.0.0.1:8080:
        nbiot simulate --device a1B2c3D4e5F,device1,secret.txt \\
          --console 127.0.0.1:8080

      It prints one line for each request, and ends with Ctrl-C (status 130) or SIGTERM (0). It is as strict as \
      the device guide: sign, fields, options, sequence numbers, padding, topics. Where the guide is silent, it \
      takes without a word: in /auth a signature in upper or lower case, any clientId of up to 64 bytes, any \
      timestamp, hmacsha256, CBOR, and in symmetric mode no seq; in a registration no Content-Format, unknown \
      members, signmethod or signMethod in any case; on reports and /pull any Content-Format or none, as JSON \
      unless it is 60, and sequence numbers in any order; in Alink unknown members of the envelope and of a \
      property's object; any bytes on custom topics, _reply topics and up_raw; unknown elective options, or \
      ones of a wrong length; any Uri-Host and Uri-Port. What the platform's own SDKs send beside the guide it \
      refuses, with a line and an answer that name the option which takes it: --tolerant, or over DTLS \
      --legacy-suites.

      If the reader of the log stalls, so do the answers; Ctrl-C and SIGTERM end it all the same.
      """
  )

  @OptionGroup var serving: ServingOptions

  @OptionGroup(title: "MQTT, which needs mosquitto")
  var mqtt: MQTTServingOptions

  @OptionGroup(title: "HTTPS")
  var web: WebServingOptions

  @OptionGroup(title: "Pages to watch it")
  var pages: PagesOptions

  @OptionGroup(title: "With --security dtls")
  var dtls: ServerDTLSOptions

  @OptionGroup(title: "Topics that devices may publish to")
  var topics: TopicOptions

  @OptionGroup(title: "What the console would hold")
  var product: ProductOptions

  @OptionGroup(title: "What the console would do")
  var console: ConsoleOptions

  @OptionGroup(title: "Faults of the network and of the platform")
  var faults: FaultOptions

  @OptionGroup(title: "Where the guide and the platform's SDKs differ")
  var answering: AnsweringOptions

  @OptionGroup(title: "How a thing model is read (unverified)")
  var modelRules: ModelRuleOptions

  @OptionGroup(title: "What else only the cloud could confirm")
  var assumptions: AssumptionOptions

  func validate() throws {
    guard serving.simulated.isGiven || !product.register.isEmpty else {
      throw ValidationError(
        "no device may authenticate: give --device PK,DN,SECRETFILE, or set NBIOT_PRODUCT_KEY and NBIOT_DEVICE_NAME, "
          + "or give --config FILE with product-key and device-name"
      )
    }
    guard product.register.isEmpty || serving.security == .dtls || hasTLS else {
      throw ValidationError(
        "devices register themselves over DTLS or TLS: give --security dtls, --mqtts, --wss or --https"
      )
    }
    try checkFiles()
    guard !serving.host.isEmpty else { throw ValidationError("--host is \(Self.hostRule)") }
    if let port = serving.port, port < 0 || port > 65_535 {
      throw ValidationError("--port is 0 to 65535")
    }
    if serving.security == .dtls, dtls.certificates == nil {
      throw ValidationError(
        "give --certificates DIRECTORY: an authority and a certificate are made in it if it is empty"
      )
    }
    if mqtt.hasTLS, dtls.certificates == nil {
      throw ValidationError(
        "--mqtts and --wss need --certificates DIRECTORY: an authority and a certificate are made in it if it is empty"
      )
    }
    if web.https != nil, dtls.certificates == nil {
      throw ValidationError(
        "--https needs --certificates DIRECTORY: an authority and a certificate are made in it if it is empty"
      )
    }
    if let https = web.https, https != 0, mqtt.ports.values.contains(https) || mqtt.control == https
    {
      throw ValidationError("--https has the port of another server: give each its own")
    }
    switch serving.security {
    case .symmetric:
      try Contradiction.check(
        [("--certificates", dtls.certificates != nil && !hasTLS)],
        belongTo: "DTLS and TLS",
        give: "--security dtls, --mqtts, --wss or --https"
      )
      try Contradiction.check(dtls.given, belongTo: "DTLS", give: "--security dtls")
    case .dtls:
      let symmetric = [
        ("--seq-offset", answering.seqOffset != 1),
        ("--sequence-rule", answering.sequenceRule != .greater),
      ]
      try Contradiction.check(
        symmetric,
        belongTo: "the symmetric mode",
        give: "--security symmetric"
      )
    }
  }

  func run() async throws {
    var configuration = SimulatorConfiguration()
    configuration.devices = try serving.simulated.devices(or: product.register.isEmpty)
    configuration.modelRules = modelRules.simulated
    configuration.assumptions = try assumptions.assumptions()
    answering.apply(to: &configuration)
    let files = try product.apply(to: &configuration, hosts: web.https != nil)
    try topics.apply(to: &configuration)
    try console.apply(to: &configuration)
    try faults.apply(to: &configuration)
    try checkNames(configuration)
    try checkContradictions(configuration)
    configuration.settingNames.leniencies = "--tolerant"
    configuration.dtls.legacySuitesName = "--legacy-suites"
    configuration.settingNames.plainValues = "--plain-values"
    let host = serving.host
    let certificate = try dtls.certificates.map {
      try CertificateFiles.load($0, host: host, needsRSA: dtls.legacySuites)
    }
    if serving.security == .dtls { dtls.apply(to: &configuration, certificate) }
    let settings = mqtt.settings(host: host, certificate, assumptions.brokerAssumptions())
    let port = serving.port ?? (serving.security == .dtls ? 5_684 : 5_682)
    let log = serving.log
    let isJSON = log == .json
    let keys = Set(configuration.products.map(\.key))
    let signals = Signals()
    let book = pages.book(of: configuration)
    let server: SimulatorServer
    do {
      server = try await SimulatorServer.start(configuration, host: host, port: port) { record in
        var record = record
        record.note += record.hint(keys)
        record.print(as: log)
        book?.note(record)
      }
    } catch {
      throw Complaint(Self.sentence(error, host: host, port: port, dtls.certificates))
    }
    let web: ServedWeb?
    if let certificate {
      web = try await self.web.start(
        host: host,
        certificate,
        files,
        assumptions.webAssumptions(),
        beside: server,
        keys: keys,
        log: log,
        book
      )
    } else {
      web = nil
    }
    let broker =
      mqtt.isGiven || book != nil
      ? try await BrokerServer.start(settings, beside: server, keys: keys, log: log, book) : nil
    if let web {
      try await web.server.send(
        toMQTT: broker?.ports[.mqtts].map { WebAddress(host: web.name, port: $0) }
      )
    }
    var console: ServedPages?
    if let book, let broker {
      console = try await pages.serve(book, SimulatorPlatform(server, broker))
    }
    // Not before all addresses are taken: nobody is told of a platform that cannot start.
    Console.print(
      isJSON
        ? #"{"listening":"\#(host)","port":\#(server.port)}"#
        : "listening on \(host) port \(server.port), "
          + "\(configuration.devices.count + product.register.count) device(s)"
          + (serving.security == .dtls ? ", DTLS 1.2" : "")
    )
    broker?.announce(host, log)
    if let web { BrokerServer.announce("https", host, web.server.port, log) }
    if let console { Console.print(console.line(log)) }
    await signals.wait()
    try await console?.server.close()
    try await web?.server.close()
    try await broker?.close()
    try await server.close()
  }

  /// Whether something beside CoAP is served over TLS.
  private var hasTLS: Bool { mqtt.hasTLS || web.https != nil }

  /// Refuses files that nobody would serve.
  private func checkFiles() throws {
    guard web.https == nil else { return }
    guard product.firmwareFile.isEmpty || !product.firmwareUrl.isEmpty else {
      throw ValidationError(
        "firmware needs --firmware-version and --firmware-file together, and --firmware-url or "
          + "--https"
      )
    }
    guard product.configFile.isEmpty || !product.configUrl.isEmpty else {
      throw ValidationError(
        "a configuration needs --config-file together with --config-url or --https"
      )
    }
  }

  private static var hostRule: String {
    "an address of this machine in digits, such as 127.0.0.1, or 0.0.0.0 for all of them"
  }

  /// Why the server could not be started.
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
    if error is SocketAddressError || error is SocketAddressError.UnknownHost {
      return "cannot listen on \(host) port \(port): --host is \(hostRule)"
    }
    let reason = (error as? IOError).map { PrivateFile.text($0.errnoCode) } ?? "\(error)"
    return "cannot listen on \(host) port \(port): \(reason)"
  }

  /// Refuses names that no device can have: such a device would never be found.
  private func checkNames(_ configuration: SimulatorConfiguration) throws {
    let names =
      configuration.devices.map(\.deviceName) + configuration.subDevices.map(\.deviceName)
      + configuration.products.flatMap(\.registrable)
    guard let wrong = names.first(where: { !configuration.deviceNames.allows($0) }) else { return }
    let marks = answering.deviceNames.argument == .current ? "_ @ . - :" : "_ @ ."
    throw Complaint(
      "the device name \(wrong) is not 4 to 32 letters, digits and \(marks) (device guide 6.3, code 6280)"
    )
  }
}

/// Handles SIGINT and SIGTERM from the creation of this value on.
private struct Signals {
  private let stream: AsyncStream<Void>
  private let signals: InterruptSignal

  init() {
    let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
    self.stream = stream
    signals = InterruptSignal {
      continuation.yield()
      Self.endIfLogStalls()
    }
  }

  /// Ends the program if the log's reader stalls.
  ///
  /// The thread that would end it, or the server's thread, may be waiting for that reader;
  /// otherwise the program ends normally.
  private static func endIfLogStalls() {
    while Console.isOutputReady { usleep(5_000) }
    EndingSignal.forgive(SIGTERM)
    EndingSignal.endIfNoted()
    Foundation.exit(ExitStatus.success.rawValue)
  }

  /// Waits for the first signal.
  func wait() async {
    for await _ in stream { break }
    // This is the normal way to end a server.
    EndingSignal.forgive(SIGTERM)
  }
}
