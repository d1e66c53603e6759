// SPDX-License-Identifier: Apache-2.0
package import Alink

extension DownlinkFault {
  /// A word for it, the same wherever it is told.
  package var word: StaticString {
    switch self {
    case .topicTooLong: "topic-too-long"
    case .topic: "bad-topic"
    case .unknownTopic: "unknown-topic"
    case .reply: "reply"
    case .otherDevice: "other-device"
    case .notTaken: "not-taken"
    case .message: "unreadable"
    case .messageTooLong: "too-long"
    case .id: "bad-id"
    case .version: "bad-version"
    case .method: "bad-method"
    case .code: "bad-code"
    case .parameters: "bad-parameters"
    case .nameTwice: "name-twice"
    case .names: "bad-names"
    case .fileType: "bad-file-type"
    case .file: "bad-file"
    case .model: "not-of-the-model"
    case .repeated: "repeated"
    case .idInUse: "id-in-use"
    case .tooManyOpen: "too-many-open"
    }
  }
}
