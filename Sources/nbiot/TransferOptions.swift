// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import HTTPSTransfer

/// Trusted authorities and timeouts of HTTPS.
struct TransferOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The certificates of the authorities that may vouch for the HTTPS server, in PEM (default: the "
        + "system's).",
      valueName: "file"
    ),
    completion: .file()
  )
  var httpsCaFile: String?

  @Flag(
    help: ArgumentHelp(
      "Take the HTTPS server's name from the common name of a certificate without alternative names, "
        + "which RFC 9525 forbids."
    )
  )
  var httpsAllowCommonName = false

  @Option(
    help: ArgumentHelp(
      "A connection with less than 10 bytes a second for so long counts as broken.",
      valueName: "seconds"
    )
  )
  var patience = Self.usualPatience

  /// Each of which it can be told, and whether it was given.
  var given: [(name: String, isGiven: Bool)] {
    [
      ("--https-ca-file", httpsCaFile != nil), ("--https-allow-common-name", httpsAllowCommonName),
      ("--patience", patience != Self.usualPatience),
    ]
  }

  private static let usualPatience = 60

  func validate() throws {
    if patience < 1 || patience > 3_600 {
      throw ValidationError("--patience is 1 to 3,600 seconds")
    }
  }

  func settings(_ interruption: Interruption) throws -> HTTPSSettings {
    var settings = HTTPSSettings()
    settings.patience = patience
    settings.allowsCommonName = httpsAllowCommonName
    settings.connectTimeout = patience
    settings.interruption = interruption
    if let httpsCaFile {
      let authorities = try InputText.read(httpsCaFile)
      guard String(decoding: authorities, as: UTF8.self).contains("-----BEGIN CERTIFICATE-----")
      else {
        throw Complaint("\(httpsCaFile) holds no certificate in PEM: give the authority's own file")
      }
      settings.authorities = authorities
    }
    return settings
  }

  static func check(url: String) throws {
    guard url.prefix(8).lowercased() == "https://", url.utf8.count > 8,
      url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
    else {
      throw Complaint("the address must begin with https:// and have no spaces; copy it whole")
    }
  }
}

extension HTTPSError {
  /// The exit status.
  var status: ExitStatus {
    switch self {
    case .address, .authorities: .usage
    case .certificate, .handshake, .insecureRedirect, .tooManyRedirects: .unauthenticated
    case .unresolved, .unreachable, .stalled: .unreachable
    case .broken, .tooLong, .cancelled, .stopped, .library: .undelivered
    }
  }
}
