// SPDX-License-Identifier: Apache-2.0
/// An option's number; its low bits say how a receiver that does not know it must treat it (RFC
/// 7252 Sections 5.4.6 and 12.2).
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

  /// Whether it is excluded from the cache key (RFC 7252 Section 5.4.6).
  @inlinable
  public var isNoCacheKey: Bool { rawValue & 0x1E == 0x1C }
}

extension OptionNumber {
  /// 1 If-Match.
  @inlinable public static var ifMatch: OptionNumber { OptionNumber(1) }
  /// 3 Uri-Host.
  @inlinable public static var uriHost: OptionNumber { OptionNumber(3) }
  /// 4 ETag.
  @inlinable public static var eTag: OptionNumber { OptionNumber(4) }
  /// 5 If-None-Match.
  @inlinable public static var ifNoneMatch: OptionNumber { OptionNumber(5) }
  /// 6 Observe (RFC 7641).
  @inlinable public static var observe: OptionNumber { OptionNumber(6) }
  /// 7 Uri-Port.
  @inlinable public static var uriPort: OptionNumber { OptionNumber(7) }
  /// 8 Location-Path.
  @inlinable public static var locationPath: OptionNumber { OptionNumber(8) }
  /// 11 Uri-Path.
  @inlinable public static var uriPath: OptionNumber { OptionNumber(11) }
  /// 12 Content-Format.
  @inlinable public static var contentFormat: OptionNumber { OptionNumber(12) }
  /// 14 Max-Age.
  @inlinable public static var maxAge: OptionNumber { OptionNumber(14) }
  /// 15 Uri-Query.
  @inlinable public static var uriQuery: OptionNumber { OptionNumber(15) }
  /// 16 Hop-Limit (RFC 8768).
  @inlinable public static var hopLimit: OptionNumber { OptionNumber(16) }
  /// 17 Accept.
  @inlinable public static var accept: OptionNumber { OptionNumber(17) }
  /// 20 Location-Query.
  @inlinable public static var locationQuery: OptionNumber { OptionNumber(20) }
  /// 23 Block2 (RFC 7959).
  @inlinable public static var block2: OptionNumber { OptionNumber(23) }
  /// 27 Block1 (RFC 7959).
  @inlinable public static var block1: OptionNumber { OptionNumber(27) }
  /// 28 Size2 (RFC 7959).
  @inlinable public static var size2: OptionNumber { OptionNumber(28) }
  /// 35 Proxy-Uri.
  @inlinable public static var proxyURI: OptionNumber { OptionNumber(35) }
  /// 39 Proxy-Scheme.
  @inlinable public static var proxyScheme: OptionNumber { OptionNumber(39) }
  /// 60 Size1.
  @inlinable public static var size1: OptionNumber { OptionNumber(60) }
  /// 61, the token option of the platform's older SDKs (3.0 to 3.2); critical.
  @inlinable public static var legacyPlatformToken: OptionNumber { OptionNumber(61) }
  /// 252 Echo (RFC 9175).
  @inlinable public static var echo: OptionNumber { OptionNumber(252) }
  /// 258 No-Response (RFC 7967).
  @inlinable public static var noResponse: OptionNumber { OptionNumber(258) }
  /// 292 Request-Tag (RFC 9175).
  @inlinable public static var requestTag: OptionNumber { OptionNumber(292) }
  /// 2088, the token issued by `/auth` (device guide 3.6); elective, safe to forward.
  @inlinable public static var platformToken: OptionNumber { OptionNumber(2088) }
  /// 2089, the encrypted sequence number of a report (device guide 3.6); critical, safe to forward.
  @inlinable public static var platformSequence: OptionNumber { OptionNumber(2089) }
  /// 2090, the platform's message id (device guide 3.6); elective, unsafe to forward.
  @inlinable public static var platformMessageID: OptionNumber { OptionNumber(2090) }
}
