public import ConstrainedCore

/// A well-formed CoAP message in borrowed bytes (RFC 7252 Section 3).
///
/// ```
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// |Ver| T |  TKL  |      Code     |          Message ID           |
/// |   Token (if any, TKL bytes) ...
/// |   Options (if any) ...
/// |1 1 1 1 1 1 1 1|    Payload (if any) ...
/// ```
///
/// The initialiser makes every check of the format, so that no accessor throws or traps.
@frozen
public struct MessageView: ~Escapable {
  @usableFromInline
  let bytes: Span<UInt8>

  /// Where the options end: at the payload marker or at the end of the message.
  @usableFromInline
  let optionsEnd: Int

  /// Checks `bytes` as one whole message; time grows with the number of options.
  @_lifetime(copy bytes)
  public init(_ bytes: Span<UInt8>) throws(MessageFormatError) {
    guard bytes.count >= 4 else { throw .truncatedHeader(length: bytes.count) }
    let first = bytes[0]
    guard first >> 6 == 1 else { throw .unknownVersion(first >> 6) }
    let tokenLength = Int(first & 0x0F)
    guard tokenLength <= 8 else { throw .reservedTokenLength(first & 0x0F) }
    guard bytes.count >= 4 + tokenLength else { throw .truncatedToken }
    if bytes[1] == 0 {
      // RFC 7252 Section 4.1: an Empty message has TKL 0 and no bytes after the Message ID.
      guard tokenLength == 0 else { throw .emptyMessageWithToken }
      guard bytes.count == 4 else { throw .emptyMessageWithData }
    }
    self.optionsEnd = try Self.checkOptions(of: bytes, from: 4 + tokenLength)
    self.bytes = bytes
  }

  /// Confirmable, non-confirmable, acknowledgement or reset.
  @inlinable
  public var type: MessageType {
    switch bytes[0] >> 4 & 0x03 {
    case 0: .confirmable
    case 1: .nonConfirmable
    case 2: .acknowledgement
    default: .reset
    }
  }

  /// The method or the response code.
  @inlinable
  public var code: Code { Code(rawValue: bytes[1]) }

  /// The number that matches acknowledgements and finds duplicates.
  @inlinable
  public var messageID: UInt16 { UInt16(bytes[2]) << 8 | UInt16(bytes[3]) }

  /// What matches a response to its request.
  @inlinable
  public var token: Token {
    var bits: UInt64 = 0
    for index in 4..<4 + tokenLength { bits = bits &<< 8 | UInt64(widening: bytes[index]) }
    return Token(bits: bits, count: tokenLength)
  }

  /// The options in the order of the wire, from the first.
  @inlinable
  public var options: OptionIterator {
    @_lifetime(copy self)
    get { OptionIterator(bytes, from: 4 + tokenLength, to: optionsEnd) }
  }

  /// The payload; empty when the message has none.
  @inlinable
  public var payload: Span<UInt8> {
    @_lifetime(copy self)
    get { bytes.extracting(min(optionsEnd + 1, bytes.count)..<bytes.count) }
  }

  /// How many bytes the whole message has.
  @inlinable
  public var count: Int { bytes.count }

  @inlinable
  var tokenLength: Int { Int(bytes[0] & 0x0F) }

  private static func checkOptions(
    of bytes: Span<UInt8>,
    from start: Int
  ) throws(MessageFormatError) -> Int {
    let end = bytes.count
    var offset = start
    var number = 0
    while offset < end {
      let header = bytes[offset]
      if header == 0xFF {
        guard offset + 1 < end else { throw .payloadMarkerWithoutPayload(offset: offset) }
        return offset
      }
      let optionOffset = offset
      offset += 1
      var delta = Int(header >> 4)
      if delta >= 13 {
        guard delta != 15 else { throw .reservedOptionDelta(offset: optionOffset) }
        guard let extended = Self.extended(delta, in: bytes, at: &offset) else {
          throw .truncatedOptionDelta(offset: optionOffset)
        }
        delta = extended
      }
      var length = Int(header & 0x0F)
      if length >= 13 {
        guard length != 15 else { throw .reservedOptionLength(offset: optionOffset) }
        guard let extended = Self.extended(length, in: bytes, at: &offset) else {
          throw .truncatedOptionLength(offset: optionOffset)
        }
        length = extended
      }
      number += delta
      guard number <= 0xFFFF else { throw .optionNumberOverflow(offset: optionOffset) }
      guard length <= end - offset else { throw .truncatedOptionValue(offset: optionOffset) }
      offset += length
    }
    return end
  }

  /// The value of a nibble of 13 (one more byte, plus 13) or 14 (two more, plus 269).
  @inline(__always)
  private static func extended(_ nibble: Int, in bytes: Span<UInt8>, at offset: inout Int) -> Int? {
    if nibble == 13 {
      guard offset < bytes.count else { return nil }
      let value = Int(bytes[offset]) + 13
      offset += 1
      return value
    }
    guard offset + 1 < bytes.count else { return nil }
    let value = (Int(bytes[offset]) << 8 | Int(bytes[offset + 1])) + 269
    offset += 2
    return value
  }
}

extension MessageView {
  /// The first option of that number, or `nil`.
  @_lifetime(copy self)
  public func first(_ number: OptionNumber) -> OptionView? {
    var iterator = options
    while let option = iterator.next() {
      if option.number == number { return option }
      if option.number.rawValue > number.rawValue { return nil }
    }
    return nil
  }

  /// What the payload says it is written in; `nil` when it does not say, or with a value longer
  /// than 2 bytes (RFC 7252 Section 5.4.3: treated as unrecognised).
  public var contentFormat: ContentFormat? {
    guard let option = first(.contentFormat), let value = option.uintValue, value <= 0xFFFF else {
      return nil
    }
    return ContentFormat(rawValue: UInt16(truncatingIfNeeded: value))
  }
}
