// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
extension MessageFormatError: CustomStringConvertible {
  /// What is wrong with the bytes, in a sentence without a full stop.
  public var description: String {
    switch self {
    case .truncatedHeader(let length):
      "the message has \(length) byte\(length == 1 ? "" : "s"), and a CoAP header takes 4"
    case .unknownVersion(let version):
      "the message has version \(version), and only version 1 exists"
    case .reservedTokenLength(let length):
      "the token length is \(length), and a token has at most 8 bytes"
    case .truncatedToken: "the message ends within its token"
    case .emptyMessageWithToken: "an Empty message carries a token"
    case .emptyMessageWithData: "an Empty message carries bytes after its message ID"
    case .reservedOptionDelta(let offset): "the option at byte \(offset) has the reserved delta 15"
    case .reservedOptionLength(let offset):
      "the option at byte \(offset) has the reserved length 15"
    case .truncatedOptionDelta(let offset):
      "the message ends within the delta of the option at byte \(offset)"
    case .truncatedOptionLength(let offset):
      "the message ends within the length of the option at byte \(offset)"
    case .truncatedOptionValue(let offset):
      "the message ends within the value of the option at byte \(offset)"
    case .optionNumberOverflow(let offset):
      "the option at byte \(offset) has a number above 65535"
    case .payloadMarkerWithoutPayload(let offset):
      "the payload marker at byte \(offset) has no payload after it"
    }
  }
}
#endif
