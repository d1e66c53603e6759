// SPDX-License-Identifier: Apache-2.0
/// How a `ThingModelView` interprets parts of a model that the device guide only names (6.5 and
/// 6.10).
///
/// Unverified: each of them; the platform's behaviour has not been observed.
public struct ThingModelRules: Equatable, Sendable {
  /// The unit of a text's `length`.
  public enum TextLength: Sendable {
    /// Bytes of UTF-8: the strictest choice, which every platform accepts.
    case bytes
    /// Unicode scalar values.
    case characters
  }

  /// The meaning of an array's `size`.
  public enum ArraySize: Sendable {
    /// The maximum number of items.
    case maximum
    /// The exact number of items.
    case exact
  }

  #if DEVICE_ONLY
  /// Numbers are not checked by `step`.
  public var checksSteps: Bool { false }
  /// The unit of a text's `length`.
  public var textLength: TextLength { .bytes }
  /// The meaning of an array's `size`.
  public var arraySize: ArraySize { .maximum }
  #else
  /// Whether a number must be `min`, or 0 without it, plus a multiple of `step`.
  ///
  /// Off by default, because the guide's own examples violate it (23.65 with a step of 0.1,
  /// SetWeight's 100.8 with 1; 6.5).
  public var checksSteps = false

  /// The unit of a text's `length`; bytes by default.
  public var textLength = TextLength.bytes

  /// The meaning of an array's `size`; a maximum by default.
  public var arraySize = ArraySize.maximum
  #endif

  /// The rules that all examples in the guide satisfy.
  public init() {}
}
