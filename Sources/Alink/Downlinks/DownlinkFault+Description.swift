// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
extension DownlinkFault: CustomStringConvertible {
  /// What happened, for a log.
  public var description: String {
    switch self {
    case .topicTooLong(let count):
      "the topic or its answer's has \(count) bytes; 128 are the most"
    case .topic: "the topic has a wildcard, a control character or bytes that are not UTF-8"
    case .unknownTopic: "the platform is not known to send on this topic"
    case .reply: "a reply, not a request"
    case .otherDevice: "the topic is another device's"
    case .notTaken: "requests of this kind are not taken here"
    case .message(let error): "\(error)"
    case .messageTooLong(let count): "the message has \(count) bytes, more than are checked"
    case .id: "the id is no number and no text of digits"
    case .version: "the version is not 1.0"
    case .method: "the method is not the topic's"
    case .code: "the message has no code, or one that offers nothing"
    case .parameters: "the parameters are missing or of another type"
    case .nameTwice(let offset): "a name comes twice in its object, at byte \(offset)"
    case .names: "a product key or device name breaks the rules"
    case .fileType: "getType is not file, the only type there is"
    case .file(let fault): "\(fault)"
    case .model(let error): "\(error)"
    case .repeated: "the same request came before"
    case .idInUse: "another request with this id is not answered yet"
    case .tooManyOpen: "too many requests wait for their answers"
    }
  }
}

extension FileFault: CustomStringConvertible {
  /// What is wrong with the file.
  public var description: String {
    switch self {
    case .notHTTPS: "the file's address does not begin with https://"
    case .empty: "the file's size is 0"
    case .digestMethod: "the file's digest is not SHA-256"
    }
  }
}

extension DownlinkAnswerError: CustomStringConvertible {
  /// What happened, and what to do.
  public var description: String {
    switch self {
    case .unknown: "no request has this number; use the number that came with the request"
    case .answered: "this request has been answered; a request is answered once"
    case .late: "the time for the answer is over; answer sooner, or allow more time"
    case .notAnObject: "the data is not one JSON object; give {} where there is nothing to tell"
    case .nameTwice(let offset): "a name comes twice in the data's object, at byte \(offset)"
    case .form: "this request is answered with bytes, not with a code"
    case .capacity: "the answer is too long for its buffer"
    }
  }
}

extension FirmwareRefusal: CustomStringConvertible {
  /// What is wrong with the firmware that is offered.
  public var description: String {
    switch self {
    case .offer(let error): "\(error)"
    case .file(let fault): "\(fault)"
    case .failedTooOften: "this firmware failed three times; push another one or restart the device"
    }
  }
}
#endif
