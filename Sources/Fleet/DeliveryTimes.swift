// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// How long reports took, in classes that are at most 1.6 % wide, so that those of several runs can be added.
///
/// Memory: at most `limit` classes.
public struct DeliveryTimes: Equatable, Sendable {
  /// How many fell into each class.
  private(set) var classes: [Int: Int] = [:]
  /// How many there are.
  public private(set) var count = 0

  /// How many classes there are for all times below 2^63 ms: 128, and 64 for each power of two from 2^7 to 2^62.
  static let limit = 128 + 64 * 56

  /// None yet.
  public init() {}

  init(classes: [Int: Int]) {
    self.classes = classes
    count = classes.values.reduce(0, +)
  }

  mutating func add(_ time: Milliseconds) {
    classes[Self.index(of: UInt64(max(0, time.count))), default: 0] += 1
    count += 1
  }

  mutating func add(_ other: DeliveryTimes) {
    for (index, number) in other.classes { classes[index, default: 0] += number }
    count += other.count
  }

  /// The time within which that part of `total` reports was delivered, in milliseconds, rounded up to the end of its
  /// class; 0 without reports, `nil` where fewer were delivered at all.
  public func percentile(_ part: Double, of total: Int) -> Int64? {
    guard total > 0 else { return 0 }
    let wanted = max(1, Int((part * Double(total)).rounded(.up)))
    var sum = 0
    for index in classes.keys.sorted() {
      sum += classes[index] ?? 0
      if sum >= wanted { return Int64(Self.start(of: index + 1) - 1) }
    }
    return nil
  }

  /// 64 classes for each power of two; up to 127 each number is one.
  private static func index(of time: UInt64) -> Int {
    guard time >= 128 else { return Int(time) }
    let power = 63 - time.leadingZeroBitCount
    return (power - 6) * 64 + Int(time >> UInt64(power - 6))
  }

  private static func start(of index: Int) -> UInt64 {
    guard index >= 128 else { return UInt64(index) }
    let power = index / 64 - 1
    return UInt64(index % 64 + 64) << UInt64(power)
  }
}
