// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import PayloadCoding

/// A position in a model's text, right before a value.
///
/// The text has already been validated, so walking through it cannot fail.
struct ThingModelCursor: ~Escapable {
  private var reader: JSONReader

  /// Starts before the text's only value.
  @_lifetime(copy text)
  init(_ text: Span<UInt8>) {
    reader = JSONReader(text)
  }

  /// The next token.
  @inline(never)
  mutating func next() -> JSONToken {
    do throws(JSONError) {
      if let token = try reader.next() { return token }
    } catch {}
    preconditionFailure(
      "a model is walked through once it has been read whole, and not past its end"
    )
  }

  /// The first token of the value here.
  @inline(never)
  func peek() -> JSONToken {
    var ahead = self
    return ahead.next()
  }

  /// The offset of the value here, in bytes.
  var offset: Int {
    var ahead = self
    _ = ahead.next()
    return ahead.reader.tokenOffset
  }

  /// Skips the value here.
  @inline(never)
  mutating func skipValue() {
    do throws(JSONError) {
      try reader.skipValue()
    } catch {
      preconditionFailure("a model is walked through once it has been read whole")
    }
  }

  /// The position of the value of the first member `name` of the object here; `nil` if it is
  /// missing or `null`, or if the value here is not an object.
  @_lifetime(copy self)
  func member(_ name: StaticString) -> ThingModelCursor? {
    var place = self
    guard place.next() == .beginObject else { return nil }
    while case .key(let key) = place.next() {
      if place.reader.string(key, equals: name) { return place.peek() == .null ? nil : place }
      place.skipValue()
    }
    return nil
  }

  /// Enters the array here; returns `false` if the value is not an array.
  mutating func enterArray() -> Bool { next() == .beginArray }

  /// Whether another item of the array follows; the cursor is then before it.
  mutating func isBeforeItem() -> Bool {
    guard peek() == .endArray else { return true }
    _ = next()
    return false
  }

  /// The position of the first item of the array here whose `identifier` has these UTF-8 bytes.
  @_lifetime(copy self)
  func item(identifier: Span<UInt8>) -> ThingModelCursor? {
    var place = self
    guard place.enterArray() else { return nil }
    while place.isBeforeItem() {
      if let name = place.member("identifier"), name.isText(identifier) { return place }
      place.skipValue()
    }
    return nil
  }

  /// Whether the value here is a text with these UTF-8 bytes.
  @inline(never)
  func isText(_ content: Span<UInt8>) -> Bool {
    guard case .string(let range) = peek() else { return false }
    return reader.string(range, equals: content)
  }

  /// Whether the value here is a text equal to `literal`.
  @inline(never)
  func isText(_ literal: StaticString) -> Bool {
    guard case .string(let range) = peek() else { return false }
    return reader.string(range, equals: literal)
  }

  /// The text here, of at most 64 bytes; `nil` when here is none.
  var text: FixedBytes<64>? {
    guard case .string(let range) = peek() else { return nil }
    var text = FixedBytes<64>()
    do throws(CapacityError) {
      try text.write { (writer: inout ByteWriter) throws(CapacityError) in
        try reader.copyString(range, into: &writer)
      }
    } catch {
      return nil
    }
    return text
  }

  /// How many UTF-8 bytes the text here has; `nil` when here is none.
  var textByteCount: Int? {
    var ahead = self
    guard case .string(let range) = ahead.next() else { return nil }
    return reader.byteCount(of: range)
  }

  /// The number in the member `name`, given as a number or a text; `nil` if it is missing or an
  /// empty text.
  func decimal(_ name: StaticString) throws(ThingModelError) -> ExactDecimal? {
    guard let member = member(name) else { return nil }
    switch member.peek() {
    case .string(let range) where range.isEmpty: return nil
    case .string(let range), .number(let range):
      guard let value = reader.exactDecimal(range) else {
        throw .modelShape(offset: member.offset)
      }
      return value
    default: throw .modelShape(offset: member.offset)
    }
  }

  /// The count in the member `name`, read in the same way.
  func count(_ name: StaticString) throws(ThingModelError) -> Int? {
    guard let member = member(name) else { return nil }
    switch member.peek() {
    case .string(let range) where range.isEmpty: return nil
    case .string(let range), .number(let range):
      guard let value = reader.unsigned(range) else { throw .modelShape(offset: member.offset) }
      return Int(truncatingIfNeeded: min(value, 0x7FFF_FFFF))
    default: throw .modelShape(offset: member.offset)
    }
  }

  /// Whether the object here has a member whose name is the integer `key` in decimal.
  func hasKey(_ key: Int64) -> Bool {
    var digits = FixedBytes<20>()
    do throws(CapacityError) {
      try digits.write { (writer: inout ByteWriter) throws(CapacityError) in
        if key < 0 { try writer.append(UInt8(ascii: "-")) }
        try writer.append(decimal: key.magnitude)
      }
    } catch {
      preconditionFailure("an Int64 has at most 20 characters")
    }
    var place = self
    guard place.next() == .beginObject else { return false }
    while case .key(let range) = place.next() {
      if place.reader.string(range, equals: digits.bytes) { return true }
      place.skipValue()
    }
    return false
  }
}
