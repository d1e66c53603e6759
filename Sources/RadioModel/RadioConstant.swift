// SPDX-License-Identifier: Apache-2.0
/// One value of a `RadioModel`: what it is called, where it comes from, and what it may be.
public struct RadioConstant: Sendable {
  /// How a value is known.
  public enum Origin: String, Sendable {
    /// It stands in a publication or a standard.
    case published
    /// It was fitted here to published measurements.
    case fitted
    /// Nobody has published it: a guess, and the source says from what.
    case assumed
  }

  /// Its name, `GROUP.NAME`.
  public let name: String
  /// The unit of `value`.
  public let unit: RadioUnit
  /// What a model file may say.
  public let range: ClosedRange<Double>
  /// How it is known.
  public let origin: Origin
  /// Where it comes from.
  public let source: String
  let read: @Sendable (RadioModel) -> Double
  let write: @Sendable (inout RadioModel, Double) -> Void

  /// A constant at `path` of the model's part at `base`.
  init<Part>(
    name: String,
    unit: RadioUnit,
    range: ClosedRange<Double>,
    origin: Origin,
    source: String,
    base: any (WritableKeyPath<RadioModel, Part> & Sendable),
    path: any (WritableKeyPath<Part, Double> & Sendable)
  ) {
    self.name = name
    self.unit = unit
    self.range = range
    self.origin = origin
    self.source = source
    read = { $0[keyPath: base][keyPath: path] }
    write = { $0[keyPath: base][keyPath: path] = $1 }
  }

  /// Its value in a model.
  public func value(in model: RadioModel) -> Double { read(model) }

  /// Every constant, in the order in which they are printed.
  public static let all: [RadioConstant] =
    classes(0, \.first, \.firstSpread) + classes(1, \.second, \.secondSpread)
    + classes(2, \.third, \.thirdSpread) + network + powers
}
