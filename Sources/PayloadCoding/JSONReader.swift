// SPDX-License-Identifier: Apache-2.0
/// A token of a `JSONReader`; ranges are offsets into the text, in bytes.
public enum JSONToken: Equatable, Sendable {
  /// `{`
  case beginObject
  /// `}`
  case endObject
  /// `[`
  case beginArray
  /// `]`
  case endArray
  /// A member's name without its quotes; escapes are not resolved.
  case key(Range<Int>)
  /// A string without its quotes; escapes are not resolved.
  case string(Range<Int>)
  /// A number as written.
  case number(Range<Int>)
  /// `true` or `false`
  case boolean(Bool)
  /// `null`
  case null
}

/// Reads one JSON text (RFC 8259) a token at a time from borrowed bytes, without a heap.
///
/// The whole grammar is checked, UTF-8 and surrogates included. `next()` returns `nil` once the
/// text is complete. After an error the reader repeats that error. Size: about 200 bytes, whatever
/// the text.
public struct JSONReader: ~Escapable {
  /// The deepest nesting of objects and arrays.
  public static let maxDepth = 32

  /// The deepest nesting in a text read by `init(received:)`.
  public static var maxReceivedDepth: Int { 1_024 }

  private enum Expected {
    case value, firstKeyOrEnd, key, firstValueOrEnd, commaOrEnd, nothing
  }

  let text: Span<UInt8>
  private(set) var offset = 0

  /// The offset of the last token, in bytes.
  public private(set) var tokenOffset = 0

  /// Whether everything that the grammar allows is accepted.
  let isReceived: Bool
  /// Whether a comma before a closing bracket is ignored.
  private let takesTrailingCommas: Bool

  private var expected = Expected.value
  private var isInObject = false
  private var depth = 0
  /// One bit per open level: 1 for an object, 0 for an array.
  private var objects = InlineArray<32, UInt32>(repeating: 0)
  private var failure: JSONError?

  /// Reads `text` from its start and rejects what this library never writes: more than 32 levels,
  /// half of a surrogate pair, and, in `nextToken`, a number beyond the largest Double.
  @_lifetime(copy text)
  public init(_ text: Span<UInt8>) {
    self.text = text
    isReceived = false
    takesTrailingCommas = false
  }

  /// Reads a received text by RFC 8259's grammar alone: up to 1,024 levels; half of a surrogate
  /// pair reads as U+FFFD, and a number beyond the largest Double as infinity.
  @_lifetime(copy text)
  public init(received text: Span<UInt8>) {
    self.init(received: text, takesTrailingCommas: false)
  }

  /// As `init(received:)`; `takesTrailingCommas` also accepts a comma before a closing bracket,
  /// which RFC 8259 forbids but the device guide prints (3.8).
  @_lifetime(copy text)
  package init(received text: Span<UInt8>, takesTrailingCommas: Bool) {
    self.text = text
    isReceived = true
    self.takesTrailingCommas = takesTrailingCommas
  }

  /// The next token; `nil` once the text is complete.
  @inline(never)  // Inlined, each call would take some 1,500 bytes on a device.
  public mutating func next() throws(JSONError) -> JSONToken? {
    if let failure { throw failure }
    do throws(JSONError) {
      return try readToken()
    } catch {
      throw fail(error)
    }
  }

  /// Skips the rest of the value whose first token is `token`.
  public mutating func skip(_ token: JSONToken) throws(JSONError) {
    guard token == .beginObject || token == .beginArray else { return }
    let outside = depth &- 1
    while depth > outside { _ = try next() }
  }

  /// Stores the error, which every later call then throws.
  mutating func fail(_ error: JSONError) -> JSONError {
    failure = error
    return error
  }

