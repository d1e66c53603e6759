// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

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
/// The initialiser makes every check of the format; accessors neither throw nor trap.
@frozen
public struct MessageView: ~Escapable {
  @usableFromInline
  let bytes: Span<UInt8>

  /// The offset at which the options end: at the payload marker or at the end of the message.
  @usableFromInline
  let optionsEnd: Int

  /// The first 4 bytes, big-endian.
  @usableFromInline
  let header: UInt32

  /// Checks `bytes` as one whole message, in time linear in the number of options.
  @inlinable
  @inline(__always)
  @_lifetime(copy bytes)
  public init(_ bytes: Span<UInt8>) throws(MessageFormatError) {
    let header = bytes.count >= 4 ? bytes.firstFourBytes : 0
    if quickRoads, let end = Self.quickOptionsEnd(bytes, header) {
      self.init(checked: bytes, optionsEnd: end, header: header)
    } else {
      self = try Self.checking(bytes)
    }
  }

  @inlinable
  @_lifetime(copy bytes)
  init(checked bytes: Span<UInt8>, optionsEnd: Int, header: UInt32) {
    self.bytes = bytes
    self.optionsEnd = optionsEnd
    self.header = header
  }

  /// Confirmable, non-confirmable, acknowledgement or reset.
  @inlinable
  public var type: MessageType {
    switch header &>> 28 & 0x03 {
    case 0: .confirmable
    case 1: .nonConfirmable
    case 2: .acknowledgement
    default: .reset
    }
  }

  /// The request method or the response code.
  @inlinable
  public var code: Code { Code(rawValue: UInt8(truncatingIfNeeded: header &>> 16)) }

  /// The number that matches acknowledgements to messages and detects duplicates.
  @inlinable
  public var messageID: UInt16 { UInt16(truncatingIfNeeded: header) }

  /// The length of the token in bytes, 0 to 8.
  @inlinable
  public var tokenLength: Int { Int(header &>> 24 & 0x0F) }

  /// The token, which matches a response to its request.
  public var token: Token {
    var bits: UInt64 = 0
    for index in 0..<tokenLength {
      bits |= UInt64(widening: bytes[4 &+ index]) &<< UInt64(widening: UInt8(index &* 8))
    }
    return Token(bits: bits, count: tokenLength)
  }

  /// The options in wire order.
  @inlinable
  @inline(__always)
  public var options: OptionIterator {
    @_lifetime(copy self)
    get {
      // SAFETY: the check of the format found the options' end within the bytes.
      let upToOptionsEnd = unsafe bytes.extracting(
        unchecked: Range(uncheckedBounds: (0, optionsEnd))
      )
      return OptionIterator(upToOptionsEnd, from: 4 &+ tokenLength)
    }
  }

  /// The payload; empty when the message has none.
  @inlinable
  @inline(__always)
  public var payload: Span<UInt8> {
    @_lifetime(copy self)
    get {
      guard optionsEnd < bytes.count else { return Span() }
      // SAFETY: there is a byte at `optionsEnd`, the payload marker.
      let range = unsafe Range(uncheckedBounds: (optionsEnd &+ 1, bytes.count))
      return unsafe bytes.extracting(unchecked: range)
    }
  }

  /// The size of the message in bytes.
  @inlinable
  public var count: Int { bytes.count }
}

extension MessageView {
  /// The first option of that number; `nil` if there is none.
  @_lifetime(copy self)
  public func first(_ number: OptionNumber) -> OptionView? {
    var iterator = options
    while let option = iterator.next() {
      if option.number == number { return option }
      if option.number.rawValue > number.rawValue { return nil }
    }
    return nil
  }

  /// The payload's format; `nil` if the option is absent or longer than 2 bytes (RFC 7252 Section
  /// 5.4.3: treated as unrecognised).
  public var contentFormat: ContentFormat? {
    guard let value = uint(.contentFormat) else { return nil }
    return ContentFormat(rawValue: UInt16(truncatingIfNeeded: value))
  }
}
