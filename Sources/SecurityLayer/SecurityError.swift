// SPDX-License-Identifier: Apache-2.0
/// Why a security layer failed.
public enum SecurityError: Error, Equatable, Sendable {
  /// There is no key yet: authenticate first.
  case notEstablished
  /// The output has no room for the result.
  case capacity
  /// The message exceeds the record size that both ends have negotiated.
  case messageTooLong
  /// The peer's bytes could not be opened; all causes look alike, so that a sender of forged bytes
  /// learns nothing from the difference.
  case openFailed
  /// The cryptographic library refused, with its error code.
  case library(code: UInt)
}
