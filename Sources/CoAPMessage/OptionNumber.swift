/// The number that says what an option means; its low bits say how to treat it when unknown
/// (RFC 7252 Sections 5.4.6 and 12.2).
@frozen
public struct OptionNumber: RawRepresentable, Hashable, Sendable {
  /// The number, 0 to 65535.
  public var rawValue: UInt16

  /// The option of that number.
  @inlinable
  public init(rawValue: UInt16) {
    self.rawValue = rawValue
  }

  @inlinable
  init(_ rawValue: UInt16) {
    self.rawValue = rawValue
  }

  /// Whether a receiver that does not know it must refuse the message (RFC 7252 Section 5.4.1).
  @inlinable
  public var isCritical: Bool { rawValue & 1 != 0 }

  /// Whether a proxy that does not know it must not forward the message (RFC 7252 Section 5.4.2).
  @inlinable
  public var isUnsafeToForward: Bool { rawValue & 2 != 0 }

  /// Whether it is left out of a cache's key (RFC 7252 Section 5.4.6).
  @inlinable
  public var isNoCacheKey: Bool { rawValue & 0x1E == 0x1C }
}

extension OptionNumber {
  /// 1 If-Match.
  public static let ifMatch = OptionNumber(1)
  /// 3 Uri-Host.
  public static let uriHost = OptionNumber(3)
  /// 4 ETag.
  public static let eTag = OptionNumber(4)
  /// 5 If-None-Match.
  public static let ifNoneMatch = OptionNumber(5)
  /// 6 Observe (RFC 7641).
  public static let observe = OptionNumber(6)
  /// 7 Uri-Port.
  public static let uriPort = OptionNumber(7)
  /// 8 Location-Path.
  public static let locationPath = OptionNumber(8)
  /// 11 Uri-Path.
  public static let uriPath = OptionNumber(11)
  /// 12 Content-Format.
  public static let contentFormat = OptionNumber(12)
  /// 14 Max-Age.
  public static let maxAge = OptionNumber(14)
  /// 15 Uri-Query.
  public static let uriQuery = OptionNumber(15)
  /// 16 Hop-Limit (RFC 8768).
  public static let hopLimit = OptionNumber(16)
  /// 17 Accept.
  public static let accept = OptionNumber(17)
  /// 20 Location-Query.
  public static let locationQuery = OptionNumber(20)
  /// 23 Block2 (RFC 7959).
  public static let block2 = OptionNumber(23)
  /// 27 Block1 (RFC 7959).
  public static let block1 = OptionNumber(27)
  /// 28 Size2 (RFC 7959).
  public static let size2 = OptionNumber(28)
  /// 35 Proxy-Uri.
  public static let proxyURI = OptionNumber(35)
  /// 39 Proxy-Scheme.
  public static let proxyScheme = OptionNumber(39)
  /// 60 Size1.
  public static let size1 = OptionNumber(60)
  /// 61, the token option of the platform's older SDKs (3.0 to 3.2); critical.
  public static let legacyPlatformToken = OptionNumber(61)
  /// 252 Echo (RFC 9175).
  public static let echo = OptionNumber(252)
  /// 258 No-Response (RFC 7967).
  public static let noResponse = OptionNumber(258)
  /// 292 Request-Tag (RFC 9175).
  public static let requestTag = OptionNumber(292)
  /// 2088, the token that `/auth` gave (device guide 3.6); elective, safe to forward.
  public static let platformToken = OptionNumber(2088)
  /// 2089, the encrypted sequence number of a report (device guide 3.6); critical, safe to forward.
  public static let platformSequence = OptionNumber(2089)
  /// 2090, the platform's message id (device guide 3.6); elective, unsafe to forward.
  public static let platformMessageID = OptionNumber(2090)
}
