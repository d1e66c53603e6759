// SPDX-License-Identifier: Apache-2.0
/// Up to `capacity` bytes stored inline, without heap allocation.
///
/// Size: `capacity` bytes and a counter.
@frozen
public struct FixedBytes<let capacity: Int>: Sendable {
  @usableFromInline
  var storage: InlineArray<capacity, UInt8>

  @usableFromInline
  var length: Int

  /// How many of the bytes are in use.
  @inlinable
  public var count: Int { length }

  /// Starts empty.
  @inlinable
  public init() {
    storage = InlineArray(repeating: 0)
    length = 0
  }

  /// Copies `bytes`; throws when there are more than `capacity`.
  @inlinable
  public init(copying bytes: Span<UInt8>) throws(CapacityError) {
    self.init()
    try replace(with: bytes)
  }

  /// Whether `count` is 0.
  @inlinable
  public var isEmpty: Bool { count == 0 }

  /// The bytes in use.
  @inlinable
  public var bytes: Span<UInt8> {
    // `@_addressableSelf`: the span points into `self`, so `self` must be passed by address.
    // Without it 6.3.1 passes a specialised FixedBytes by value, and the span outlives the copy:
    // seen in the Embedded build, where every use is specialised.
    @_lifetime(borrow self)
    @_addressableSelf
    get { storage.span.extracting(0..<count) }
  }

  /// Lets `body` change the whole storage in place, unused bytes included, for example to wipe it.
  @inlinable
  package mutating func withStorage(_ body: (inout MutableSpan<UInt8>) -> Void) {
    var all = storage.mutableSpan
    body(&all)
  }

  /// Lets `body` change the storage and the count; `bytes` traps if the count exceeds `capacity`.
  @inlinable
  package mutating func withParts<Result>(
    _ body: (inout MutableSpan<UInt8>, inout Int) -> Result
  ) -> Result {
    var all = storage.mutableSpan
    return body(&all, &length)
  }

  /// Replaces the contents with `bytes`; leaves them unchanged when `bytes` do not fit.
  @inlinable
  public mutating func replace(with bytes: Span<UInt8>) throws(CapacityError) {
    guard bytes.count <= capacity else { throw CapacityError() }
    var writer = ByteWriter(storage.mutableSpan)
    try writer.append(bytes)
    let written = writer.count
    length = written
  }

  /// Appends `bytes`; leaves the contents unchanged when they do not fit.
  public mutating func append(_ bytes: Span<UInt8>) throws(CapacityError) {
    guard bytes.count <= capacity - length else { throw CapacityError() }
    for index in bytes.indices { storage[length + index] = bytes[index] }
    length += bytes.count
  }

  /// Lets `body` write new contents; leaves it empty when `body` throws.
  @inlinable
  public mutating func write<Failure: Error>(
    _ body: (inout ByteWriter) throws(Failure) -> Void
  ) throws(Failure) {
    length = 0
    var writer = ByteWriter(storage.mutableSpan)
    try body(&writer)
    let written = writer.count
    length = written
  }

  /// Lets `body` write new contents from the start of the storage and return their count; leaves it
  /// empty when `body` throws.
  @inlinable
  package mutating func fill<Failure: Error>(
    _ body: (consuming MutableSpan<UInt8>) throws(Failure) -> Int
  ) throws(Failure) {
    length = 0
    let written = try body(storage.mutableSpan)
    precondition(written >= 0 && written <= capacity, "a fill stays within the capacity")
    length = written
  }

  /// Sets the count to 0; the old bytes stay in memory.
  @inlinable
  public mutating func removeAll() {
    length = 0
  }
}

extension FixedBytes: Equatable {
  /// Whether both hold the same bytes; not in constant time, so not for secrets.
  public static func == (left: Self, right: Self) -> Bool {
    left.bytes.isEqual(to: right.bytes)
  }
}

extension Span where Element == UInt8 {
  /// Whether both hold the same bytes; not in constant time, so not for secrets.
  @inlinable
  package func isEqual(to other: Span<UInt8>) -> Bool {
    guard count == other.count else { return false }
    for index in 0..<count where self[index] != other[index] { return false }
    return true
  }

  /// Whether the bytes equal those of a literal.
  @inlinable
  package func isEqual(to text: StaticString) -> Bool { isEqual(to: Span(text)) }

  /// Whether the bytes start with `text`.
  package func starts(with text: StaticString) -> Bool {
    let length = text.utf8CodeUnitCount
    return count >= length && extracting(0..<length).isEqual(to: text)
  }

  /// Whether the bytes end with `text`.
  package func ends(with text: StaticString) -> Bool {
    let length = text.utf8CodeUnitCount
    return count >= length && extracting(count - length..<count).isEqual(to: text)
  }

  /// The UTF-8 bytes of a literal.
  @inlinable
  @_lifetime(immortal)
  package init(_ text: StaticString) {
    // SAFETY: a StaticString's bytes live as long as the program.
    let bytes = unsafe Span(_unsafeStart: text.utf8Start, count: text.utf8CodeUnitCount)
    self = unsafe _overrideLifetime(bytes, copying: ())
  }
}
