// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
extension AuthenticationAnswerError: CustomStringConvertible {
  /// States what is wrong with the answer to `/auth`.
  public var description: String {
    switch self {
    case .json: "the answer to /auth is not JSON"
    case .malformed: "the answer to /auth is not well formed"
    case .notAnObject: "the answer to /auth is not one object"
    case .token: "the answer to /auth has no token"
    case .tokenTooLong:
      "the answer to /auth has a token of more than 192 bytes, the device's limit"
    case .random: "the answer to /auth has no random"
    case .randomTooLong:
      "the answer to /auth has a random of more than 32 bytes, the device's limit"
    case .sequenceOffset: "the answer to /auth has no usable seqOffset"
    case .repeated: "the answer to /auth has a member twice"
    case .incomplete: "the answer to /auth is longer than a message"
    }
  }
}
#endif
