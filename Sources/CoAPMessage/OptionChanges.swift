public import ConstrainedCore

/// Up to 4 options that a message made from another one is to have in place of the other's, or
/// without them.
///
/// For requests that are sent again in a changed form: the next block of a body, an observation that
/// ends, an answer to a server's Echo.
public struct OptionChanges: Sendable {
  private struct Change {
    var number = OptionNumber(rawValue: 0)
    var value = FixedBytes<40>()
    var isPresent = false
  }

  private var changes = InlineArray<4, Change>(repeating: Change())
  private var count = 0

  /// Changes nothing.
  public init() {}

  /// The option shall occur once, with this number as value.
  public mutating func set(_ number: OptionNumber, uint value: UInt32) {
    var bytes = FixedBytes<40>()
    bytes.write { (writer: inout ByteWriter) in
      for index: UInt32 in 0..<4 where value >> (24 - 8 * index) != 0 {
        try? writer.append(UInt8(truncatingIfNeeded: value >> (24 - 8 * index)))
      }
    }
    add(Change(number: number, value: bytes, isPresent: true))
  }

  /// The option shall occur once, with this value of at most 40 bytes.
  public mutating func set(_ number: OptionNumber, _ value: Span<UInt8>) throws(CapacityError) {
    add(Change(number: number, value: try FixedBytes(copying: value), isPresent: true))
  }

  /// The option shall not occur.
  public mutating func remove(_ number: OptionNumber) {
    add(Change(number: number))
  }

  /// Keeps the changes in ascending order of their numbers; a later change of an option counts.
  private mutating func add(_ change: Change) {
    var index = 0
    while index < count, changes[index].number.rawValue < change.number.rawValue { index += 1 }
    if index == count || changes[index].number != change.number {
      precondition(count < changes.count, "at most 4 options are changed at once")
      var moved = count
      while moved > index {
        changes[moved] = changes[moved - 1]
        moved -= 1
      }
      count += 1
    }
    changes[index] = change
  }

  fileprivate func contains(_ number: OptionNumber) -> Bool {
    for index in 0..<count where changes[index].number == number { return true }
    return false
  }

  /// Writes the changes whose numbers are not above `number`, from the `next`th on.
  fileprivate func write(
    upTo number: UInt16,
    from next: inout Int,
    into message: inout MessageWriter
  ) throws(MessageWriterError) {
    while next < count, changes[next].number.rawValue <= number {
      if changes[next].isPresent {
        try message.option(changes[next].number, changes[next].value.bytes)
      }
      next += 1
    }
  }
}

extension MessageWriter {
  /// Appends the options of `message`, changed.
  ///
  /// A call that throws leaves the options written so far.
  public mutating func options(
    of message: borrowing MessageView,
    with changes: OptionChanges
  ) throws(MessageWriterError) {
    var next = 0
    var iterator = message.options
    while let option = iterator.next() {
      try changes.write(upTo: option.number.rawValue, from: &next, into: &self)
      if !changes.contains(option.number) { try self.option(option.number, option.value) }
    }
    try changes.write(upTo: .max, from: &next, into: &self)
  }
}
