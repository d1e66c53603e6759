// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// A whole number of up to `limbs` times 32 bits, stored inline, for exact conversions between
/// decimal digits and binary fractions.
///
/// Overflow is a caller's error and traps.
struct BigNumber<let limbs: Int> {
  /// The limbs, lowest first; those from `count` on are zero.
  private var storage = InlineArray<limbs, UInt32>(repeating: 0)
  private var count = 0

  init() {}

  init(_ value: UInt64) {
    storage[0] = UInt32(truncatingIfNeeded: value)
    storage[1] = UInt32(truncatingIfNeeded: value &>> 32)
    count = storage[1] != 0 ? 2 : storage[0] != 0 ? 1 : 0
  }

  var isZero: Bool { count == 0 }

  /// The position of the highest set bit, counted from 1; 0 for zero.
  var bitCount: Int {
    guard count > 0 else { return 0 }
    return count * 32 - storage[count - 1].leadingZeroBitCount
  }

  /// Multiplies by `factor` and adds `addend`.
  mutating func multiply(by factor: UInt32, adding addend: UInt32 = 0) {
    var carry = addend
    for index in 0..<count {
      let (high, low) = storage[index].multipliedFullWidth(by: factor)
      let (sum, overflow) = low.addingReportingOverflow(carry)
      storage[index] = sum
      carry = high &+ (overflow ? 1 : 0)
    }
    if carry != 0 {
      precondition(count < limbs, "a product fits into the limbs")
      storage[count] = carry
      count += 1
    }
  }

  /// Multiplies by 10 to the power of `exponent`, 0 or more.
  mutating func multiply(byPowerOfTen exponent: Int) {
    var rest = exponent
    while rest >= 9 {
      multiply(by: 1_000_000_000)
      rest -= 9
    }
    while rest > 0 {
      multiply(by: 10)
      rest -= 1
    }
  }

  /// Shifts left by `bits`, 0 or more.
  mutating func shiftLeft(by bits: Int) {
    guard count > 0, bits > 0 else { return }
    let words = bits / 32
    let rest = UInt32(truncatingIfNeeded: bits % 32)
    precondition(bitCount + bits <= limbs * 32, "a shifted number fits into the limbs")
    var index = count - 1
    while index >= 0 {
      let value = storage[index]
      storage[index] = 0
      if rest > 0, index + words + 1 < limbs {
        storage[index + words + 1] |= value &>> (32 &- rest)
      }
      storage[index + words] = value &<< rest
      index -= 1
    }
    count = min(limbs, count + words + 1)
    trim()
  }

  /// Adds `other`.
  mutating func add(_ other: borrowing Self) {
    var carry: UInt32 = 0
    let longest = max(count, other.count)
    for index in 0..<longest {
      let (first, overflow) = storage[index].addingReportingOverflow(other.storage[index])
      let (second, more) = first.addingReportingOverflow(carry)
      storage[index] = second
      carry = overflow || more ? 1 : 0
    }
    count = longest
    if carry != 0 {
      precondition(count < limbs, "a sum fits into the limbs")
      storage[count] = 1
      count += 1
    }
  }

  /// Subtracts `other`, which must not be larger.
  mutating func subtract(_ other: borrowing Self) {
    var borrow: UInt32 = 0
    for index in 0..<count {
      let (first, underflow) = storage[index].subtractingReportingOverflow(other.storage[index])
      let (second, more) = first.subtractingReportingOverflow(borrow)
      storage[index] = second
      borrow = underflow || more ? 1 : 0
    }
    trim()
  }

  /// -1 if the number is less than `other`, 0 if both are equal, 1 if it is greater.
  func compare(_ other: borrowing Self) -> Int {
    if count != other.count { return count < other.count ? -1 : 1 }
    var index = count - 1
    while index >= 0 {
      if storage[index] != other.storage[index] {
        return storage[index] < other.storage[index] ? -1 : 1
      }
      index -= 1
    }
    return 0
  }

  private mutating func trim() {
    while count > 0, storage[count - 1] == 0 { count -= 1 }
  }
}
