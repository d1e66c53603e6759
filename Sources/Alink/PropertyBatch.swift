public import ConstrainedCore
public import PayloadCoding

/// Collects properties until a message is full, and tells what one more would cost.
///
/// A message costs a wake-up and its headers whatever it holds, so that the cheapest property is the
/// one that goes along with others. Send the batch with `AlinkRequest.add(_:)`, then `removeAll`.
/// Size: about 1.5 KB, in place.
public struct PropertyBatch<Writer: PayloadWriter & ~Copyable & ~Escapable>: ~Copyable {
  /// The least that a batch may be limited to, in bytes: a request with a property or two.
  public static var minLimit: Int { 128 }

  /// How long a request with the batch may get, in bytes.
  public let limit: Int
  /// What the request's message has around the payload.
  public let overhead: MessageOverhead
  /// Whether properties without a time are written as values alone; see `AlinkRequest.usesPlainValues`.
  public var usesPlainValues = false
  /// How many properties the batch holds.
  public private(set) var count = 0
  /// The payload of a request with what the batch holds, in bytes.
  public private(set) var byteCount = 0

  /// The request's id: its digits count.
  private let id: UInt32
  private var storage = FixedBytes<1_024>()
  /// Where each property ends.
  private var ends = InlineArray<200, UInt16>(repeating: 0)

  /// An empty batch.
  ///
  /// Without an `overhead`, which a session or client knows, costs are those of the payload alone. A request
  /// has at most `limit` bytes, 128 to 1,024 (device guide 3.5 advises at
  /// most 1 KB), and its id no more digits than `id`.
  public init(
    limit: Int = 1_024,
    overhead: MessageOverhead = MessageOverhead(),
    id: UInt32 = .max
  ) {
    precondition(limit >= Self.minLimit && limit <= 1_024, "a batch has 128 to 1,024 bytes")
    self.limit = limit
    self.overhead = overhead
    self.id = id
    byteCount = measure(with: Span()) ?? 0
  }

  /// What sending the batch costs now.
  public var cost: RadioCost { overhead.cost(ofPayload: byteCount) }

  /// What it would cost more if it held this property, too; `nil` when the property does not fit.
  public borrowing func cost(
    ofAdding identifier: Span<UInt8>,
    time: UInt64? = nil,
    _ value: (inout Writer) throws(CapacityError) -> Void
  ) throws(AlinkError) -> RadioCost? {
    let member = try Self.member(identifier, time, usesPlainValues, value)
    guard count < maxProperties, let total = measure(with: member.bytes) else { return nil }
    let (now, then) = (cost, overhead.cost(ofPayload: total))
    return RadioCost(bytes: then.bytes - now.bytes, blocks: then.blocks - now.blocks)
  }

  /// Adds a property, or throws `batchFull` and leaves the batch as it was.
  public mutating func add(
    _ identifier: Span<UInt8>,
    time: UInt64? = nil,
    _ value: (inout Writer) throws(CapacityError) -> Void
  ) throws(AlinkError) {
    let member = try Self.member(identifier, time, usesPlainValues, value)
    guard !holds(identifier) else { throw .repeated }
    guard count < maxProperties else { throw .tooManyProperties }
    guard let total = measure(with: member.bytes) else { throw .batchFull }
    do throws(CapacityError) {
      try storage.append(member.bytes)
    } catch {
      throw .batchFull
    }
    ends[count] = UInt16(truncatingIfNeeded: storage.count)
    count += 1
    byteCount = total
  }

  /// Adds a property whose identifier is a literal.
  public mutating func add(
    _ identifier: StaticString,
    time: UInt64? = nil,
    _ value: (inout Writer) throws(CapacityError) -> Void
  ) throws(AlinkError) {
    try add(identifier.bytes, time: time, value)
  }

  /// Empties the batch.
  public mutating func removeAll() {
    storage.removeAll()
    count = 0
    byteCount = measure(with: Span()) ?? 0
  }

  /// A property as its writer wrote it.
  @_lifetime(borrow self)
  @_addressableSelf
  func member(_ index: Int) -> Span<UInt8> {
    let start = index == 0 ? 0 : Int(truncatingIfNeeded: ends[index - 1])
    return storage.bytes.extracting(start..<Int(truncatingIfNeeded: ends[index]))
  }

  /// The length of a request with the batch's properties and one more, or `nil` beyond the limit.
  private borrowing func measure(with member: Span<UInt8>) -> Int? {
    var buffer = InlineArray<1_024, UInt8>(repeating: 0)
    do throws(AlinkError) {
      var request = try AlinkRequest<PropertyPost, Writer>(buffer.mutableSpan, id: id)
      try request.add(self)
      if !member.isEmpty { try request.add(written: member) }
      let total = request.count == 0 ? request.byteCount : try request.finish()
      return total <= limit ? total : nil
    } catch {
      return nil
    }
  }

  private static func member(
    _ identifier: Span<UInt8>,
    _ time: UInt64?,
    _ isPlain: Bool,
    _ value: (inout Writer) throws(CapacityError) -> Void
  ) throws(AlinkError) -> FixedBytes<1_024> {
    try checkIdentifier(identifier)
    var member = FixedBytes<1_024>()
    do throws(CapacityError) {
      try member.fill { (storage: consuming MutableSpan<UInt8>) throws(CapacityError) -> Int in
        var writer = Writer(storage)
        try writer.property(identifier, time: time, isPlain: isPlain, value)
        return writer.count
      }
    } catch {
      throw .batchFull
    }
    return member
  }

  /// Whether there is a property of this name: identifiers are written without escapes, and where one
  /// ends is part of how it is written.
  private func holds(_ identifier: Span<UInt8>) -> Bool {
    var name = FixedBytes<80>()
    do throws(CapacityError) {
      try name.fill { (storage: consuming MutableSpan<UInt8>) throws(CapacityError) -> Int in
        var writer = Writer(storage)
        try writer.key(identifier)
        return writer.count
      }
    } catch {
      return false
    }
    for index in 0..<count {
      let member = member(index)
      guard member.count > name.count else { continue }
      if member.extracting(0..<name.count).isEqual(to: name.bytes) { return true }
    }
    return false
  }
}
