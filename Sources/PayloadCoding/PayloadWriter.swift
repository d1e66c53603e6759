// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore

/// Writes one value, with nested objects and arrays, into bytes that the caller owns: JSON
/// (`JSONWriter`) or CBOR (`CBORWriter`), through the same calls.
///
/// The order of calls is not checked; calls that do not form a value are a caller's error. After a
/// call that throws, the output is incomplete; start again with a larger buffer.
public protocol PayloadWriter: ~Copyable, ~Escapable {
  /// The CoAP Content-Format of the output (RFC 7252 Section 12.3): 50 for JSON, 60 for CBOR.
  static var contentFormat: UInt16 { get }

  /// Starts at the beginning of `storage`.
  @_lifetime(copy storage)
  init(_ storage: consuming MutableSpan<UInt8>)

  /// The number of bytes written.
  var count: Int { get }

  /// Opens an object; a key and a value follow for each member.
  mutating func beginObject() throws(CapacityError)

  /// Closes an object.
  mutating func endObject() throws(CapacityError)

  /// Opens an array.
  mutating func beginArray() throws(CapacityError)

  /// Closes an array.
  mutating func endArray() throws(CapacityError)

  /// Writes a member's name from a literal that needs no escapes.
  mutating func key(_ name: StaticString) throws(CapacityError)

  /// Writes a member's name from its UTF-8 bytes.
  mutating func key(_ name: Span<UInt8>) throws(CapacityError)

  /// Writes a text from a literal that needs no escapes.
  mutating func string(_ text: StaticString) throws(CapacityError)

  /// Writes a text from its UTF-8 bytes.
  mutating func string(_ text: Span<UInt8>) throws(CapacityError)

  /// Writes an integer.
  mutating func integer(_ value: Int64) throws(CapacityError)

  /// Writes an integer that may be above `Int64.max`.
  mutating func unsigned(_ value: UInt64) throws(CapacityError)

  /// Writes a fixed-point number: `value` divided by 10 to the `fractionDigits`, 0 to 18 digits.
  mutating func decimal(_ value: Int64, fractionDigits: Int) throws(CapacityError)

  /// Writes a Double that reads back as the same; writes `null` for infinity and NaN.
  mutating func double(_ value: Double) throws(CapacityError)

  /// Writes `true` or `false`.
  mutating func boolean(_ value: Bool) throws(CapacityError)

  /// Writes `null`.
  mutating func null() throws(CapacityError)

  /// Appends a member, key and value, written by a writer of the same format without an enclosing
  /// object.
  mutating func member(_ written: Span<UInt8>) throws(CapacityError)
}
