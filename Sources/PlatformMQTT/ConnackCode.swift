// SPDX-License-Identifier: Apache-2.0
/// The number that a server answers CONNECT with (MQTT 3.1.1 Section 3.2.2.3).
///
/// The platform answers 2, 4 or 5 for id, sign or permission, and 3 for an iotToken that it does not take (device
/// guide 3.2). Its public SDKs have words for 2, 3 and 4 that the standard has for the number below, so each number
/// has two readings, and whoever tells of one tells both.
public struct ConnackCode: RawRepresentable, Hashable, Sendable {
  /// The number on the wire.
  public let rawValue: UInt8

  /// The code with that number, known or not.
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// The connection stands.
  public static var accepted: Self { Self(rawValue: 0) }
  /// The server does not speak this version of MQTT.
  public static var protocolVersion: Self { Self(rawValue: 1) }
  /// The client id is refused.
  public static var identifier: Self { Self(rawValue: 2) }
  /// The server is not available; at the platform also an iotToken that it does not take.
  public static var unavailable: Self { Self(rawValue: 3) }
  /// User name or password is wrong.
  public static var credentials: Self { Self(rawValue: 4) }
  /// The client is not allowed to connect.
  public static var notAuthorized: Self { Self(rawValue: 5) }

  /// What the number means by the standard; `nil` for those that it reserves.
  public var standardMeaning: ConnackMeaning? {
    switch rawValue {
    case 0: .accepted
    case 1: .protocolVersion
    case 2: .identifier
    case 3: .unavailable
    case 4: .credentials
    case 5: .notAuthorized
    default: nil
    }
  }

  /// What the number means to the platform's public SDKs, which differ from the standard at 2, 3 and 4.
  ///
  /// Unverified: no document of the platform has these words.
  public var publicMeaning: ConnackMeaning? {
    switch rawValue {
    case 2...4: Self(rawValue: rawValue - 1).standardMeaning
    default: standardMeaning
    }
  }
}

/// What an answer to CONNECT means.
public enum ConnackMeaning: Equatable, Sendable {
  /// The connection stands.
  case accepted
  /// The server does not speak this version of MQTT.
  case protocolVersion
  /// The client id is refused.
  case identifier
  /// The server is not available.
  case unavailable
  /// User name or password is wrong.
  case credentials
  /// The client is not allowed to connect.
  case notAuthorized
}
