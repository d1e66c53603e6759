// SPDX-License-Identifier: Apache-2.0
/// How the simulated platform interprets parts of a thing model that the device guide only names
/// (6.5 and 6.10).
///
/// Unverified: each of them.
public struct SimulatedModelRules: Equatable, Sendable {
  /// The unit of a text's `length`.
  public enum TextLength: Sendable {
    /// Bytes of UTF-8.
    case bytes
    /// Unicode scalar values.
    case characters
  }

  /// Whether a number must be `min`, or 0 without it, plus a multiple of `step`.
  public var checksSteps = false
  /// The unit of a text's `length`.
  public var textLength = TextLength.bytes
  /// Whether an array must have exactly `size` items, instead of at most that many.
  public var needsWholeArrays = false

  /// The rules that all examples in the guide satisfy.
  public init() {}
}
