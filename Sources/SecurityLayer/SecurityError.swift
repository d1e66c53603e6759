/// What a security layer could not do.
public enum SecurityError: Error, Equatable, Sendable {
  /// There is no key yet: authenticate first.
  case notEstablished
  /// The output has no room for the result.
  case capacity
  /// The message is longer than the records that the two ends have agreed on.
  case messageTooLong
  /// The peer's bytes could not be opened; every cause looks alike on purpose, so that nobody who
  /// sends bytes learns from the difference.
  case openFailed
  /// The cryptographic library refused, with its error code.
  case library(code: UInt)
}
