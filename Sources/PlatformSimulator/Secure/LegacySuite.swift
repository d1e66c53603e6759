// SPDX-License-Identifier: Apache-2.0
internal import OpenSSLSupport

/// A cipher suite enabled by `SimulatedDTLS.allowsLegacySuites`, by OpenSSL's name.
struct LegacySuite {
  /// The number in the TLS registry.
  let number: UInt16
  let name: String
  /// Whether it uses a pre-shared key.
  let isKeyed: Bool

  private init(_ number: UInt16, _ name: String) {
    self.number = number
    self.name = name
    isKeyed = name.hasPrefix("PSK")
  }

  /// All legacy suites in order of preference.
  static let all = [
    LegacySuite(0x003C, "AES128-SHA256"), LegacySuite(0x002F, "AES128-SHA"),
    LegacySuite(0x003D, "AES256-SHA256"), LegacySuite(0x0035, "AES256-SHA"),
    LegacySuite(0xC013, "ECDHE-RSA-AES128-SHA"), LegacySuite(0x00AE, "PSK-AES128-CBC-SHA256"),
    LegacySuite(0x008C, "PSK-AES128-CBC-SHA"), LegacySuite(0x00AF, "PSK-AES256-CBC-SHA384"),
    LegacySuite(0x008D, "PSK-AES256-CBC-SHA"),
  ]

  /// Suites that need a certificate with an RSA key, but not the setting; the setting adds such a
  /// certificate.
  private static let needingRSA = [
    LegacySuite(0xCCA8, "ECDHE-RSA-CHACHA20-POLY1305"),
    LegacySuite(0xC02F, "ECDHE-RSA-AES128-GCM-SHA256"),
  ]

  /// The suites offered by a device that only the setting would have enabled.
  static func names(missedBy offered: [UInt16], _ settings: SimulatedDTLS) -> [String] {
    guard !settings.allowsLegacySuites else { return [] }
    let hasRSA =
      !settings.rsaCertificate.isEmpty || IssuedCertificate.hasRSAKey(settings.certificate.span)
    let missed =
      (hasRSA ? [] : needingRSA) + all.filter { settings.takesPreSharedKeys || !$0.isKeyed }
    return missed.filter { offered.contains($0.number) }.map(\.name)
  }
}
