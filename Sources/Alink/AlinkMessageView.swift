public import ConstrainedCore
public import PayloadCoding

/// The envelope of a message from the platform: the reply to a request, or a request that the platform
/// makes, in borrowed bytes that anybody may have sent.
///
/// Reads tolerantly: members in any order, unknown ones passed over, `id` and `code` as number or text
/// (the guide prints both). A member that comes twice is an error, for which one holds cannot be known.
public struct AlinkMessageView<Reader: PayloadReader & ~Escapable>: ~Escapable {
  private let reader: Reader
  private let fields: Fields

  /// Reads the whole of `bytes`.
  @_lifetime(copy bytes)
  public init(_ bytes: Span<UInt8>) throws(AlinkMessageError) {
    reader = Reader(bytes)
    fields = try Fields(reader)
  }

  /// The number of the request that this answers, or of this request.
  public var id: UInt64? { fields.id }
  /// The reply's code; `nil` in a request.
  public var code: AlinkCode? { fields.code }
  /// What the reply says in words.
  public var message: PayloadText? { fields.message }
  /// The method; replies need not have one.
  public var method: PayloadText? { fields.method }
  /// Where the value of `data` lies; `nil` without one.
  public var dataRange: Range<Int>? { fields.data }

  /// Reads the value of `data`.
  public var data: Reader? {
    @_lifetime(copy self)
    get { member("data") }
  }

  /// Reads the value of `params`.
  public var parameters: Reader? {
    @_lifetime(copy self)
    get { member("params") }
  }

  /// A reader that stands before the value of a member.
  @_lifetime(copy self)
  private func member(_ wanted: StaticString) -> Reader? {
    var reader = reader
    do throws(AlinkMessageError) {
      _ = try reader.next()
      while case .key(let name)? = try reader.next() {
        if reader.text(name, equals: wanted) { return reader }
        guard let value = try reader.next() else { return nil }
        try reader.pass(value)
      }
    } catch {
      preconditionFailure("the initialiser has read all of it")
    }
    return nil
  }

  /// Appends the UTF-8 bytes of a text of this message.
  public func copy(_ text: PayloadText, into output: inout ByteWriter) throws(CapacityError) {
    try reader.copy(text, into: &output)
  }

  /// Whether a text of this message is `literal`, which has at most 64 bytes.
  public func text(_ text: PayloadText, equals literal: StaticString) -> Bool {
    reader.text(text, equals: literal)
  }
}

/// What the envelope holds, apart from `data` and `params`.
private struct Fields {
  var id: UInt64?
  var code: AlinkCode?
  var message: PayloadText?
  var method: PayloadText?
  var data: Range<Int>?
  var hasParameters = false

  init<Reader: PayloadReader & ~Escapable>(_ start: Reader) throws(AlinkMessageError) {
    var reader = start
    guard try reader.next() == .beginObject else { throw .notAnObject }
    while case .key(let name)? = try reader.next() {
      let before = reader.position
      guard let value = try reader.next() else { throw .malformed }
      if reader.text(name, equals: "id") {
        guard id == nil else { throw .repeated }
        id = try reader.number(value)
      } else if reader.text(name, equals: "code") {
        guard code == nil else { throw .repeated }
        code = AlinkCode(rawValue: try reader.number(value))
      } else if reader.text(name, equals: "message") {
        guard message == nil else { throw .repeated }
        if case .text(let text) = value { message = text } else { try reader.pass(value) }
      } else if reader.text(name, equals: "method") {
        guard method == nil else { throw .repeated }
        guard case .text(let text) = value else { throw .member }
        method = text
      } else if reader.text(name, equals: "data") {
        guard data == nil else { throw .repeated }
        try reader.pass(value)
        data = before..<reader.position
      } else if reader.text(name, equals: "params") {
        guard !hasParameters else { throw .repeated }
        hasParameters = true
        try reader.pass(value)
      } else {
        try reader.pass(value)
      }
    }
    // The object is closed; nothing may follow it.
    guard try reader.next() == nil else { throw .malformed }
  }
}

/// Why bytes are no message of the thing model.
public enum AlinkMessageError: Error, Equatable, Sendable {
  /// They are not of the format, or end too early, or go on too long.
  case malformed
  /// They are a value other than an object.
  case notAnObject
  /// A member comes twice.
  case repeated
  /// A number is no whole number of up to 20 digits, from 0 up.
  case number
  /// A member that is needed is missing, too long or of another type.
  case member
  /// It is the first block of a message that is longer than a datagram (RFC 7959).
  case incomplete
}

extension PayloadReader where Self: ~Escapable {
  /// The next token, with this target's error.
  mutating func next() throws(AlinkMessageError) -> PayloadToken? {
    do throws(Failure) { return try nextToken() } catch { throw .malformed }
  }

  /// Reads past a value, with this target's error.
  mutating func pass(_ token: PayloadToken) throws(AlinkMessageError) {
    do throws(Failure) { try skip(token) } catch { throw .malformed }
  }

  /// A number that may be a text of digits.
  func number(_ token: PayloadToken) throws(AlinkMessageError) -> UInt64 {
    switch token {
    case .integer(let value) where value >= 0: return UInt64(bitPattern: value)
    case .unsigned(let value): return value
    case .text(let text):
      var digits = FixedBytes<20>()
      do throws(CapacityError) {
        try digits.write { (writer: inout ByteWriter) throws(CapacityError) in
          try copy(text, into: &writer)
        }
      } catch {
        throw .number
      }
      guard let value = decimal(digits.bytes) else { throw .number }
      return value
    default: throw .number
    }
  }

  /// The bytes of a text that has at most as many as `capacity`.
  func fixed<let capacity: Int>(
    _ token: PayloadToken
  ) throws(AlinkMessageError) -> FixedBytes<capacity> {
    guard case .text(let text) = token else { throw .member }
    var bytes = FixedBytes<capacity>()
    do throws(CapacityError) {
      try bytes.write { (writer: inout ByteWriter) throws(CapacityError) in
        try copy(text, into: &writer)
      }
    } catch {
      throw .member
    }
    return bytes
  }
}

/// The value of decimal digits, if they are all digits and it fits.
private func decimal(_ digits: Span<UInt8>) -> UInt64? {
  guard !digits.isEmpty else { return nil }
  var value: UInt64 = 0
  for index in digits.indices {
    guard digits[index] >= 0x30, digits[index] <= 0x39 else { return nil }
    let (product, isTooLarge) = value.multipliedReportingOverflow(by: 10)
    let (sum, carries) = product.addingReportingOverflow(UInt64(widening: digits[index] - 0x30))
    guard !isTooLarge, !carries else { return nil }
    value = sum
  }
  return value
}
