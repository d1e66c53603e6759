// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore

/// Writes one JSON value (RFC 8259) without white space into bytes that the caller owns.
///
/// ```
/// var json = JSONWriter(buffer.mutableSpan)
/// try json.beginObject()
/// try json.key("temperature")
/// try json.decimal(2_150, fractionDigits: 2)
/// try json.endObject()  // {"temperature":21.50}
/// ```
///
/// The writer adds commas and colons. It does not check the order of calls: a value without a key
/// in an object, or an end without a beginning, is a caller's error. After a call that throws, the
/// output is not complete JSON; start again with a larger buffer.
public struct JSONWriter: ~Copyable, ~Escapable, PayloadWriter {
  /// The CoAP Content-Format, application/json.
  public static var contentFormat: UInt16 { 50 }

  private var output: ByteWriter
  private var needsComma = false

  /// Starts at the beginning of `storage`.
  @_lifetime(copy storage)
  public init(_ storage: consuming MutableSpan<UInt8>) {
    output = ByteWriter(storage)
  }

  /// The number of bytes written.
  public var count: Int { output.count }

  /// The bytes written so far.
  public var written: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get { output.written }
  }

  /// Opens an object.
  public mutating func beginObject() throws(CapacityError) {
    try separate()
    try output.append(UInt8(ascii: "{"))
    needsComma = false
  }

  /// Closes an object.
  public mutating func endObject() throws(CapacityError) {
    try output.append(UInt8(ascii: "}"))
    needsComma = true
  }

  /// Opens an array.
  public mutating func beginArray() throws(CapacityError) {
    try separate()
    try output.append(UInt8(ascii: "["))
    needsComma = false
  }

  /// Closes an array.
  public mutating func endArray() throws(CapacityError) {
    try output.append(UInt8(ascii: "]"))
    needsComma = true
  }

  /// Writes a member's name from a literal that needs no escapes.
  @inline(never)  // As the two below: requests make many calls, each smaller than the body.
  public mutating func key(_ name: StaticString) throws(CapacityError) {
    try separate()
    try output.append(UInt8(ascii: "\""))
    try output.append(name)
    try output.append("\":")
    needsComma = false
  }

  /// Writes a member's name.
  public mutating func key(_ name: Span<UInt8>) throws(CapacityError) {
    try string(name)
    try output.append(UInt8(ascii: ":"))
    needsComma = false
  }

  /// Writes a string from its UTF-8 bytes with the escapes that RFC 8259 Section 7 requires, no
  /// others.
  @inline(never)
  public mutating func string(_ text: Span<UInt8>) throws(CapacityError) {
    try separate()
    try output.append(UInt8(ascii: "\""))
    for index in text.indices { try appendEscaped(text[index]) }
    try output.append(UInt8(ascii: "\""))
    needsComma = true
  }

  /// Writes a string from a literal that needs no escapes.
  @inline(never)
  public mutating func string(_ text: StaticString) throws(CapacityError) {
    try separate()
    try output.append(UInt8(ascii: "\""))
    try output.append(text)
    try output.append(UInt8(ascii: "\""))
    needsComma = true
  }

  /// Writes an integer.
  public mutating func integer(_ value: Int64) throws(CapacityError) {
    try separate()
    if value < 0 { try output.append(UInt8(ascii: "-")) }
    try output.append(decimal: value.magnitude)
    needsComma = true
  }

  /// Writes an integer that may be above `Int64.max`.
  public mutating func unsigned(_ value: UInt64) throws(CapacityError) {
    try separate()
    try output.append(decimal: value)
    needsComma = true
  }

  /// Writes a fixed-point number: `value` divided by 10 to the `fractionDigits`, 0 to 18 digits.
  ///
  /// Sensors deliver fixed-point values; this writes exactly their digits.
  public mutating func decimal(_ value: Int64, fractionDigits: Int) throws(CapacityError) {
    precondition(fractionDigits >= 0 && fractionDigits <= 18, "an Int64 has at most 18 fractions")
    guard fractionDigits > 0 else { return try integer(value) }
    try separate()
    if value < 0 { try output.append(UInt8(ascii: "-")) }
    var scale: UInt64 = 1
    for _ in 0..<fractionDigits { scale *= 10 }
    try output.append(decimal: value.magnitude / scale)
    try output.append(UInt8(ascii: "."))
    var rest = value.magnitude % scale
    for _ in 0..<fractionDigits {
      scale /= 10
      try output.append(UInt8(truncatingIfNeeded: 0x30 + rest / scale))
      rest %= scale
    }
    needsComma = true
  }

  /// Writes a Double in the fewest digits that read back as the same; writes `null` for infinity
  /// and NaN, which JSON does not have.
  ///
  /// As in ECMAScript, values from 10^21 on and below 10^-6 get an exponent.
  public mutating func double(_ value: Double) throws(CapacityError) {
    guard value.isFinite else { return try null() }
    try separate()
    if value.sign == .minus { try output.append(UInt8(ascii: "-")) }
    try append(ShortestDecimal(value))
    needsComma = true
  }

  private mutating func append(_ number: ShortestDecimal) throws(CapacityError) {
    let (count, point) = (number.count, number.exponent)
    let digits = number.digits
    if point > 21 || point < -5 {
      try output.append(digits[0])
      if count > 1 { try output.append(UInt8(ascii: ".")) }
      for index in 1..<max(1, count) { try output.append(digits[index]) }
      try output.append(UInt8(ascii: "e"))
      if point < 1 { try output.append(UInt8(ascii: "-")) }
      let size = UInt32(truncatingIfNeeded: abs(point - 1))
      return try output.append(decimal: UInt64(widening: size))
    }
    if point <= 0 { try output.append("0.") }
    for _ in 0..<max(0, -point) { try output.append(0x30) }
    for index in 0..<count {
      if index == point, point > 0 { try output.append(UInt8(ascii: ".")) }
      try output.append(digits[index])
    }
    for _ in 0..<max(0, point - count) { try output.append(0x30) }
  }

  /// Writes `true` or `false`.
  public mutating func boolean(_ value: Bool) throws(CapacityError) {
    try separate()
    try output.append(value ? "true" : "false")
    needsComma = true
  }

  /// Writes `null`.
  public mutating func null() throws(CapacityError) {
    try separate()
    try output.append("null")
    needsComma = true
  }

  /// Appends a member, key and value, written by another writer.
  public mutating func member(_ written: Span<UInt8>) throws(CapacityError) {
    try separate()
    try output.append(written)
    needsComma = true
  }

  private mutating func separate() throws(CapacityError) {
    if needsComma { try output.append(UInt8(ascii: ",")) }
  }

  private mutating func appendEscaped(_ byte: UInt8) throws(CapacityError) {
    var escaped = byte
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): break
    case 0x0A: escaped = UInt8(ascii: "n")
    case 0x0D: escaped = UInt8(ascii: "r")
    case 0x09: escaped = UInt8(ascii: "t")
    case 0..<0x20:
      try output.append(#"\u00"#)
      try output.append(0x30 + byte >> 4)
      return try output.append(byte & 0x0F < 10 ? 0x30 + byte & 0x0F : 0x57 + byte & 0x0F)
    default: return try output.append(byte)
    }
    try output.append(UInt8(ascii: "\\"))
    try output.append(escaped)
  }
}
