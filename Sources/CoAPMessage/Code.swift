// SPDX-License-Identifier: Apache-2.0
/// A request method or a response code: 3 bits of class and 5 bits of detail, written `c.dd` (RFC
/// 7252 Sections 3 and 12.1).
@frozen
public struct Code: RawRepresentable, Hashable, Sendable {
  /// The code's byte on the wire.
  public var rawValue: UInt8

  /// The code of that byte; every byte is valid.
  @inlinable
  public init(rawValue: UInt8) {
    self.rawValue = rawValue
  }

  /// The code `class.detail`.
  @inlinable
  package init(_ class: UInt8, _ detail: UInt8) {
    self.rawValue = `class` << 5 | detail
  }

  /// 0 for a request, 2 for success, 4 for a client error, 5 for a server error.
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

  /// Whether this is a success response, 2.00 to 2.31.
  @inlinable
  public var isSuccess: Bool { `class` == 2 }
}

extension Code {
  /// 0.00, a message that is neither request nor response.
  @inlinable public static var empty: Code { Code(0, 00) }
  /// 0.01 GET.
  @inlinable public static var get: Code { Code(0, 01) }
  /// 0.02 POST, the platform's only method (device guide 3.6).
  @inlinable public static var post: Code { Code(0, 02) }
  /// 0.03 PUT.
  @inlinable public static var put: Code { Code(0, 03) }
  /// 0.04 DELETE.
  @inlinable public static var delete: Code { Code(0, 04) }
  /// 0.05 FETCH (RFC 8132).
  @inlinable public static var fetch: Code { Code(0, 05) }
  /// 0.06 PATCH (RFC 8132).
  @inlinable public static var patch: Code { Code(0, 06) }
  /// 0.07 iPATCH (RFC 8132).
  @inlinable public static var iPatch: Code { Code(0, 07) }
  /// 2.01 Created.
  @inlinable public static var created: Code { Code(2, 01) }
  /// 2.02 Deleted.
  @inlinable public static var deleted: Code { Code(2, 02) }
  /// 2.03 Valid.
  @inlinable public static var valid: Code { Code(2, 03) }
  /// 2.04 Changed.
  @inlinable public static var changed: Code { Code(2, 04) }
  /// 2.05 Content.
  @inlinable public static var content: Code { Code(2, 05) }
  /// 2.31 Continue (RFC 7959).
  @inlinable public static var `continue`: Code { Code(2, 31) }
  /// 4.00 Bad Request.
  @inlinable public static var badRequest: Code { Code(4, 00) }
  /// 4.01 Unauthorized.
  @inlinable public static var unauthorized: Code { Code(4, 01) }
  /// 4.02 Bad Option.
  @inlinable public static var badOption: Code { Code(4, 02) }
  /// 4.03 Forbidden.
  @inlinable public static var forbidden: Code { Code(4, 03) }
  /// 4.04 Not Found.
  @inlinable public static var notFound: Code { Code(4, 04) }
  /// 4.05 Method Not Allowed.
  @inlinable public static var methodNotAllowed: Code { Code(4, 05) }
  /// 4.06 Not Acceptable.
  @inlinable public static var notAcceptable: Code { Code(4, 06) }
  /// 4.08 Request Entity Incomplete (RFC 7959).
  @inlinable public static var requestEntityIncomplete: Code { Code(4, 08) }
  /// 4.09 Conflict (RFC 8132).
  @inlinable public static var conflict: Code { Code(4, 09) }
  /// 4.12 Precondition Failed.
  @inlinable public static var preconditionFailed: Code { Code(4, 12) }
  /// 4.13 Request Entity Too Large.
  @inlinable public static var requestEntityTooLarge: Code { Code(4, 13) }
  /// 4.14, which the platform's SDK names "url too long"; not in RFC 7252's registry.
  @inlinable public static var pathTooLong: Code { Code(4, 14) }
  /// 4.15 Unsupported Content-Format.
  @inlinable public static var unsupportedContentFormat: Code { Code(4, 15) }
  /// 4.29 Too Many Requests (RFC 8516).
  @inlinable public static var tooManyRequests: Code { Code(4, 29) }
  /// 5.00 Internal Server Error.
  @inlinable public static var internalServerError: Code { Code(5, 00) }
  /// 5.01 Not Implemented.
  @inlinable public static var notImplemented: Code { Code(5, 01) }
  /// 5.02 Bad Gateway.
  @inlinable public static var badGateway: Code { Code(5, 02) }
  /// 5.03 Service Unavailable.
  @inlinable public static var serviceUnavailable: Code { Code(5, 03) }
  /// 5.04 Gateway Timeout.
  @inlinable public static var gatewayTimeout: Code { Code(5, 04) }
  /// 5.05 Proxying Not Supported.
  @inlinable public static var proxyingNotSupported: Code { Code(5, 05) }
}
