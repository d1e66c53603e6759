// SPDX-License-Identifier: Apache-2.0
/// Which reports of a device the platform has taken.
struct PlatformRecord {
  /// All numbers below it are there.
  private var next = 1
  /// Those above it, which came early.
  private var beyond: Set<Int> = []
  /// How often a report came that was there already.
  private(set) var doubles = 0

  mutating func add(_ number: Int) {
    guard number >= next, beyond.insert(number).inserted else {
      doubles += 1
      return
    }
    while beyond.remove(next) != nil { next += 1 }
  }

  /// How many different ones there are.
  var count: Int { next - 1 + beyond.count }

  /// Whether that one is there.
  func contains(_ number: Int) -> Bool { number < next || beyond.contains(number) }

  /// How many of the first `last` are there.
  func count(upTo last: Int) -> Int {
    last < next ? last : next - 1 + beyond.count { $0 <= last }
  }
}
