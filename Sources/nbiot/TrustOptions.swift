// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import DTLSSecurity
internal import DeviceClient

/// `--ca-file`.
struct AuthoritiesOption: ParsableArguments {
  @Option(
    name: .customLong("ca-file"),
    help: ArgumentHelp(
      "The certificates of the authorities that may vouch for the server, in PEM: the platform's root "
        + "certificate, or ca.pem of `nbiot simulate`.",
      valueName: "file"
    ),
    completion: .file()
  )
  var file: String?

  /// The file, and where it was given; `nil` where it was not.
  func setting(_ config: ConfigurationFile?) -> Setting<String>? {
    file.map { Setting(value: $0, origin: "--ca-file") } ?? config?.caFile
  }

  /// The option, and whether it was given.
  var given: [(name: String, isGiven: Bool)] { [("--ca-file", file != nil)] }
}

/// Whom a device believes to be the platform, over DTLS, beside the authorities.
struct TrustOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The name in the server's certificate (default: the host of the endpoint).",
      valueName: "name"
    ),
    transform: InputText.trimmed
  )
  var serverName: String?

  @Flag(
    help: ArgumentHelp(
      "Take the server's name from the common name of a certificate without alternative names, which RFC "
        + "9525 forbids; for old platforms."
    )
  )
  var allowCommonName = false

  /// Each, and whether it was given.
  var given: [(name: String, isGiven: Bool)] {
    [
      ("--server-name", serverName != nil), ("--allow-common-name", allowCommonName),
    ]
  }

  /// Puts them into a client's configuration, with what the configuration file says besides.
  ///
  /// `other` is what a complaint names beside a missing file of authorities.
  func apply(
    to configuration: inout DeviceClientConfiguration,
    _ authorities: AuthoritiesOption,
    _ file: ConfigurationFile?,
    or other: String = ""
  ) throws -> PlatformTrust {
    configuration.dtls.allowsCommonName = allowCommonName || file?.allowsCommonName == true
    guard let authorities = authorities.setting(file) else {
      throw Complaint(
        "DTLS verifies the server: give --ca-file FILE with the platform's root certificate" + other
      )
    }
    return PlatformTrust(
      authorities: try authorities.use(InputText.read),
      serverName: serverName ?? file?.serverName
    )
  }
}
