// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import PayloadCoding

/// Collects properties until a message is full, and gives the cost of one more.
///
/// A message costs a wake-up and its headers whatever its content, so the cheapest property is one
/// that travels with others. Send the batch with `AlinkRequest.add(_:)`, then call `removeAll`.
/// Size: about 1.5 KB, inline.
public struct PropertyBatch<Writer: PayloadWriter & ~Copyable & ~Escapable>: ~Copyable {
  /// The minimum limit of a batch in bytes: a request with a property or two.
  public static var minLimit: Int { 128 }

  /// The maximum length of a request with the batch, in bytes.
  public let limit: Int
  /// The overhead of the message around the payload.
  public let overhead: MessageOverhead
  /// Whether properties without a time are written as plain values; see
  /// `AlinkRequest.usesPlainValues`.
  public var usesPlainValues = false
  /// The number of properties in the batch.
  public private(set) var count = 0
  /// The payload of a request with the batch's properties, in bytes.
  public private(set) var byteCount = 0

  /// The request's id, whose digits count towards the length.
  private let id: UInt32
  private var storage = FixedBytes<1_024>()
  /// The end of each property.
  private var ends = InlineArray<200, UInt16>(repeating: 0)

  /// Creates an empty batch.
  ///
  /// Without an `overhead`, which a session or client knows, costs are those of the payload alone.
  /// `limit` is the maximum length of a request, 128 to 1,024 bytes (device guide 3.5 advises at
  /// most 1 KB); its id must have no more digits than `id`.
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

  /// The current cost of sending the batch.
  public var cost: RadioCost { overhead.cost(ofPayload: byteCount) }

  /// The additional cost of this property; `nil` if it does not fit.
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

  /// Adds a property; throws `batchFull` and leaves the batch unchanged if it does not fit.
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

  /// A property as written by its writer.
  @_lifetime(borrow self)
  @_addressableSelf
  func member(_ index: Int) -> Span<UInt8> {
    let start = index == 0 ? 0 : Int(truncatingIfNeeded: ends[index - 1])
    return storage.bytes.extracting(start..<Int(truncatingIfNeeded: ends[index]))
  }

  /// The length of a request with the batch's properties and one more; `nil` above the limit.
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

  /// Whether the batch has a property of this name.
  ///
  /// Identifiers are written without escapes, and the encoding includes their end.
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
