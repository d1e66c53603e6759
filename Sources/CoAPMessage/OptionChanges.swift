// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore

/// Up to 4 options to replace, add or remove when one message is made from another.
///
/// It serves requests that are sent again with changes: the next block of a body, the end of an
/// observation, the answer to a server's Echo.
public struct OptionChanges: Sendable {
  /// The options in the order of the calls, the length of each value, and the values.
  private var numbers = InlineArray<4, UInt16>(repeating: 0)
  private var lengths = InlineArray<4, UInt8>(repeating: 0)
  private var values = InlineArray<160, UInt8>(repeating: 0)
  private var count = 0

  /// Changes nothing.
  public init() {}

  /// Makes the option occur once, with this number as its value.
  public mutating func set(_ number: OptionNumber, uint value: UInt32) {
    var bytes = FixedBytes<4>()
    bytes.write { (writer: inout ByteWriter) in
      for index: UInt32 in 0..<4 where value >> (24 - 8 * index) != 0 {
        try? writer.append(UInt8(truncatingIfNeeded: value >> (24 - 8 * index)))
      }
    }
    put(number, bytes.bytes)
  }

  /// Makes the option occur once, with this value of at most 40 bytes.
  public mutating func set(_ number: OptionNumber, _ value: Span<UInt8>) throws(CapacityError) {
    guard value.count <= Self.maxValue else { throw CapacityError() }
    put(number, value)
  }

  /// Removes the option.
  public mutating func remove(_ number: OptionNumber) {
    lengths[place(of: number)] = Self.removed
  }

  private mutating func put(_ number: OptionNumber, _ value: Span<UInt8>) {
    let index = place(of: number)
    lengths[index] = UInt8(truncatingIfNeeded: value.count)
    for offset in value.indices { values[index * Self.maxValue + offset] = value[offset] }
  }

  /// The index of the option's change, or of a new one; a later change of an option replaces the
  /// earlier one.
  private mutating func place(of number: OptionNumber) -> Int {
    for index in 0..<count where numbers[index] == number.rawValue { return index }
    precondition(count < numbers.count, "at most 4 options are changed at once")
    numbers[count] = number.rawValue
    count += 1
    return count - 1
  }

  fileprivate func contains(_ number: OptionNumber) -> Bool {
    for index in 0..<count where numbers[index] == number.rawValue { return true }
    return false
  }

  /// Writes the changes of the options from `least` to `most`, in ascending order, and moves
  /// `least` past them.
  fileprivate func write(
    from least: inout UInt32,
    upTo most: UInt16,
    into message: inout MessageWriter
  ) throws(MessageWriterError) {
    while let index = first(from: least, upTo: most) {
      least = UInt32(numbers[index]) + 1
      guard lengths[index] != Self.removed else { continue }
      let start = index * Self.maxValue
      try message.changedOption(
        OptionNumber(rawValue: numbers[index]),
        values.span.extracting(start..<start + Int(lengths[index]))
      )
    }
  }

  private func first(from least: UInt32, upTo most: UInt16) -> Int? {
    var found: Int?
    for index in 0..<count where UInt32(numbers[index]) >= least && numbers[index] <= most {
      if let known = found, numbers[known] < numbers[index] { continue }
      found = index
    }
    return found
  }

  private static var maxValue: Int { 40 }
  private static var removed: UInt8 { .max }
}

extension MessageWriter {
  /// Appends the options of `message` with `changes` applied.
  ///
  /// A call that throws leaves the options written so far.
  public mutating func options(
    of message: borrowing MessageView,
    with changes: OptionChanges
  ) throws(MessageWriterError) {
    var least: UInt32 = 0
    var iterator = message.options
    while let option = iterator.next() {
      try changes.write(from: &least, upTo: option.number.rawValue, into: &self)
      if !changes.contains(option.number) { try changedOption(option.number, option.value) }
    }
    try changes.write(from: &least, upTo: .max, into: &self)
  }

  /// Appends an option out of line: `option` is inlined, fast but large, and these messages are
  /// rare.
  @inline(never)
  fileprivate mutating func changedOption(
    _ number: OptionNumber,
    _ value: Span<UInt8>
  ) throws(MessageWriterError) {
    try option(number, value)
  }
}
