// SPDX-License-Identifier: Apache-2.0
/// The action that a response code of the platform requires of the device.
public enum ResponseMeaning: Equatable, Sendable {
  /// 2.xx: success; nothing to do.
  case success
  /// The token is invalid or has expired: authenticate, then send again.
  case authenticateAgain
  /// The platform failed: wait, then send again.
  case retryLater
  /// Wait until Max-Age has passed: 4.29 (RFC 8516) and 5.03 (RFC 7252 Section 5.9.3.4).
  case putOff
  /// Refused; sending the same message again would fail again.
  case refusal
}
