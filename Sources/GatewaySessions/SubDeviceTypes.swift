// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import Platform

/// How a gateway logs its sub-devices in.
public struct SubDeviceSettings: Sendable {
  /// How many may be online at once: 1,500 (device guide 5 and 6.4).
  public var limit = 1_500
  /// How many logins of one sub-device go out within a minute: 5 (device guide 5, code 429).
  public var loginsPerMinute = 5
  /// The time between two requests; 20 ms spread 1,500 logins over half a minute.
  public var interval = Milliseconds(20)
  /// How many requests wait for an answer at once.
  public var requestsInFlight = 16
  /// How long an answer is waited for.
  public var answerTimeout = Milliseconds(10_000)
  /// The wait after a login without success, doubled each time.
  public var firstRetry = Milliseconds(1_000)
  /// The longest of these waits.
  public var longestRetry = Milliseconds(300_000)
  /// The wait of a sub-device that has connected elsewhere, doubled each time: two devices of one identity would throw
  /// each other out for ever.
  public var kickedRest = Milliseconds(1_800_000)
  /// How many log in by one request; 1 for single logins.
  ///
  /// Unverified: batch logins, which are in no document; public device code sends 50 at a time.
  public var batchSize = 1
  /// Whether the platform drops what waits for a sub-device when it logs in (`cleanSession`, 6.4).
  public var isClean = true

  /// The guide's limits.
  public init() {}
}

/// The sign methods of a login (device guide 6.4).
public enum SubDeviceSignMethod: Sendable, CaseIterable {
  /// `hmacMd5`.
  case hmacMD5
  /// `hmacSha1`.
  case hmacSHA1
  /// `hmacSha256`.
  case hmacSHA256
  /// `Sha256`.
  ///
  /// Unverified: that it is HMAC-SHA256 by another name; a plain digest proves nothing.
  case sha256

  /// The HMAC that it is.
  public var hmac: SignMethod {
    switch self {
    case .hmacMD5: .hmacMD5
    case .hmacSHA1: .hmacSHA1
    case .hmacSHA256, .sha256: .hmacSHA256
    }
  }
}

/// Why a command is refused before anything is sent.
public enum SubDeviceError: Error, Equatable, Sendable {
  /// No sub-device has that number.
  case unknown
  /// The gateway itself (device guide 6.2, code 6402).
  case isGateway
  /// The sub-device is there already.
  case isThere
  /// There are so many already (device guide 5, code 428).
  case tooMany(Int)
  /// The secret has this many bytes, not 1 to 128.
  case secret(Int)
}

/// What happened to a sub-device.
public enum SubDeviceEvent: Equatable, Sendable {
  /// It is online: subscribe to its topics, and send what waits.
  case online(Int)
  /// It is not online any more; `retryAfter` is `nil` where it waits for `logIn`.
  case offline(Int, SubDeviceReason, retryAfter: Milliseconds?)
  /// A login had no success; `retryAfter` is `nil` where it waits for `logIn`.
  case refused(Int, SubDeviceReason, retryAfter: Milliseconds?)
  /// The platform has said that something is wrong with a sub-device, and not with which; `id` is that of the message
  /// which it did not take, 0 where it has none.
  case unnamed(SubDeviceReason, id: UInt64)
}

/// Why a sub-device is not online.
public enum SubDeviceReason: Equatable, Sendable {
  /// The code of the platform (device guide 5).
  case code(Int)
  /// The gateway's connection has ended.
  case disconnected
  /// The platform has not answered.
  case silence
  /// It was logged out.
  case loggedOut
  /// The login could not be signed.
  case signing
}