  private mutating func readToken() throws(JSONError) -> JSONToken? {
    skipWhiteSpace()
    if expected == .nothing {
      guard offset == text.count else { throw .unexpectedByte(offset: offset) }
      return nil
    }
    var byte = try peek()
    if expected == .commaOrEnd {
      if byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") {
        tokenOffset = offset
        return try end(byte)
      }
      guard byte == UInt8(ascii: ",") else { throw .unexpectedByte(offset: offset) }
      offset &+= 1
      expected = isInObject ? .key : .value
      skipWhiteSpace()
      byte = try peek()
      if takesTrailingCommas, byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") {
        tokenOffset = offset
        return try end(byte)
      }
    }
    tokenOffset = offset
    switch expected {
    case .firstKeyOrEnd:
      return byte == UInt8(ascii: "}") ? try end(byte) : try readKey(byte)
    case .key:
      return try readKey(byte)
    case .firstValueOrEnd where byte == UInt8(ascii: "]"):
      return try end(byte)
    default:
      return try readValue(byte)
    }
  }

  @inline(never)
  private mutating func begin(object: Bool) throws(JSONError) -> JSONToken {
    guard depth < (isReceived ? Self.maxReceivedDepth : Self.maxDepth) else {
      throw .tooDeep(offset: offset)
    }
    offset &+= 1
    let bit: UInt32 = 1 &<< UInt32(truncatingIfNeeded: depth & 31)
    objects[depth &>> 5] = object ? objects[depth &>> 5] | bit : objects[depth &>> 5] & ~bit
    depth &+= 1
    isInObject = object
    expected = object ? .firstKeyOrEnd : .firstValueOrEnd
    return object ? .beginObject : .beginArray
  }

  private mutating func end(_ byte: UInt8) throws(JSONError) -> JSONToken {
    let closesObject = byte == UInt8(ascii: "}")
    guard depth > 0, closesObject == isInObject else { throw .unexpectedByte(offset: offset) }
    offset &+= 1
    depth &-= 1
    if depth > 0 {
      let level = depth &- 1
      isInObject = objects[level &>> 5] &>> UInt32(truncatingIfNeeded: level & 31) & 1 == 1
    }
    expected = depth == 0 ? .nothing : .commaOrEnd
    return closesObject ? .endObject : .endArray
  }

  private mutating func readKey(_ byte: UInt8) throws(JSONError) -> JSONToken {
    guard byte == UInt8(ascii: "\"") else { throw .unexpectedByte(offset: offset) }
    let range = try scanString()
    skipWhiteSpace()
    guard try peek() == UInt8(ascii: ":") else { throw .unexpectedByte(offset: offset) }
    offset &+= 1
    expected = .value
    return .key(range)
  }

  private mutating func readValue(_ byte: UInt8) throws(JSONError) -> JSONToken {
    let token: JSONToken
    switch byte {
    case UInt8(ascii: "{"): return try begin(object: true)
    case UInt8(ascii: "["): return try begin(object: false)
    case UInt8(ascii: "\""): token = .string(try scanString())
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
      token = .number(try scanNumber())
    case UInt8(ascii: "t"): token = try scanWord("true", .boolean(true))
    case UInt8(ascii: "f"): token = try scanWord("false", .boolean(false))
    case UInt8(ascii: "n"): token = try scanWord("null", .null)
    default: throw .unexpectedByte(offset: offset)
    }
    expected = depth == 0 ? .nothing : .commaOrEnd
    return token
  }

  private mutating func skipWhiteSpace() {
    while offset < text.count {
      switch text[offset] {
      case 0x20, 0x09, 0x0A, 0x0D: offset &+= 1
      default: return
      }
    }
  }

  private func peek() throws(JSONError) -> UInt8 {
    guard offset < text.count else { throw .truncated }
    return text[offset]
  }

  private mutating func scanWord(
    _ word: StaticString,
    _ token: JSONToken
  ) throws(JSONError) -> JSONToken {
    // SAFETY: a StaticString's bytes live as long as the program.
    let letters = unsafe UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
    for index in 0..<letters.count {
      guard unsafe try peek() == letters[index] else { throw .unexpectedByte(offset: offset) }
      offset &+= 1
    }
    return token
  }

  private mutating func scanNumber() throws(JSONError) -> Range<Int> {
    let start = offset
    if text[offset] == UInt8(ascii: "-") { offset &+= 1 }
    if try peek() == UInt8(ascii: "0") {
      offset &+= 1
    } else {
      try scanDigits()
    }
    if offset < text.count, text[offset] == UInt8(ascii: ".") {
      offset &+= 1
      try scanDigits()
    }
    if offset < text.count, text[offset] | 0x20 == UInt8(ascii: "e") {
      offset &+= 1
      let sign = try peek()
      if sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { offset &+= 1 }
      try scanDigits()
    }
    return start..<offset
  }

  private mutating func scanDigits() throws(JSONError) {
    guard isDigit(try peek()) else { throw .unexpectedByte(offset: offset) }
    while offset < text.count, isDigit(text[offset]) { offset &+= 1 }
  }

  private func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

  private mutating func scanString() throws(JSONError) -> Range<Int> {
    offset &+= 1
    let start = offset
    while true {
      let byte = try peek()
      switch byte {
      case UInt8(ascii: "\""):
        offset &+= 1
        return start..<offset &- 1
      case UInt8(ascii: "\\"):
        var scalar: UInt32 = 0
        offset = try JSONEscape.read(text, at: offset, into: &scalar, takesHalves: isReceived)
      case 0..<0x20:
        throw .unexpectedByte(offset: offset)
      case 0x20..<0x80:
        offset &+= 1
      default:
        offset &+= try UTF8Sequence.length(in: text, at: offset)
      }
    }
  }
}
