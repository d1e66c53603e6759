// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
extension MQTTRegistrationAnswerError: CustomStringConvertible {
  /// What is wrong with the answer.
  public var description: String {
    switch self {
    case .json, .notAnObject: "what came in place of a secret is no JSON object"
    case .secret: "what came has no secret that could be one"
    case .clientID: "what came has no client id that could be one"
    case .otherDevice: "what came is the secret of another device"
    case .repeated: "what came has a member twice"
    }
  }
}
#endif
