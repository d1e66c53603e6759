// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import PayloadCoding

/// The envelope of a message from the platform, a reply or a request, in borrowed untrusted bytes.
///
/// It reads by the format's grammar alone: members in any order, unknown ones ignored, `id` and
/// `code` as number or string (the guide prints both), 200.0 and 2e2 as 200, objects and arrays
/// nested up to 1,024 levels in JSON and 128 in CBOR. A duplicate member is an error, because its
/// value is ambiguous.
public struct AlinkMessageView<Reader: PayloadReader & ~Escapable>: ~Escapable {
  private let reader: Reader
  private let fields: Fields

  /// Parses the whole of `bytes`.
  @_lifetime(copy bytes)
  public init(_ bytes: Span<UInt8>) throws(AlinkMessageError) {
    reader = Reader(received: bytes)
    fields = try Fields(reader)
  }

  /// The number of the answered request, or of this request; `nil` if it is missing or not a 64-bit
  /// integer.
  public var id: UInt64? { fields.id }
  /// The range of the value of `id`, whatever its type; `nil` if it is missing or `null`.
  public var idRange: Range<Int>? { fields.idRange }
  /// The reply's code; `nil` in a request, and if it is `null`.
  public var code: AlinkCode? { fields.code }
  /// The reply's text.
  public var message: PayloadText? { fields.message }
  /// The method; optional in replies.
  public var method: PayloadText? { fields.method }
  /// The range of the value of `data`; `nil` if there is none.
  public var dataRange: Range<Int>? { fields.data }

  /// A reader for the value of `data`.
  public var data: Reader? {
    @_lifetime(copy self)
    get { member("data") }
  }

  /// A reader for the value of `params`.
  public var parameters: Reader? {
    @_lifetime(copy self)
    get { member("params") }
  }

  /// A reader positioned before the value of a member.
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

  /// Whether a text of this message equals `literal`, which has at most 64 bytes.
  public func text(_ text: PayloadText, equals literal: StaticString) -> Bool {
    reader.text(text, equals: literal)
  }
}

/// The envelope without `data` and `params`.
private struct Fields {
  var id: UInt64?
  var idRange: Range<Int>?
  var code: AlinkCode?
  var message: PayloadText?
  var method: PayloadText?
  var data: Range<Int>?
  var hasParameters = false

  init<Reader: PayloadReader & ~Escapable>(_ start: Reader) throws(AlinkMessageError) {
    var reader = start
    guard try reader.next() == .beginObject else { throw .notAnObject }
    var hasCode = false
    var hasID = false
    while case .key(let name)? = try reader.next() {
      let before = reader.position
      guard let value = try reader.next() else { throw .malformed }
      if reader.text(name, equals: "id") {
        guard !hasID else { throw .repeated(.id) }
        hasID = true
        id = reader.wholeNumber(value)
        let start = reader.tokenOffset
        try reader.pass(value)
        if value != .null { idRange = start..<reader.position }
      } else if reader.text(name, equals: "code") {
        guard !hasCode else { throw .repeated(.code) }
        hasCode = true
        if value != .null { code = AlinkCode(rawValue: try reader.number(value, .code)) }
      } else if reader.text(name, equals: "message") {
        guard message == nil else { throw .repeated(.message) }
        if case .text(let text) = value { message = text } else { try reader.pass(value) }
      } else if reader.text(name, equals: "method") {
        guard method == nil else { throw .repeated(.method) }
        guard case .text(let text) = value else { throw .member(.method) }
        method = text
      } else if reader.text(name, equals: "data") {
        guard data == nil else { throw .repeated(.data) }
        try reader.pass(value)
        data = before..<reader.position
      } else if reader.text(name, equals: "params") {
        guard !hasParameters else { throw .repeated(.parameters) }
        hasParameters = true
        try reader.pass(value)
      } else {
        try reader.pass(value)
      }
    }
    // The object is closed, and must end the message.
    guard try reader.next() == nil else { throw .malformed }
  }
}

extension PayloadReader where Self: ~Escapable {
  /// The next token; throws this target's error.
  @inline(never)
  mutating func next() throws(AlinkMessageError) -> PayloadToken? {
    do throws(Failure) { return try nextToken() } catch { throw .malformed }
  }

  /// Skips a value; throws this target's error.
  @inline(never)
  mutating func pass(_ token: PayloadToken) throws(AlinkMessageError) {
    do throws(Failure) { try skip(token) } catch { throw .malformed }
  }

  /// A number, or a string of digits; `member` names the member that it is the value of.
  func number(
    _ token: PayloadToken,
    _ member: AlinkMember
  ) throws(AlinkMessageError) -> UInt64 {
    guard let value = wholeNumber(token) else { throw .number(member) }
    return value
  }

  /// As above; `nil` for anything but an integer of 0 or more.
  @inline(never)
  func wholeNumber(_ token: PayloadToken) -> UInt64? {
    switch token {
    case .integer(let value) where value >= 0: return UInt64(bitPattern: value)
    case .unsigned(let value): return value
    // 200.0 and 2e2 are 200 (RFC 8259 Section 6); above 2^53 a Double may stand for another
    // integer.
    case .double(let value) where value >= 0 && value <= 9_007_199_254_740_992:
      return wholePart(of: value)
    case .text(let text):
      var digits = FixedBytes<20>()
      do throws(CapacityError) {
        try digits.write { (writer: inout ByteWriter) throws(CapacityError) in
          try copy(text, into: &writer)
        }
      } catch {
        return nil
      }
      return decimal(digits.bytes)
    default: return nil
    }
  }

  /// The bytes of a text, which must not exceed `capacity`.
  func fixed<let capacity: Int>(
    _ token: PayloadToken,
    _ member: AlinkMember
  ) throws(AlinkMessageError) -> FixedBytes<capacity> {
    guard case .text(let text) = token else { throw .member(member) }
    var bytes = FixedBytes<capacity>()
    do throws(CapacityError) {
      try bytes.write { (writer: inout ByteWriter) throws(CapacityError) in
        try copy(text, into: &writer)
      }
    } catch {
      throw .member(member)
    }
    return bytes
  }
}

/// The value of decimal digits; `nil` if they are not all digits or the value does not fit.
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

/// A Double from 0 to 2^53 as an integer; `nil` if it has a fraction.
///
/// It uses the bits: a conversion to 64 bits allocates on a 32-bit machine.
private func wholePart(of value: Double) -> UInt64? {
  let bits = value.bitPattern
  if bits == 0 || bits == 0x8000_0000_0000_0000 { return 0 }
  // IEEE 754: 11 bits of exponent, biased by 1,023, and 52 bits of fraction after an implicit 1.
  let exponent = Int(truncatingIfNeeded: bits &>> 52) - 1_023
  guard exponent >= 0, exponent <= 53 else { return nil }
  let significand = bits & 0xF_FFFF_FFFF_FFFF | 0x10_0000_0000_0000
  guard exponent < 52 else { return significand &<< UInt64(widening: UInt32(exponent - 52)) }
  let shift = UInt64(widening: UInt32(52 - exponent))
  guard significand & (1 &<< shift &- 1) == 0 else { return nil }
  return significand &>> shift
}
