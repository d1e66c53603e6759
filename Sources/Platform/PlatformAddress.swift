/// Where the platform listens (device guide 3.6).
public enum PlatformAddress {
  /// The port of the symmetric mode.
  public static let symmetricPort: UInt16 = 5682

  /// The port of DTLS.
  public static let dtlsPort: UInt16 = 5684
}
