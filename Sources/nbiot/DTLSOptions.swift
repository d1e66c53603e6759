// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import ConstrainedCore
internal import DTLSSecurity
internal import DeviceClient
internal import Platform

/// The options of `--security dtls`.
struct DTLSOptions: ParsableArguments {
  @Flag(
    help: ArgumentHelp(
      "Use a pre-shared key made of the device secret, as the platform's C SDK v4 does, not a "
        + "certificate."
    )
  )
  var psk = false

  @Option(
    help: ArgumentHelp(
      "The pre-shared key's identity, for a key of your own.",
      valueName: "text"
    )
  )
  var pskIdentity: String?

  @Option(
    help: ArgumentHelp(
      "A file with a pre-shared key of your own in its first line, taken as it is.",
      valueName: "file"
    ),
    completion: .file()
  )
  var pskKeyFile: String?

  @Option(
    help: ArgumentHelp("The device's own certificate, in PEM.", valueName: "file"),
    completion: .file()
  )
  var certificateFile: String?

  @Option(
    help: ArgumentHelp("Its private key, in PEM without a password.", valueName: "file"),
    completion: .file()
  )
  var keyFile: String?

  @Option(
    help: ArgumentHelp(
      "Resume the session before a report after so long a silence (default: 30); 0 for never.",
      valueName: "seconds"
    )
  )
  var idleLimit: Int?

  @Option(
    help: ArgumentHelp(
      "The link's MTU, headers of IP and UDP included (default: 1280). Flights of the handshake are cut to it; a "
        + "report is one record.",
      valueName: "bytes"
    )
  )
  var mtu: Int?

  @Option(
    help: ArgumentHelp(
      "Ask the server for records of at most 512, 1024, 2048 or 4096 bytes.",
      valueName: "bytes"
    )
  )
  var maxFragment: Int?

  @Flag(
    help: ArgumentHelp(
      "Send the end of a resumed handshake and the first request in one datagram: 28 bytes and a "
        + "transmission less, if the server accepts it."
    )
  )
  var joinLastFlight = false

  @Flag(help: "Send close_notify at the end, which costs a transmission.")
  var goodbye = false

  @Flag(help: "Offer static RSA and CBC too, which old servers need; weaker, and longer records.")
  var legacySuites = false

  func validate() throws {
    if let idleLimit, idleLimit < 0 || idleLimit > 31_536_000 {
      throw ValidationError("--idle-limit is 0 to 31,536,000 seconds")
    }
    if let mtu, mtu < 256 || mtu > 1_500 { throw ValidationError("--mtu is 256 to 1,500 bytes") }
    if let maxFragment, ![512, 1_024, 2_048, 4_096].contains(maxFragment) {
      throw ValidationError("--max-fragment is 512, 1024, 2048 or 4096")
    }
    if (pskIdentity == nil) != (pskKeyFile == nil) {
      throw ValidationError("give --psk-identity and --psk-key-file together")
    }
    if psk, pskIdentity != nil {
      throw ValidationError("--psk makes identity and key itself: give it or your own, not both")
    }
    if (certificateFile == nil) != (keyFile == nil) {
      throw ValidationError("give --certificate-file and --key-file together")
    }
  }

  /// Refuses what verifies a certificate, whether it `isGiven`, beside a pre-shared key.
  func check(verifying: [(name: String, isGiven: Bool)]) throws {
    let isVerified = certificateFile != nil || verifying.contains(where: \.isGiven)
    guard psk || pskIdentity != nil, isVerified else { return }
    throw ValidationError(
      "a pre-shared key verifies no certificate: give it without --ca-file, --server-name, "
        + "--certificate-file, --key-file and --allow-common-name"
    )
  }

  /// Each, and whether it was given.
  var given: [(name: String, isGiven: Bool)] {
    [
      ("--psk", psk),
      ("--psk-identity", pskIdentity != nil), ("--psk-key-file", pskKeyFile != nil),
      ("--certificate-file", certificateFile != nil), ("--key-file", keyFile != nil),
      ("--idle-limit", idleLimit != nil), ("--mtu", mtu != nil),
      ("--max-fragment", maxFragment != nil), ("--join-last-flight", joinLastFlight),
      ("--goodbye", goodbye),
      ("--legacy-suites", legacySuites),
    ]
  }

  /// Configures DTLS from these options; what is trusted, and how sessions are resumed, is said besides.
  func configure(_ configuration: inout DeviceClientConfiguration) {
    if let idleLimit {
      configuration.dtls.idleLimit = idleLimit == 0 ? nil : Milliseconds(Int64(idleLimit) * 1_000)
    }
    if let mtu { configuration.dtls.linkMTU = mtu }
    configuration.dtls.maxFragmentLength = maxFragment
    configuration.dtls.allowsLegacySuites = legacySuites
    configuration.dtls.joinsLastFlight = joinLastFlight
    configuration.dtls.saysGoodbye = goodbye
    if legacySuites {
      Console.complain(
        "warning: --legacy-suites allows static RSA and CBC: whoever gets the server's key later can "
          + "read what was sent, and records are longer"
      )
    }
  }

  /// The pre-shared key that the options name; `nil` for certificates.
  func preSharedKey() throws -> ClientSecurity? {
    if psk { return .preSharedKey() }
    guard let pskIdentity, let pskKeyFile else { return nil }
    return .ownKey(identity: Array(pskIdentity.utf8), key: try Secret.read(pskKeyFile))
  }

  /// Adds the device's own certificate.
  func addCertificate(to trust: inout PlatformTrust) throws {
    guard let certificateFile, let keyFile else { return }
    trust.certificate = try InputText.read(certificateFile)
    trust.key = try InputText.read(keyFile)
    PrivateFile.warnIfReadable(keyFile, "private key")
  }
}
