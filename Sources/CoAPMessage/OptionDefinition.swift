// SPDX-License-Identifier: Apache-2.0
/// The format of an option's value (RFC 7252 Section 3.2).
@frozen
public enum OptionFormat: Sendable {
  /// No bytes.
  case empty
  /// Bytes whose meaning only the peer knows.
  case opaque
  /// An unsigned number, big-endian, without leading zero bytes.
  case uint
  /// UTF-8 text.
  case string
}

/// An option's registration: the format and length of its value, and whether it is repeatable (RFC
/// 7252 Section 5.10, or the RFC named at its number).
@frozen
public struct OptionDefinition: Sendable {
  /// The format of the value.
  public let format: OptionFormat

  /// The minimum length of the value in bytes.
  public let minLength: Int

  /// The maximum length of the value in bytes.
  public let maxLength: Int

  /// Whether a message may carry the option more than once.
  public let isRepeatable: Bool

  init(_ format: OptionFormat, _ minLength: Int, _ maxLength: Int, isRepeatable: Bool = false) {
    self.format = format
    self.minLength = minLength
    self.maxLength = maxLength
    self.isRepeatable = isRepeatable
  }
}

extension OptionNumber {
  /// Whether it is a critical option that RFC 7252 Section 5.10 defines for requests only.
  var isForRequests: Bool {
    switch self {
    case .ifMatch, .uriHost, .ifNoneMatch, .uriPort, .uriPath, .uriQuery, .accept, .proxyURI,
      .proxyScheme:
      true
    default: false
    }
  }

  /// The option's definition; `nil` for numbers unknown to this library.
  ///
  /// Device guide 3.6 gives no lengths for the platform's options, so their bounds are this
  /// library's own. A token has about 35 bytes, an encrypted sequence number 16 or 32.
  public var definition: OptionDefinition? {
    switch self {
    case .ifMatch: OptionDefinition(.opaque, 0, 8, isRepeatable: true)
    case .uriHost: OptionDefinition(.string, 1, 255)
    case .eTag: OptionDefinition(.opaque, 1, 8, isRepeatable: true)
    case .ifNoneMatch: OptionDefinition(.empty, 0, 0)
    case .observe: OptionDefinition(.uint, 0, 3)
    case .uriPort: OptionDefinition(.uint, 0, 2)
    case .locationPath, .uriPath, .uriQuery, .locationQuery:
      OptionDefinition(.string, 0, 255, isRepeatable: true)
    case .contentFormat, .accept: OptionDefinition(.uint, 0, 2)
    case .maxAge, .size1, .size2: OptionDefinition(.uint, 0, 4)
    case .hopLimit: OptionDefinition(.uint, 1, 1)
    case .block1, .block2: OptionDefinition(.uint, 0, 3)
    case .proxyURI: OptionDefinition(.string, 1, 1_034)
    case .proxyScheme: OptionDefinition(.string, 1, 255)
    case .echo: OptionDefinition(.opaque, 1, 40)
    case .noResponse: OptionDefinition(.uint, 0, 1)
    case .requestTag: OptionDefinition(.opaque, 0, 8, isRepeatable: true)
    case .legacyPlatformToken, .platformToken: OptionDefinition(.opaque, 0, 1_034)
    case .platformSequence: OptionDefinition(.opaque, 0, 1_034)
    case .platformMessageID: OptionDefinition(.opaque, 0, 1_034)
    default: nil
    }
  }
}
