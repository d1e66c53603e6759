// SPDX-License-Identifier: Apache-2.0
/// The platform's addresses (device guide 3.6).
public enum PlatformAddress {
  /// The UDP port of the symmetric mode.
  public static let symmetricPort: UInt16 = 5682

  /// The UDP port of DTLS.
  public static let dtlsPort: UInt16 = 5684
}
