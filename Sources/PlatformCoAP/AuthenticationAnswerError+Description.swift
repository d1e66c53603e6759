#if !hasFeature(Embedded)
extension AuthenticationAnswerError: CustomStringConvertible {
  /// What is wrong with the answer to `/auth`.
  public var description: String {
    switch self {
    case .json: "the answer to /auth is not JSON"
    case .malformed: "the answer to /auth is not well formed"
    case .notAnObject: "the answer to /auth is not one object"
    case .token: "the answer to /auth has no token"
    case .tokenTooLong:
      "the answer to /auth has a token over 192 bytes, which is the most that a device keeps"
    case .random: "the answer to /auth has no random"
    case .randomTooLong:
      "the answer to /auth has a random over 32 bytes, which is the most that a device keeps"
    case .sequenceOffset: "the answer to /auth has no usable seqOffset"
    case .repeated: "the answer to /auth has a member twice"
    case .incomplete: "the answer to /auth is longer than a message"
    }
  }
}
#endif
