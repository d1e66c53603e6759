// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
extension HTTPSAnswerError: CustomStringConvertible {
  /// States what is wrong with a response over HTTPS.
  public var description: String {
    switch self {
    case .json(let error): "the answer is not JSON: \(error)"
    case .notAnObject: "the answer is not one JSON object"
    case .member(let member):
      "the answer's member \(member) is missing, empty or of another type"
    case .tooLong(let member): "the answer's member \(member) is longer than this program takes"
    case .repeated(let member): "the answer has the member \(member) twice"
    }
  }
}

extension HTTPSMember: CustomStringConvertible {
  /// The member's name.
  public var description: String {
    switch self {
    case .code: "code"
    case .message: "message"
    case .info: "info"
    case .data: "data"
    case .token: "token"
    case .messageID: "messageId"
    case .iotID: "iotId"
    case .iotToken: "iotToken"
    case .resources: "resources"
    case .mqtt: "mqtt"
    case .host: "host"
    case .port: "port"
    }
  }
}
#endif
