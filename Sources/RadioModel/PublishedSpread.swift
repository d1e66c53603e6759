// SPDX-License-Identifier: Apache-2.0
/// How far published measurements of one coverage class lie from the model: measured divided by estimated energy.
///
/// Each network counts the same, however many messages were measured there. `make energy-check` computes them; of
/// class 2 there are two networks only, so that it has the spread of all classes together.
public struct PublishedSpread: Equatable, Sendable {
  /// The smallest of any published message.
  public var lowest: Double
  /// A quarter of the measurements lies below.
  public var lowerQuartile: Double
  /// A quarter of the measurements lies above.
  public var upperQuartile: Double
  /// The largest of any published message.
  public var highest: Double

  /// A spread of these ratios.
  public init(lowest: Double, lowerQuartile: Double, upperQuartile: Double, highest: Double) {
    self.lowest = lowest
    self.lowerQuartile = lowerQuartile
    self.upperQuartile = upperQuartile
    self.highest = highest
  }
}
