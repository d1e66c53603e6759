// SPDX-License-Identifier: Apache-2.0
/// Why bytes are not a CoAP message (RFC 7252 Section 3); offsets are in bytes from the start.
public enum MessageFormatError: Error, Equatable, Sendable {
  /// Fewer than the header's 4 bytes.
  case truncatedHeader(length: Int)
  /// A version other than 1; such a message is silently ignored.
  case unknownVersion(UInt8)
  /// A token length of 9 to 15, which is reserved.
  case reservedTokenLength(UInt8)
  /// The token extends past the end of the message.
  case truncatedToken
  /// A message of code 0.00 with a token (RFC 7252 Section 4.1).
  case emptyMessageWithToken
  /// A message of code 0.00 with bytes after the message ID (RFC 7252 Section 4.1).
  case emptyMessageWithData
  /// An option delta of 15 that is not the payload marker.
  case reservedOptionDelta(offset: Int)
  /// An option length of 15, which is reserved.
  case reservedOptionLength(offset: Int)
  /// The extended delta extends past the end of the message.
  case truncatedOptionDelta(offset: Int)
  /// The extended length extends past the end of the message.
  case truncatedOptionLength(offset: Int)
  /// The option's value extends past the end of the message.
  case truncatedOptionValue(offset: Int)
  /// The deltas add up to more than 65535 (RFC 7252 Section 5.4.6); truncated to 16 bits, the sum
  /// would name another option.
  case optionNumberOverflow(offset: Int)
  /// A payload marker with nothing after it.
  case payloadMarkerWithoutPayload(offset: Int)

  /// The position of the error, in bytes from the start of the message.
  public var offset: Int {
    switch self {
    case .unknownVersion, .reservedTokenLength: 0
    case .truncatedHeader(let length): length
    case .truncatedToken, .emptyMessageWithToken, .emptyMessageWithData: 4
    case .reservedOptionDelta(let offset), .reservedOptionLength(let offset),
      .truncatedOptionDelta(let offset), .truncatedOptionLength(let offset),
      .truncatedOptionValue(let offset), .optionNumberOverflow(let offset),
      .payloadMarkerWithoutPayload(let offset):
      offset
    }
  }
}
