/// What an option's value is (RFC 7252 Section 3.2).
@frozen
public enum OptionFormat: Sendable {
  /// No bytes at all.
  case empty
  /// Bytes that mean something to the peer only.
  case opaque
  /// An unsigned number, the highest byte first, without leading zero bytes.
  case uint
  /// UTF-8 text.
  case string
}

/// What a registry says of an option: the shape of its value, and whether it may occur again (RFC
/// 7252 Section 5.10, and the RFC that each number below names).
@frozen
public struct OptionDefinition: Sendable {
  /// The value's format.
  public let format: OptionFormat

  /// The fewest bytes that a value has.
  public let minLength: Int

  /// The most bytes that a value has.
  public let maxLength: Int

  /// Whether a message may carry it more than once.
  public let isRepeatable: Bool

  init(_ format: OptionFormat, _ minLength: Int, _ maxLength: Int, isRepeatable: Bool = false) {
    self.format = format
    self.minLength = minLength
    self.maxLength = maxLength
    self.isRepeatable = isRepeatable
  }
}

extension OptionNumber {
  /// Whether it is a critical option that RFC 7252 Section 5.10 defines for requests alone.
  var isForRequests: Bool {
    switch self {
    case .ifMatch, .uriHost, .ifNoneMatch, .uriPort, .uriPath, .uriQuery, .accept, .proxyURI,
      .proxyScheme:
      true
    default: false
    }
  }

  /// How the option is defined; `nil` for a number that this library gives no meaning to.
  ///
  /// The lengths of the platform's options are this library's own bounds: device guide 3.6 gives
  /// none, a token has about 35 bytes and an encrypted sequence number 16 or 32.
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
