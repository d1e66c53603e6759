// SPDX-License-Identifier: Apache-2.0
/// The longest time without a packet, 30 to 1,200 seconds (device guide 3.1); the platform refuses others.
public struct MQTTKeepAlive: Hashable, Sendable {
  /// The time in seconds.
  public let seconds: UInt16

  /// The platform advises 300 seconds or more (device guide 3.1).
  public static var standard: Self { Self(valid: 300) }

  /// Checks the range.
  public init(seconds: Int) throws(MQTTSettingsError) {
    guard seconds >= 30, seconds <= 1_200 else { throw .keepAlive(seconds) }
    self.seconds = UInt16(truncatingIfNeeded: seconds)
  }

  private init(valid: UInt16) { seconds = valid }
}

/// Why the platform would refuse a connection with these settings.
public enum MQTTSettingsError: Error, Equatable, Sendable {
  /// So many seconds, and not 30 to 1,200 (device guide 3.1).
  case keepAlive(Int)
  /// The client id has a `|` at this byte, which ends it on the wire (device guide 3.2).
  case clientIDBar(offset: Int)
  /// A token for the password, without TLS: whoever is on the way could connect with it.
  case tokenNeedsTLS
}
