/// What a `ThingModelView` reads into a model where the device guide says no more than a name (6.5 and 6.10).
///
/// Unverified: each of them; nobody here has seen what the platform does.
public struct ThingModelRules: Equatable, Sendable {
  /// What the `length` of a text counts.
  public enum TextLength: Sendable {
    /// Bytes of UTF-8: the choice that no platform can find too long.
    case bytes
    /// Unicode scalar values.
    case characters
  }

  /// What the `size` of an array says.
  public enum ArraySize: Sendable {
    /// The most items that it may have.
    case maximum
    /// How many items it has.
    case exact
  }

  /// Whether a number must be `min`, or 0 without it, and some steps of `step`; not unless asked for: the
  /// guide's own examples are off their steps (23.65 at a step of 0.1, SetWeight's 100.8 at 1; 6.5).
  public var checksSteps = false

  /// What the `length` of a text counts; bytes unless told otherwise.
  public var textLength = TextLength.bytes

  /// What the `size` of an array says; a maximum unless told otherwise.
  public var arraySize = ArraySize.maximum

  /// The rules that no example of the guide breaks.
  public init() {}
}
