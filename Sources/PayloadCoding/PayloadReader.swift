public import ConstrainedCore

/// What a `PayloadReader` found.
public enum PayloadToken: Equatable, Sendable {
  /// An object opens; keys and values follow in turn.
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
  /// Any other number; the Double nearest to it.
  case double(Double)
  /// `true` or `false`.
  case boolean(Bool)
  /// `null`, and CBOR's `undefined`.
  case null
  /// A byte string, which CBOR alone has: where its content lies. One in chunks is not in the model.
  case bytes(Range<Int>)
}

/// Where a text lies in what is read, and how it is written there.
public struct PayloadText: Equatable, Sendable {
  /// How a text is written.
  public enum Form: Sendable {
    /// As it is.
    case plain
    /// Perhaps with JSON's escapes.
    case escaped
    /// In CBOR's chunks, each behind its head.
    case chunked
  }

  /// Where it begins and ends, in bytes.
  public let range: Range<Int>

  /// How it is written.
  public let form: Form

  package init(range: Range<Int>, form: Form) {
    self.range = range
    self.form = form
  }
}

/// Reads one value a token at a time from borrowed bytes that anybody may have sent: JSON (`JSONReader`)
/// or CBOR (`CBORReader`), by the same calls.
///
/// No heap; depth is bounded. After an error a reader gives the same error again.
public protocol PayloadReader: ~Escapable {
  /// Why bytes cannot be read.
  associatedtype Failure: Error

  /// Reads `bytes` from their start.
  @_lifetime(copy bytes)
  init(_ bytes: Span<UInt8>)

  /// Reads `bytes` that somebody else has written, which may hold what this library would not write:
  /// deeper nesting above all.
  @_lifetime(copy bytes)
  init(received bytes: Span<UInt8>)

  /// How many bytes have been read.
  var position: Int { get }

  /// The next token; `nil` after the last one of a complete value, which nothing follows.
  mutating func nextToken() throws(Failure) -> PayloadToken?

  /// Where the token that was read last begins, in bytes.
  var tokenOffset: Int { get }

  /// Reads past one whole value whose first token is `token`.
  mutating func skip(_ token: PayloadToken) throws(Failure)

  /// Reads past the whole value that comes next.
  mutating func skipValue() throws(Failure)

  /// Appends the UTF-8 bytes of a text or key.
  func copy(_ text: PayloadText, into output: inout ByteWriter) throws(CapacityError)

  /// How many UTF-8 bytes a text or key has, however it is written.
  func byteCount(of text: PayloadText) -> Int

  /// How many Unicode scalar values a text or key has.
  func scalarCount(of text: PayloadText) -> Int

  /// Whether two texts or keys are the same, however they are written.
  func isSame(_ text: PayloadText, as other: PayloadText) -> Bool
}

extension PayloadReader where Self: ~Escapable {
  /// Reads past one whole value whose first token is `token`.
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

  /// Reads past the whole value that comes next.
  public mutating func skipValue() throws(Failure) {
    guard let token = try nextToken() else { return }
    try skip(token)
  }

  /// Whether a text or key is `literal`, which has at most 64 bytes.
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
  /// The token that a JSON token is in either format; `nil` for a number, whose value is not known yet.
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
  /// How many bytes have been read.
  public var position: Int { offset }

  /// The next token; a number beyond the largest Double is an error, or infinity in a received text.
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

  /// Reads past the whole value that comes next; its numbers may be beyond the largest Double.
  public mutating func skipValue() throws(JSONError) {
    guard let token = try next() else { return }
    try skip(token)
  }

  /// Appends the UTF-8 bytes of a text or key, its escapes resolved.
  public func copy(_ text: PayloadText, into output: inout ByteWriter) throws(CapacityError) {
    try copyString(text.range, into: &output)
  }

  /// How many UTF-8 bytes a text or key has, its escapes resolved.
  public func byteCount(of text: PayloadText) -> Int { byteCount(of: text.range) }

  /// How many Unicode scalar values a text or key has, its escapes resolved.
  public func scalarCount(of text: PayloadText) -> Int {
    var bytes = JSONStringBytes(self.text, text.range)
    var count = 0
    while let byte = bytes.next() {
      if byte & 0xC0 != 0x80 { count &+= 1 }
    }
    return count
  }

  /// Whether two texts or keys are the same, their escapes resolved.
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
