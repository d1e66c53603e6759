// SPDX-License-Identifier: Apache-2.0
public import PlatformCore

/// Deviations of the platform's SDKs in CoAP itself.
extension Leniency {
  /// Accept 42, application/octet-stream: the C SDKs 2.3.0 and 3.0.
  ///
  /// The answer is in the request's format.
  public static let acceptOctetStream = Leniency(rawValue: "accept-42")
  /// An `/auth` without Content-Format: the C SDK v4.
  ///
  /// Its payload counts as JSON.
  public static let missingContentFormat = Leniency(rawValue: "no-content-format")
  /// The token in the other one of the options 2088 and 61: the C SDKs 3.0 to 3.2.
  public static let otherTokenOption = Leniency(rawValue: "token-option")

  /// All leniencies, those of the platform and those of CoAP.
  public static let allCases: [Leniency] = [
    .acceptOctetStream, .missingContentFormat, .hexadecimalSequence, .number, .offsetAsSequence,
    .otherTokenOption, .signMethodCase,
  ]
}
