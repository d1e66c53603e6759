// SPDX-License-Identifier: Apache-2.0
/// Why a message of the platform is not handed over: it is refused where `code` says so and it has an id that can
/// be answered, else dropped.
public enum DownlinkFault: Error, Equatable, Sendable {
  /// The topic, or that of the answer, has more than 128 bytes: so many.
  case topicTooLong(Int)
  /// The topic has wildcards or control characters, or is not UTF-8.
  case topic
  /// No downlink of the platform has such a topic.
  case unknownTopic
  /// It is the reply to a request of the device's own, or an answer of the device that came back.
  case reply
  /// It is for another device.
  case otherDevice
  /// Its kind is not taken (`DownlinkSettings.taken`).
  case notTaken
  /// The message or a part of it cannot be read.
  case message(AlinkMessageError)
  /// It has more bytes than are checked: so many (`DownlinkSettings.maxMessage`).
  case messageTooLong(Int)
  /// `id` is missing, or neither a number nor a text of 1 to 32 digits (device guide 6.1).
  case id
  /// `version` is neither 1.0 nor 1.0.0.
  case version
  /// `method` is missing or not the topic's.
  case method
  /// `code` is missing, or says that nothing is offered.
  case code
  /// `params` or `data` is missing or not what this kind has there.
  case parameters
  /// The name at this place, in bytes, comes twice in its object.
  case nameTwice(offset: Int)
  /// A device's names break the rules, or none is listed (device guide 6.3, code 6280).
  case names
  /// `getType` is another one than `file` (device guide 6.12).
  case fileType
  /// The file that is offered is none to be fetched.
  case file(FileFault)
  /// The thing model does not have it so (device guide 6.5).
  case model(ThingModelError)
  /// It came before, and is being worked on or has been answered.
  case repeated
  /// Another request with this id and topic is being worked on.
  case idInUse
  /// As many requests as the table holds are being worked on.
  case tooManyOpen

  /// What the request is answered with; `nil` where it is dropped.
  public var code: DeviceReplyCode? {
    switch self {
    case .message, .messageTooLong, .id, .version, .method, .parameters, .nameTwice, .names,
      .fileType, .file, .model:
      .parameterError
    case .tooManyOpen: .tooManyRequests
    case .topicTooLong, .topic, .unknownTopic, .reply, .otherDevice, .notTaken, .code, .repeated,
      .idInUse:
      nil
    }
  }
}

/// Why a file that the platform offers is not fetched (device guide 4, 6.7, 6.11 and 6.12).
public enum FileFault: Error, Equatable, Sendable {
  /// Its address does not begin with `https://`.
  case notHTTPS
  /// Its size is 0.
  case empty
  /// Its digest is not SHA-256, which configurations have.
  case digestMethod
}
