// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore

/// A token of a `PayloadReader`.
public enum PayloadToken: Equatable, Sendable {
  /// An object opens; keys and values alternate.
  case beginObject
  /// The innermost object closes.
  case endObject
  /// An array opens.
  case beginArray
  /// The innermost array closes.
  case endArray
  /// A member's name.
  case key(PayloadText)
  /// A text.
  case text(PayloadText)
  /// An integer.
  case integer(Int64)
  /// An integer above `Int64.max`.
  case unsigned(UInt64)
  /// Any other number, as the nearest Double.
  case double(Double)
  /// `true` or `false`.
  case boolean(Bool)
  /// `null`, and CBOR's `undefined`.
  case null
  /// A byte string, which only CBOR has: the range of its content. Chunked byte strings are not
  /// supported.
  case bytes(Range<Int>)
}

/// The position of a text in the input, and its encoding there.
public struct PayloadText: Equatable, Sendable {
  /// The encoding of a text.
  public enum Form: Sendable {
    /// Plain UTF-8.
    case plain
    /// JSON, which may contain escapes.
    case escaped
    /// CBOR chunks, each after its head.
    case chunked
  }

  /// The range of the text, in bytes.
  public let range: Range<Int>

  /// The encoding of the text.
  public let form: Form

  package init(range: Range<Int>, form: Form) {
    self.range = range
    self.form = form
  }
}

/// Reads one value token by token from untrusted, borrowed bytes: JSON (`JSONReader`) or CBOR
/// (`CBORReader`), through the same calls.
///
/// No heap; nesting is bounded. After an error a reader repeats that error.
public protocol PayloadReader: ~Escapable {
  /// The error of the format.
  associatedtype Failure: Error

  /// Reads `bytes` from their start.
  @_lifetime(copy bytes)
  init(_ bytes: Span<UInt8>)

  /// Reads `bytes` from another sender, which may exceed what this library writes, above all in
  /// nesting.
  @_lifetime(copy bytes)
  init(received bytes: Span<UInt8>)

  /// The number of bytes read.
  var position: Int { get }

  /// The next token; `nil` after the last one of a complete value, which must end the input.
  mutating func nextToken() throws(Failure) -> PayloadToken?

  /// The offset of the last token, in bytes.
  var tokenOffset: Int { get }

  /// Skips the rest of the value whose first token is `token`.
  mutating func skip(_ token: PayloadToken) throws(Failure)

  /// Skips the next value.
  mutating func skipValue() throws(Failure)

  /// Appends the UTF-8 bytes of a text or key.
  func copy(_ text: PayloadText, into output: inout ByteWriter) throws(CapacityError)

  /// The UTF-8 length of a text or key, whatever its encoding.
  func byteCount(of text: PayloadText) -> Int

  /// The number of Unicode scalar values in a text or key.
  func scalarCount(of text: PayloadText) -> Int

  /// Whether two texts or keys are equal, whatever their encoding.
  func isSame(_ text: PayloadText, as other: PayloadText) -> Bool
}

extension PayloadReader where Self: ~Escapable {
  /// Skips the rest of the value whose first token is `token`.
  public mutating func skip(_ token: PayloadToken) throws(Failure) {
    var depth = 0
    var next: PayloadToken? = token
    while let token = next {
      switch token {
      case .beginObject, .beginArray: depth += 1
      case .endObject, .endArray: depth -= 1
      default: break
      }
      if depth == 0 { return }
      next = try nextToken()
    }
  }

  /// Skips the next value.
  public mutating func skipValue() throws(Failure) {
    guard let token = try nextToken() else { return }
    try skip(token)
  }

  /// Whether a text or key equals `literal`, which has at most 64 bytes.
  @inline(never)
  public func text(_ text: PayloadText, equals literal: StaticString) -> Bool {
    var storage = InlineArray<64, UInt8>(repeating: 0)
    var writer = ByteWriter(storage.mutableSpan)
    do throws(CapacityError) {
      try copy(text, into: &writer)
    } catch {
      return false
    }
    return writer.written.isEqual(to: literal)
  }
}

extension PayloadToken {
  /// The token for a JSON token; `nil` for a number, whose value has not been read yet.
  package init?(_ token: JSONToken) {
    switch token {
    case .beginObject: self = .beginObject
    case .endObject: self = .endObject
    case .beginArray: self = .beginArray
    case .endArray: self = .endArray
    case .key(let range): self = .key(PayloadText(range: range, form: .escaped))
    case .string(let range): self = .text(PayloadText(range: range, form: .escaped))
    case .number: return nil
    case .boolean(let value): self = .boolean(value)
    case .null: self = .null
    }
  }
}

extension JSONReader: PayloadReader {
  /// The number of bytes read.
  public var position: Int { offset }

  /// The next token; a number beyond the largest Double throws, or becomes infinity in a received
  /// text.
  @inline(never)
  public mutating func nextToken() throws(JSONError) -> PayloadToken? {
    guard let token = try next() else { return nil }
    if let token = PayloadToken(token) { return token }
    guard case .number(let range) = token else { preconditionFailure("only a number has no token") }
    if let value = integer(range) { return .integer(value) }
    if let value = unsigned(range) { return .unsigned(value) }
    if let value = double(range) { return .double(value) }
    guard isReceived else { throw fail(.numberTooLarge(offset: range.lowerBound)) }
    return .double(text[range.lowerBound] == UInt8(ascii: "-") ? -.infinity : .infinity)
  }

  /// Skips the next value; its numbers may exceed the largest Double.
  public mutating func skipValue() throws(JSONError) {
    guard let token = try next() else { return }
    try skip(token)
  }

  /// Appends the UTF-8 bytes of a text or key, escapes resolved.
  public func copy(_ text: PayloadText, into output: inout ByteWriter) throws(CapacityError) {
    try copyString(text.range, into: &output)
  }

  /// The UTF-8 length of a text or key, escapes resolved.
  public func byteCount(of text: PayloadText) -> Int { byteCount(of: text.range) }

  /// The number of Unicode scalar values in a text or key, escapes resolved.
  public func scalarCount(of text: PayloadText) -> Int {
    var bytes = JSONStringBytes(self.text, text.range)
    var count = 0
    while let byte = bytes.next() {
      if byte & 0xC0 != 0x80 { count &+= 1 }
    }
    return count
  }

  /// Whether two texts or keys are equal, escapes resolved.
  public func isSame(_ text: PayloadText, as other: PayloadText) -> Bool {
    var one = JSONStringBytes(self.text, text.range)
    var two = JSONStringBytes(self.text, other.range)
    while true {
      let byte = one.next()
      guard byte == two.next() else { return false }
      if byte == nil { return true }
    }
  }
}
