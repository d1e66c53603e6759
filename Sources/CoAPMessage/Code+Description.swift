// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
extension Code: CustomStringConvertible {
  /// The dotted code and its registered name, if it has one: "2.05 Content".
  public var description: String {
    guard let name else { return dotted }
    return "\(dotted) \(name)"
  }

  /// The code in dotted form, "2.05".
  public var dotted: String {
    "\(`class`).\(detail < 10 ? "0" : "")\(detail)"
  }

  /// The name in RFC 7252 Section 12.1, if it has one.
  public var name: String? {
    switch self {
    case .empty: "Empty"
    case .get: "GET"
    case .post: "POST"
    case .put: "PUT"
    case .delete: "DELETE"
    case .fetch: "FETCH"
    case .patch: "PATCH"
    case .iPatch: "iPATCH"
    case .created: "Created"
    case .deleted: "Deleted"
    case .valid: "Valid"
    case .changed: "Changed"
    case .content: "Content"
    case .continue: "Continue"
    case .badRequest: "Bad Request"
    case .unauthorized: "Unauthorized"
    case .badOption: "Bad Option"
    case .forbidden: "Forbidden"
    case .notFound: "Not Found"
    case .methodNotAllowed: "Method Not Allowed"
    case .notAcceptable: "Not Acceptable"
    case .requestEntityIncomplete: "Request Entity Incomplete"
    case .conflict: "Conflict"
    case .preconditionFailed: "Precondition Failed"
    case .requestEntityTooLarge: "Request Entity Too Large"
    case .pathTooLong: "URL Too Long"
    case .unsupportedContentFormat: "Unsupported Content-Format"
    case .tooManyRequests: "Too Many Requests"
    case .internalServerError: "Internal Server Error"
    case .notImplemented: "Not Implemented"
    case .badGateway: "Bad Gateway"
    case .serviceUnavailable: "Service Unavailable"
    case .gatewayTimeout: "Gateway Timeout"
    case .proxyingNotSupported: "Proxying Not Supported"
    default: nil
    }
  }
}
#endif
