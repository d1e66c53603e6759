// SPDX-License-Identifier: Apache-2.0
internal import CBORPayload
package import ConstrainedCore
package import PayloadCoding

/// A JSON or CBOR value as a tree, for programs that have a heap.
public enum PayloadValue: Equatable, Sendable {
  /// A member of an object.
  public struct Member: Equatable, Sendable {
    /// The name of the member.
    public var name: String
    /// The value of the member.
    public var value: PayloadValue

    /// Creates a member.
    public init(_ name: String, _ value: PayloadValue) {
      self.name = name
      self.value = value
    }
  }

  /// The format of an encoded value, named by its Content-Format (RFC 7252 Section 12.3).
  public enum Format: UInt16, Sendable {
    /// application/json.
    case json = 50
    /// application/cbor.
    case cbor = 60
  }

  /// Members in the order received; names are unique.
  case object([Member])
  /// Values in order.
  case array([PayloadValue])
  /// A text.
  case text(String)
  /// A whole number.
  case integer(Int64)
  /// A whole number above `Int64.max`.
  case unsigned(UInt64)
  /// Any other number.
  case double(Double)
  /// `true` or `false`.
  case boolean(Bool)
  /// `null`.
  case null

  /// Parses received bytes; `nil` if they are not one value of that format, or if they contain a
  /// duplicate name in an object or a byte string.
  public init?(_ bytes: [UInt8], _ format: Format) {
    let made: PayloadValue?
    switch format {
    case .json:
      var reader = JSONReader(bytes.span)
      made = Self.whole(&reader)
    case .cbor:
      var reader = CBORReader(bytes.span)
      made = Self.whole(&reader)
    }
    guard let made else { return nil }
    self = made
  }

  /// Encodes the value in a format; a value nested deeper than 32 levels becomes `null`.
  public func encoded(_ format: Format) -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: mostBytes)
    let count: Int
    do throws(CapacityError) {
      switch format {
      case .json:
        var writer = JSONWriter(buffer.mutableSpan)
        try write(into: &writer)
        count = writer.count
      case .cbor:
        var writer = CBORWriter(buffer.mutableSpan)
        try write(into: &writer)
        count = writer.count
      }
    } catch {
      // The program has nested the tree deeper than a reader accepts.
      return Self.null.encoded(format)
    }
    return Array(buffer[..<count])
  }

  /// A whole number, 0 or more.
  public init(_ number: UInt64) {
    self = Int64(exactly: number).map { .integer($0) } ?? .unsigned(number)
  }

  /// The members of an object; `nil` for anything else.
  public var members: [Member]? {
    if case .object(let members) = self { members } else { nil }
  }

  /// The values of an array; `nil` for anything else.
  public var elements: [PayloadValue]? {
    if case .array(let elements) = self { elements } else { nil }
  }

  /// The text; `nil` for anything else.
  public var string: String? {
    if case .text(let text) = self { text } else { nil }
  }

  /// The whole number; `nil` for anything else.
  public var integer: Int64? {
    if case .integer(let value) = self { value } else { nil }
  }

  /// The number as a Double, even if it is whole; `nil` for anything else.
  public var number: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .unsigned(let value): Double(value)
    case .double(let value): value
    default: nil
    }
  }

  /// The value of an object's member; `nil` if there is no such member, or this is not an object.
  public subscript(_ name: String) -> PayloadValue? {
    members?.first { $0.name == name }?.value
  }

  // MARK: Reading

  private static func whole<Reader: PayloadReader & ~Escapable>(
    _ reader: inout Reader
  ) -> PayloadValue? {
    guard let token = try? reader.nextToken(),
      let value = read(token, from: &reader)
    else { return nil }
    do {
      // The value must end the payload.
      return try reader.nextToken() == nil ? value : nil
    } catch {
      return nil
    }
  }

  /// The value that begins with `token`; the readers limit its depth to 32.
  private static func read<Reader: PayloadReader & ~Escapable>(
    _ token: PayloadToken,
    from reader: inout Reader
  ) -> PayloadValue? {
    switch token {
    case .beginObject:
      var members: [Member] = []
      var names: Set<String> = []
      while let next = try? reader.nextToken() {
        if next == .endObject { return .object(members) }
        guard case .key(let key) = next, case let name = reader.string(key),
          names.insert(name).inserted, let first = try? reader.nextToken(),
          let value = read(first, from: &reader)
        else { return nil }
        members.append(Member(name, value))
      }
      return nil
    case .beginArray:
      var elements: [PayloadValue] = []
      while let next = try? reader.nextToken() {
        if next == .endArray { return .array(elements) }
        guard let value = read(next, from: &reader) else { return nil }
        elements.append(value)
      }
      return nil
    case .text(let text): return .text(reader.string(text))
    case .integer(let value): return .integer(value)
    case .unsigned(let value): return .unsigned(value)
    case .double(let value): return value.isFinite ? .double(value) : nil
    case .boolean(let value): return .boolean(value)
    case .null: return .null
    case .endObject, .endArray, .key, .bytes: return nil
    }
  }

  // MARK: Writing

  /// An upper bound of the bytes in either format: 6 per byte of text, in JSON escapes, 26 per
  /// number.
  private var mostBytes: Int {
    switch self {
    case .object(let members):
      16 + members.reduce(0) { $0 + 16 + 6 * $1.name.utf8.count + $1.value.mostBytes }
    case .array(let elements): 16 + elements.reduce(0) { $0 + 1 + $1.mostBytes }
    case .text(let text): 16 + 6 * text.utf8.count
    default: 32
    }
  }

  /// Writes the value.
  package func write<Writer: PayloadWriter & ~Copyable & ~Escapable>(
    into writer: inout Writer
  ) throws(CapacityError) {
    switch self {
    case .object(let members):
      try writer.beginObject()
      for member in members {
        let name = Array(member.name.utf8)
        try writer.key(name.span)
        try member.value.write(into: &writer)
      }
      try writer.endObject()
    case .array(let elements):
      try writer.beginArray()
      for element in elements { try element.write(into: &writer) }
      try writer.endArray()
    case .text(let text):
      let bytes = Array(text.utf8)
      try writer.string(bytes.span)
    case .integer(let value): try writer.integer(value)
    case .unsigned(let value): try writer.unsigned(value)
    case .double(let value): try writer.double(value)
    case .boolean(let value): try writer.boolean(value)
    case .null: try writer.null()
    }
  }
}

extension PayloadValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral,
  ExpressibleByDictionaryLiteral
{
  /// A text.
  public init(stringLiteral value: String) { self = .text(value) }

  /// A whole number.
  public init(integerLiteral value: Int64) { self = .integer(value) }

  /// A number.
  public init(floatLiteral value: Double) { self = .double(value) }

  /// `true` or `false`.
  public init(booleanLiteral value: Bool) { self = .boolean(value) }

  /// An array.
  public init(arrayLiteral elements: PayloadValue...) { self = .array(elements) }

  /// An object; repeating a name is a programming error.
  public init(dictionaryLiteral elements: (String, PayloadValue)...) {
    self = .object(elements.map { Member($0, $1) })
  }
}
