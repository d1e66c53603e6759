// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore

/// Moves one HTTPS request at a time between a device and one server, without blocking: a link's seam to the wire.
///
/// Order of calls: `hold` a body, `begin` the request that sends it, then `pollEvent` until it gives `nil`, again
/// whenever `descriptor` is readable. A request ends with one event, or with `cancel` and none. The held body stays for
/// further requests, so that a report can be sent again after an authentication.
public protocol HTTPSLayer: ~Copyable {
  /// Copies the body that `begin` without a body sends, in place of the one held before; an empty one frees the memory.
  ///
  /// `false` while a request is under way, and where there is no memory for it.
  mutating func hold(_ body: Span<UInt8>) -> Bool

  /// Begins a request that sends the held body; one event follows within the request's time limit.
  ///
  /// `false` while another one is under way, and where there is no memory for it.
  mutating func begin(_ request: borrowing @_addressable HTTPSRequest) -> Bool

  /// Begins a request with a body of its own, which is copied.
  mutating func begin(
    _ request: borrowing @_addressable HTTPSRequest,
    body: Span<UInt8>
  ) -> Bool

  /// Ends the request under way without an event; the server may have it.
  mutating func cancel()

  /// Closes the connection, which is otherwise kept open for the next request.
  mutating func close()

  /// What happened since the last call; `nil` when that is all.
  mutating func pollEvent() -> HTTPSLayerEvent?

  /// What is readable while `pollEvent` has something to do; -1 where nothing can be.
  var descriptor: Int32 { get }

  /// How often the request was sent, or begun to be sent, that is under way or was the last one.
  ///
  /// More than once where the connection kept open turned out to be closed.
  var sends: Int { get }

  /// The head of the last answer, until the next request begins.
  var head: HTTPSAnswerHead { get }

  /// The body of the last answer, until the next request begins.
  var body: Span<UInt8> {
    @_lifetime(borrow self)
    get
  }
}

/// A POST request, with a token: wiped by its owner.
public struct HTTPSRequest: ~Copyable {
  /// The path with its leading slash, percent-encoded, without a query (RFC 9112 Section 3.2.1).
  public var path = FixedBytes<400>()
  /// The value of the field `password`, the platform's token (device guide 3.8); empty for none.
  public var password = FixedBytes<192>()
  /// The value of the field Content-Type.
  public var content = HTTPSContent.octets
  /// How long the request may take until its answer is complete, with the connection made for it.
  public var limit = Milliseconds(90_000)

  /// Starts without a path.
  public init() {}

  /// The bytes of the request's line, its fields and a body of so many bytes, without TLS.
  ///
  /// `host` is the length of the field Host.
  package borrowing func size(host: Int, body: Int) -> Int {
    let type =
      switch content {
      case .json: Span("Content-Type: application/json\r\n" as StaticString).count
      case .octets: Span("Content-Type: application/octet-stream\r\n" as StaticString).count
      case .form:
        Span("Content-Type: application/x-www-form-urlencoded\r\n" as StaticString).count
      }
    let token =
      password.isEmpty ? 0 : Span("password: \r\n" as StaticString).count + password.count
    let fixed = Span("POST  HTTP/1.1\r\nHost: \r\nContent-Length: \r\n\r\n" as StaticString).count
    var digits = 1
    var rest = body
    while rest >= 10 {
      rest /= 10
      digits += 1
    }
    return fixed + digits + path.count + host + type + token + body
  }
}

/// What a request's body is.
public enum HTTPSContent: Sendable {
  /// `application/json`.
  case json
  /// `application/octet-stream`.
  case octets
  /// `application/x-www-form-urlencoded`.
  case form
}

/// The head of an answer, as far as a device needs it; the fields are the server's bytes, unchecked.
public struct HTTPSAnswerHead: Sendable {
  /// The status, such as 200; 0 without an answer.
  public var status: UInt16 = 0
  /// The value of the field Date, without white space around it; empty without one, and where it is longer.
  public var date = FixedBytes<64>()
  /// The value of the field Retry-After, likewise.
  public var retryAfter = FixedBytes<64>()
  /// How many bytes the answer had, head and decoded body together, without TLS.
  public var size = 0

  /// The head of no answer.
  public init() {}
}
