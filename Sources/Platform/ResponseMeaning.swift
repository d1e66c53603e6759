/// What the platform's response code asks the device to do.
public enum ResponseMeaning: Equatable, Sendable {
  /// 2.xx: done.
  case success
  /// The token is not, or no longer, valid: authenticate, then send again.
  case authenticateAgain
  /// The platform has a fault of its own: wait, then send again.
  case retryLater
  /// Not before Max-Age is over: 4.29 (RFC 8516) and 5.03 (RFC 7252 Section 5.9.3.4).
  case putOff
  /// Sending the same again would fail again.
  case refusal
}
