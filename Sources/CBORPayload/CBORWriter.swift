// SPDX-License-Identifier: Apache-2.0
internal import CLibCBOR
public import ConstrainedCore
public import PayloadCoding

/// Writes one CBOR data item (RFC 8949) into bytes that the caller owns, with libcbor's encoder for
/// heads.
///
/// It uses preferred serialization (Section 4.1): lengths are definite, and numbers, floating-point
/// ones included, take the fewest bytes without loss. `isDeterministic` also sorts the members of
/// each object by the bytes of their keys (Section 4.2.1). The number of members is known only when
/// an object or array is closed: from the 24th on, its head grows and its content moves by a byte
/// or two. Size: about 600 bytes, for 32 open objects and arrays; no heap.
public struct CBORWriter: ~Copyable, ~Escapable, PayloadWriter {
  /// The CoAP Content-Format, application/cbor.
  public static var contentFormat: UInt16 { 60 }

  /// The deepest nesting of objects and arrays; opening a deeper one throws.
  public static let maxDepth = 32

  private var output: ByteWriter
  /// Sorts the members from an offset on; `nil` if they keep the order of the calls.
  ///
  /// A function, so that programs that never sort do not link the code.
  #if SMALL
  private var sort: ((inout ByteWriter, Int) -> Void)? {
    get { nil }
    set { precondition(newValue == nil, "a SMALL writer cannot sort members") }
  }
  #else
  private var sort: ((inout ByteWriter, Int) -> Void)?
  #endif
  /// The offset of the content of each open object or array, after a head of one byte.
  private var starts = InlineArray<32, Int>(repeating: 0)
  /// The number of items in each of them so far, keys included.
  private var items = InlineArray<32, Int>(repeating: 0)
  private var depth = 0

  /// Starts at the beginning of `storage`.
  @_lifetime(copy storage)
  public init(_ storage: consuming MutableSpan<UInt8>) {
    output = ByteWriter(storage)
    sort = nil
  }

  /// Starts at the beginning of `storage`, and sorts objects if `isDeterministic`, which a SMALL
  /// build does not support.
  @_lifetime(copy storage)
  public init(_ storage: consuming MutableSpan<UInt8>, isDeterministic: Bool) {
    output = ByteWriter(storage)
    sort = isDeterministic ? { sortMembers(&$0, from: $1) } : nil
  }

  /// The number of bytes written.
  public var count: Int { output.count }

