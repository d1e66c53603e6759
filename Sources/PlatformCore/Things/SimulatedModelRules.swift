/// What the simulated platform reads into a thing model where the device guide says no more than a name (6.5 and
/// 6.10).
///
/// Unverified: each of them.
public struct SimulatedModelRules: Equatable, Sendable {
  /// What the `length` of a text counts.
  public enum TextLength: Sendable {
    /// Bytes of UTF-8.
    case bytes
    /// Unicode scalar values.
    case characters
  }

  /// Whether a number must be `min`, or 0 without it, and some steps of `step`.
  public var checksSteps = false
  /// What the `length` of a text counts.
  public var textLength = TextLength.bytes
  /// Whether an array has exactly `size` items, not at most so many.
  public var needsWholeArrays = false

  /// The rules that no example of the guide breaks.
  public init() {}
}
