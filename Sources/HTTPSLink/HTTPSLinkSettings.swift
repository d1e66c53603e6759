// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import HTTPSLayer
public import Platform
public import PlatformHTTPS

/// How a device talks to the platform over HTTPS.
public struct HTTPSLinkSettings: Sendable {
  /// What `/auth` is signed with: HMAC-MD5 or HMAC-SHA1.
  public var signMethod = SignMethod.hmacSHA1
  /// Whether `/auth` says what time it is, as far as that is known.
  ///
  /// It is optional (device guide 3.8), and TLS keeps others from sending the request again: without it the platform
  /// cannot refuse a device whose clock is wrong.
  public var sendsTimestamp = false
  /// The longest body of a report in bytes, at most 131,072 (device guide 3.7).
  public var maxBody = HTTPSReportRequest.maxBody
  /// How long a token is used; the platform takes it for 7 days.
  public var tokenLifetime = Milliseconds(7 * 86_400_000 - 600_000)
  /// How long a request may take, with the connection made for it and without its body.
  public var answerTimeout = Milliseconds(90_000)
  /// The slowest rate at which a body is sent, in bytes per second: a longer body has more time.
  public var slowestRate: UInt32 = 256
  /// The wait before the first retry after a connection broke or the server failed.
  public var retry = Milliseconds(2_000)
  /// How often a request is sent again that the server has failed at, by a status of 500 or more without Retry-After.
  ///
  /// As over CoAP after 5.00; the wait doubles each time.
  public var retries: UInt8 = 3

  /// The settings that fit most devices.
  public init() {}
}

/// Why there is no link.
public enum HTTPSSettingsError: Error, Equatable, Sendable {
  /// The platform takes HMAC-MD5 and HMAC-SHA1 over HTTPS (device guide 3.8).
  case signMethod
  /// A body's limit of less than 1 or more than 131,072 bytes, or a time or rate that is not positive.
  case limits
}

/// What happened on a link over HTTPS.
public enum HTTPSLinkEvent: Equatable, Sendable {
  /// The platform has accepted the device, and given it a token.
  case authenticated
  /// It has not: `HTTPSLink.failure`.
  case authenticationFailed
  /// A report has ended: `HTTPSLink.ending`, and `failure` unless it was delivered.
  case report
  /// The server's clock is so many seconds ahead of this machine's, more than 15 minutes to either side.
  ///
  /// Told once until the difference is another one.
  case wrongClock(seconds: Int64)
}

/// Why a request brought nothing.
public enum HTTPSLinkFailure: Equatable, Sendable {
  /// There is no answer.
  case transfer(HTTPSFailure)
  /// The platform has answered with that code, beside that HTTP status.
  case code(HTTPSCode, status: UInt16)
  /// The answer has that HTTP status, and its body is none of the platform's.
  case status(UInt16)
  /// The answer of that kind cannot be read.
  case answer(HTTPSAnswerError)
  /// The library that signs refused.
  case signing
  /// There is no memory for the request.
  case memory
}

/// What a link has done.
public struct HTTPSLinkCounters: Sendable {
  /// Requests to `/auth`.
  public var authentications = 0
  /// Requests with a report.
  public var reports = 0
  /// Reports that the platform has accepted.
  public var acknowledged = 0

  /// Nothing yet.
  public init() {}
}
