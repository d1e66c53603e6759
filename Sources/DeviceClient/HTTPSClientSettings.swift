// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import Platform
internal import PlatformHTTPS

/// The requests of a client over HTTPS (device guide 3.7 and 3.8).
///
/// The client authenticates when it has something to send, and keeps its connection open for the next report. The
/// platform cannot speak to it.
public struct HTTPSClientSettings: Sendable {
  /// The largest payload in bytes (device guide 3.7).
  public static var maxPayload: Int { HTTPSReportRequest.maxBody }

  /// The certificates of the trusted authorities, in PEM.
  public var authorities: [UInt8]
  /// What `/auth` is signed with: HMAC-MD5 or HMAC-SHA1.
  public var signMethod = SignMethod.hmacSHA1
  /// Whether `/auth` says what time it is; without it the platform cannot refuse a device whose clock is wrong.
  public var sendsTimestamp = false
  /// What the clock is taken to say when the client is made, in milliseconds since 1970; it is sent then.
  public var timestamp: UInt64?
  /// How long name, TCP and TLS may take together.
  public var connectTimeout = Milliseconds(30_000)
  /// How long a request may take in all; one with a long body has more time.
  public var answerTimeout = Milliseconds(90_000)
  /// Whether the proxy that the environment names (`https_proxy`) is used.
  public var usesProxy = false

  /// Told what becomes of the device, in order, on the client's thread or a caller's: be quick.
  public var onEvent: (@Sendable (HTTPSClientEvent) -> Void)?
  /// Told of each request and each answer in words without secrets, while the client is locked: be quick, and do not
  /// call it.
  public var onRequest: (@Sendable (MessageDirection, String) -> Void)?

  /// Requests to a server that these authorities vouch for.
  public init(authorities: [UInt8] = []) { self.authorities = authorities }
}

/// What becomes of a client over HTTPS.
public enum HTTPSClientEvent: Equatable, Sendable {
  /// The platform has accepted the device.
  case authenticated
  /// The platform's clock is so many seconds ahead of this machine's, more than 15 minutes to either side.
  case wrongClock(seconds: Int64)
}
