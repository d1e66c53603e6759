/// What a message asks for or answers: a class of three bits and a detail of five, written `c.dd`
/// (RFC 7252 Sections 3 and 12.1).
@frozen
public struct Code: RawRepresentable, Hashable, Sendable {
  /// The code's byte on the wire.
  public var rawValue: UInt8

  /// The code of that byte; every byte is one.
  @inlinable
  public init(rawValue: UInt8) {
    self.rawValue = rawValue
  }

  /// The code `class.detail`.
  @inlinable
  package init(_ class: UInt8, _ detail: UInt8) {
    self.rawValue = `class` << 5 | detail
  }

  /// 0 a request, 2 success, 4 a client's error, 5 a server's error.
  @inlinable
  public var `class`: UInt8 { rawValue >> 5 }

  /// The two digits after the dot, 0 to 31.
  @inlinable
  public var detail: UInt8 { rawValue & 0x1F }

  /// Whether this is a method, 0.01 to 0.31.
  @inlinable
  public var isRequest: Bool { rawValue != 0 && `class` == 0 }

  /// Whether this answers a request: classes 2, 4 and 5.
  @inlinable
  public var isResponse: Bool { `class` == 2 || `class` == 4 || `class` == 5 }

  /// Whether this answers a request that succeeded, 2.00 to 2.31.
  @inlinable
  public var isSuccess: Bool { `class` == 2 }
}

extension Code {
  /// 0.00, a message that is neither request nor response.
  public static let empty = Code(0, 00)
  /// 0.01 GET.
  public static let get = Code(0, 01)
  /// 0.02 POST, the platform's only method (device guide 3.6).
  public static let post = Code(0, 02)
  /// 0.03 PUT.
  public static let put = Code(0, 03)
  /// 0.04 DELETE.
  public static let delete = Code(0, 04)
  /// 0.05 FETCH (RFC 8132).
  public static let fetch = Code(0, 05)
  /// 0.06 PATCH (RFC 8132).
  public static let patch = Code(0, 06)
  /// 0.07 iPATCH (RFC 8132).
  public static let iPatch = Code(0, 07)
  /// 2.01 Created.
  public static let created = Code(2, 01)
  /// 2.02 Deleted.
  public static let deleted = Code(2, 02)
  /// 2.03 Valid.
  public static let valid = Code(2, 03)
  /// 2.04 Changed.
  public static let changed = Code(2, 04)
  /// 2.05 Content.
  public static let content = Code(2, 05)
  /// 2.31 Continue (RFC 7959).
  public static let `continue` = Code(2, 31)
  /// 4.00 Bad Request.
  public static let badRequest = Code(4, 00)
  /// 4.01 Unauthorized.
  public static let unauthorized = Code(4, 01)
  /// 4.02 Bad Option.
  public static let badOption = Code(4, 02)
  /// 4.03 Forbidden.
  public static let forbidden = Code(4, 03)
  /// 4.04 Not Found.
  public static let notFound = Code(4, 04)
  /// 4.05 Method Not Allowed.
  public static let methodNotAllowed = Code(4, 05)
  /// 4.06 Not Acceptable.
  public static let notAcceptable = Code(4, 06)
  /// 4.08 Request Entity Incomplete (RFC 7959).
  public static let requestEntityIncomplete = Code(4, 08)
  /// 4.09 Conflict (RFC 8132).
  public static let conflict = Code(4, 09)
  /// 4.12 Precondition Failed.
  public static let preconditionFailed = Code(4, 12)
  /// 4.13 Request Entity Too Large.
  public static let requestEntityTooLarge = Code(4, 13)
  /// 4.14, which the platform's SDK names "url too long"; not in RFC 7252's registry.
  public static let pathTooLong = Code(4, 14)
  /// 4.15 Unsupported Content-Format.
  public static let unsupportedContentFormat = Code(4, 15)
  /// 5.00 Internal Server Error.
  public static let internalServerError = Code(5, 00)
  /// 5.01 Not Implemented.
  public static let notImplemented = Code(5, 01)
  /// 5.02 Bad Gateway.
  public static let badGateway = Code(5, 02)
  /// 5.03 Service Unavailable.
  public static let serviceUnavailable = Code(5, 03)
  /// 5.04 Gateway Timeout.
  public static let gatewayTimeout = Code(5, 04)
  /// 5.05 Proxying Not Supported.
  public static let proxyingNotSupported = Code(5, 05)
}
