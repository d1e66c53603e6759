// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import ConstrainedCore
internal import PlatformBroker
internal import PlatformCore
internal import PlatformSimulator

/// The simulator's devices, its address and its log.
struct ServingOptions: ParsableArguments {
  @OptionGroup var simulated: SimulatedDeviceOptions

  @Option(
    help:
      "The UDP port to listen on (default: 5682, with DTLS 5684); 0 takes any free one and prints it."
  )
  var port: Int?

  @Option(help: "The address to listen on, in digits.")
  var host = "127.0.0.1"

  @OptionGroup var protection: SecurityOption

  @Option(help: "How requests are printed.")
  var log = OutputArgument.text

  /// How the messages are protected.
  var security: SecurityArgument { protection.given ?? simulated.security ?? .symmetric }
}

/// The server's end of DTLS.
struct ServerDTLSOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Where ca.pem, server.pem and server-key.pem are; made there on first use.",
      valueName: "directory"
    ),
    completion: .directory
  )
  var certificates: String?

  @OptionGroup var resumption: ResumptionOption

  @Option(
    help: ArgumentHelp(
      "How long a session can be resumed (default: 86400).",
      valueName: "seconds"
    )
  )
  var sessionLifetime: Int?

  @Option(
    help: ArgumentHelp(
      "Close an association after so long a silence (default: 300); 0 for never.",
      valueName: "seconds"
    )
  )
  var idleClose: Int?

  @Flag(
    help: """
      Take static RSA and CBC too, namely AES128-SHA, AES128-SHA256, AES256-SHA, AES256-SHA256, \
      ECDHE-RSA-AES128-SHA, PSK-AES128-CBC-SHA, PSK-AES128-CBC-SHA256, PSK-AES256-CBC-SHA and \
      PSK-AES256-CBC-SHA384, and show a certificate with an RSA key to devices without elliptic curves, as \
      the platform's C SDKs are; ca-rsa.pem, server-rsa.pem and server-rsa-key.pem are made beside the others.
      """
  )
  var legacySuites = false

  /// Each option that concerns DTLS alone, and whether it was given.
  var given: [(name: String, isGiven: Bool)] {
    [
      ("--resumption", resumption.given != nil),
      ("--session-lifetime", sessionLifetime != nil), ("--idle-close", idleClose != nil),
      ("--legacy-suites", legacySuites),
    ]
  }

  func validate() throws {
    guard (1...3_155_760).contains(sessionLifetime ?? 1), (0...3_155_760).contains(idleClose ?? 0)
    else {
      throw ValidationError(
        "--session-lifetime is 1 to 3,155,760 seconds, --idle-close 0 to 3,155,760"
      )
    }
  }

  /// Applies the options to the configuration.
  func apply(to configuration: inout SimulatorConfiguration, _ files: CertificateFiles?) {
    guard let files else { return }
    configuration.protection = .dtls
    configuration.dtls.certificate = files.certificate
    configuration.dtls.key = files.key
    configuration.dtls.rsaCertificate = files.rsaCertificate
    configuration.dtls.rsaKey = files.rsaKey
    if let way = resumption.given { configuration.dtls.resumption = way.resumption }
    if let sessionLifetime {
      configuration.dtls.sessionLifetime = Milliseconds(Int64(sessionLifetime) * 1_000)
    }
    if let idleClose {
      configuration.dtls.idleLimit = idleClose == 0 ? nil : Milliseconds(Int64(idleClose) * 1_000)
    }
    configuration.dtls.allowsLegacySuites = legacySuites
    if legacySuites {
      Console.complain("warning: --legacy-suites takes static RSA and CBC, which are weaker")
    }
  }
}

/// Answers in which the guide and the platform's SDKs differ.
struct AnsweringOptions: ParsableArguments {
  @Flag(
    help: """
      Take what the platform's own SDKs send and the guide does not have, with a line in the log each time: \
      Accept 42; no Content-Format in /auth; seq in /auth hexadecimal or a number (timestamp and ackMode a number, \
      too); the first seq equal to seqOffset; the token in option 2088 or 61, at the same time; signmethod in any \
      case; in an MQTT client id unknown fields and a comma at their end.
      """
  )
  var tolerant = false

  @Option(help: "The seqOffset in the answer to /auth.")
  var seqOffset: UInt64 = 1

  @Option(
    help: "Which seq is taken: greater than seqOffset, or greaterOrEqual as the C SDK sends it."
  )
  var sequenceRule = SequenceRuleArgument.greater

  @OptionGroup var token: TokenOptionOption

  @Option(help: ArgumentHelp("How long a token is good for.", valueName: "seconds"))
  var tokenLifetime: Int64 = 7 * 24 * 3_600

  @Option(help: "How requests are answered when /auth does not say: piggybacked or separate.")
  var answer = AckModeArgument.piggybacked

  @OptionGroup var deviceNames: DeviceNamesOption

  func validate() throws {
    guard tokenLifetime > 0, tokenLifetime <= 3_155_760_000 else {
      throw ValidationError("--token-lifetime is 1 second to 100 years")
    }
  }

  /// Puts them into the configuration.
  func apply(to configuration: inout SimulatorConfiguration) {
    configuration.deviceNames = deviceNames.argument.simulated
    configuration.leniencies = tolerant ? Set(Leniency.allCases + [.clientIDFields]) : []
    configuration.sequenceOffset = seqOffset
    configuration.tokenLifetime = Milliseconds(tokenLifetime * 1_000)
    configuration.answerMode = answer == .piggybacked ? .piggybacked : .separate
    configuration.sequenceRule = sequenceRule == .greater ? .greater : .greaterOrEqual
    configuration.tokenOption = token.given == .legacy ? 61 : 2088
  }
}