  /// The bytes written so far.
  public var written: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get { output.written }
  }

  /// Opens an object.
  public mutating func beginObject() throws(CapacityError) { try begin(.map) }

  /// Closes an object, and sorts its members if the writer is deterministic.
  public mutating func endObject() throws(CapacityError) { try end(.map) }

  /// Opens an array.
  public mutating func beginArray() throws(CapacityError) { try begin(.array) }

  /// Closes an array.
  public mutating func endArray() throws(CapacityError) { try end(.array) }

  /// Writes a member's name from a literal.
  public mutating func key(_ name: StaticString) throws(CapacityError) { try string(name) }

  /// Writes a member's name from its UTF-8 bytes.
  public mutating func key(_ name: Span<UInt8>) throws(CapacityError) { try string(name) }

  /// Writes a text from a literal.
  public mutating func string(_ text: StaticString) throws(CapacityError) {
    // SAFETY: a StaticString's bytes live as long as the program.
    try string(unsafe Span(_unsafeStart: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  /// Writes a text from its UTF-8 bytes, without checking them.
  public mutating func string(_ text: Span<UInt8>) throws(CapacityError) {
    let start = output.count
    try put(.text, UInt64(UInt(bitPattern: text.count)))
    do throws(CapacityError) {
      try output.append(text)
    } catch {
      output.truncate(to: start)
      throw error
    }
  }

  /// Appends a member, key and value, written by another writer.
  public mutating func member(_ written: Span<UInt8>) throws(CapacityError) {
    try output.append(written)
    note(2)
  }

  /// Writes an integer.
  public mutating func integer(_ value: Int64) throws(CapacityError) {
    guard value < 0 else { return try unsigned(UInt64(value)) }
    // Section 3.1: major type 1 holds -1 minus the value.
    try put(.negative, UInt64(bitPattern: ~value))
  }

  /// Writes an integer that may be above `Int64.max`.
  public mutating func unsigned(_ value: UInt64) throws(CapacityError) { try put(.unsigned, value) }

  /// Writes a fixed-point number as a Double: `value` divided by 10 to the `fractionDigits`, 0 to
  /// 18 digits.
  ///
  /// The Double is the nearest one for values up to 2^53, beyond the resolution of any sensor;
  /// above that it may be the next one.
  public mutating func decimal(_ value: Int64, fractionDigits: Int) throws(CapacityError) {
    precondition(fractionDigits >= 0 && fractionDigits <= 18, "an Int64 has at most 18 fractions")
    guard fractionDigits > 0 else { return try integer(value) }
    var scale = 1.0
    for _ in 0..<fractionDigits { scale *= 10 }
    try double(Double(value) / scale)
  }

  /// Writes a Double in 3, 5 or 9 bytes, the fewest without loss; writes infinity and NaN as
  /// `null`, as JSON has to.
  public mutating func double(_ value: Double) throws(CapacityError) {
    guard value.isFinite else { return try null() }
    let single = Float(value)
    if Double(single) != value {
      try append(0xFB, value.bitPattern, count: 8)
    } else if let half = Self.half(value) {
      try append(0xF9, UInt64(half), count: 2)
    } else {
      try append(0xFA, UInt64(single.bitPattern), count: 4)
    }
  }

  /// Writes `true` or `false`.
  public mutating func boolean(_ value: Bool) throws(CapacityError) {
    try put(.simple, value ? 21 : 20)
  }

  /// Writes `null`.
  public mutating func null() throws(CapacityError) { try put(.simple, 22) }

  /// The value as a half-precision float: 11 bits of mantissa, exponents from -14 to 15, and
  /// multiples of 2^-24 below that; `nil` if that would lose precision.
  private static func half(_ value: Double) -> UInt16? {
    let sign = UInt16(truncatingIfNeeded: value.bitPattern &>> 48) & 0x8000
    guard value.magnitude <= 65_504 else { return nil }
    guard value.magnitude >= 0x1p-14 else {
      let multiple = value.magnitude * 0x1p24
      let whole = UInt16(multiple)
      return multiple == Double(whole) ? sign | whole : nil
    }
    guard value.bitPattern & 0x3FF_FFFF_FFFF == 0 else { return nil }
    // Rebias the exponent from 1,023 to 15.
    let rest = value.bitPattern & 0x7FFF_FFFF_FFFF_FFFF - (1_023 - 15) &<< 52
    return sign | UInt16(truncatingIfNeeded: rest &>> 42)
  }

  /// Appends a floating-point number (Section 3.3); libcbor 0.8.0 encodes some of the smallest ones
  /// incorrectly.
  @inline(never)
  private mutating func append(
    _ head: UInt8,
    _ bits: UInt64,
    count: Int
  ) throws(CapacityError) {
    guard output.remaining > count else { throw CapacityError() }
    try output.append(head)
    var shift = 8 * UInt64(count)
    while shift > 0 {
      shift &-= 8
      try output.append(UInt8(truncatingIfNeeded: bits &>> shift))
    }
    note(1)
  }

  @inline(never)
  private mutating func begin(_ type: MajorType) throws(CapacityError) {
    guard depth < Self.maxDepth else { throw CapacityError() }
    try put(type, 0)
    starts[depth] = output.count
    items[depth] = 0
    depth &+= 1
  }

  /// Rewrites the head, now that the count is known.
  @inline(never)
  private mutating func end(_ type: MajorType) throws(CapacityError) {
    precondition(depth > 0, "an end needs a beginning")
    depth &-= 1
    let start = starts[depth]
    var count = items[depth]
    if type == .map {
      sort?(&output, start)
      count /= 2
    }
    let head = Self.head(type, UInt64(UInt(bitPattern: count)))
    let end = output.count
    try output.append(head.bytes.extracting(1...))
    output.move(end..<output.count, to: start)
    output.replace(at: start &- 1, with: head.bytes[0])
  }

  @inline(never)
  private mutating func put(_ type: MajorType, _ value: UInt64) throws(CapacityError) {
    let head = Self.head(type, value)
    try output.append(head.bytes)
    note(1)
  }

  /// A head: the type, and the number in the fewest bytes (Section 3).
  @inline(never)
  private static func head(_ type: MajorType, _ value: UInt64) -> FixedBytes<9> {
    var head = FixedBytes<9>()
    head.write { (writer: inout ByteWriter) in
      unsafe writer.appendUnchecked { room in
        // SAFETY: libcbor writes at most the count it is given, and a head has at most 9 bytes.
        let count = unsafe cbor_encode_uint(value, room.baseAddress, room.count)
        unsafe room[0] |= type.rawValue
        return count
      }
    }
    return head
  }

  /// The major type, in the upper 3 bits of a head's first byte (Section 3.1), where
  /// `cbor_encode_uint` leaves 0.
  private enum MajorType: UInt8 {
    case unsigned = 0x00
    case negative = 0x20
    case text = 0x60
    case array = 0x80
    case map = 0xA0
    /// Below 24: simple values (Section 3.3).
    case simple = 0xE0
  }

  private mutating func note(_ count: Int) {
    if depth > 0 { items[depth &- 1] &+= count }
  }
}

// MARK: - Order

/// Sorts the members from `start` to the end by the bytes of their keys: selection sort, moving the
/// smallest of the rest to its front.
private func sortMembers(_ output: inout ByteWriter, from start: Int) {
  var front = start
  while front < output.count {
    var smallest = front..<front
    var key = front..<front
    var next = front
    while next < output.count {
      let middle = end(ofItemAt: next, in: output.written)
      let end = end(ofItemAt: middle, in: output.written)
      if key.isEmpty || precedes(next..<middle, key, in: output.written) {
        key = next..<middle
        smallest = next..<end
      }
      next = end
    }
    output.move(smallest, to: front)
    front += smallest.count
  }
}

private func precedes(_ left: Range<Int>, _ right: Range<Int>, in bytes: Span<UInt8>) -> Bool {
  for index in 0..<min(left.count, right.count) {
    let (one, other) = (bytes[left.lowerBound + index], bytes[right.lowerBound + index])
    if one != other { return one < other }
  }
  return left.count < right.count
}

/// The end of the item at `start`, which this writer has written.
private func end(ofItemAt start: Int, in bytes: Span<UInt8>) -> Int {
  var offset = start
  var pending = 1
  while pending > 0 {
    guard let head = try? CBORHead(bytes, at: offset) else {
      preconditionFailure("what the writer has written can be read")
    }
    pending -= 1
    switch head.kind {
    case .array(let count): pending += Int(count)
    case .map(let count): pending += 2 * Int(count)
    default: break
    }
    offset += head.count
  }
  return offset
}
