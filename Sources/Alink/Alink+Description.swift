// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
internal import Platform

extension AlinkError: CustomStringConvertible {
  /// States what is wrong, then what to do.
  public var description: String {
    switch self {
    case .capacity: "the request does not fit in one message: send it in parts"
    case .empty: "the request holds nothing: add what it is about"
    case .tooManyProperties: "more than 200 properties: send them in parts (device guide 6.5)"
    case .tooManyEvents: "more than 20 events: send them in parts (device guide 6.5)"
    case .tooManySubDevices: "more than 20 sub-devices: send them in parts (device guide 6.5)"
    case .tooManyTags: "more than 200 tags: send them in parts (device guide 6.9)"
    case .identifier: "an identifier has 1 to 64 letters, digits, '_', '-' and ':': correct it"
    case .topicTooLong: "the topic would have over 128 bytes: shorten the event's identifier"
    case .order: "properties come before events, and both before sub-devices: change the order"
    case .secondEvent: "an event post has one event: send the other one by itself"
    case .tagKey:
      "a tag's key has 1 to 64 letters, digits and '_' and starts with no digit (device guide 6.9)"
    case .tagValue:
      "a tag's value has Chinese characters (ideographs and 〇), letters, digits, '_', '-' and '.' (device "
        + "guide 6.9)"
    case .productKey: "a product key has 1 to 64 letters and digits: correct it"
    case .deviceName:
      "a device name has 4 to 32 letters, digits and '_', '@', '.', and by the newer rule '-' and ':' "
        + "(device guide 6.3)"
    case .version: "a version has 1 to 128 bytes, a description at most 128: shorten it"
    case .progress: "progress is 1 to 100 percent, or one of the errors (device guide 6.11)"
    case .repeated: "a name comes twice in an object: send one of the two in another request"
    case .ownSubDevice:
      "a gateway cannot be its own sub-device (device guide 6.2 and 6.3, code 6402): leave it out"
    case .batchFull: "the batch is full: send it, then add the property"
    case .unreadable: "what the request is to be made of is no JSON object: correct it"
    }
  }
}

extension AlinkCode: CustomStringConvertible {
  /// The number and its meaning in the guide.
  public var description: String { "\(rawValue) \(meaning)" }

  /// The meaning of the code in the guide.
  public var meaning: String {
    switch self {
    case .success: "success"
    case .firmware: "a firmware is offered"
    case .requestError: "internal error of the service"
    case .unauthorized: "the proof of the sub-device is wrong"
    case .connectedElsewhere: "the device has connected elsewhere"
    case .tooManySubDevices: "too many sub-devices are online under the gateway"
    case .tooManyRequests: "too many requests: wait"
    case .parameterError: "a parameter is wrong"
    case .serverError: "the server failed, or has no firmware for the device"
    case .noSession: "the sub-device has no session"
    case .deviceDeleted: "the device was deleted"
    case .deviceForbidden: "the device is disabled"
    case .unknownDevice: "there is no such device"
    case .authenticationType: "the device authenticates in another way"
    case .deviceNotFound: "there is no such device"
    case .tooManyProperties: "more than 200 properties"
    case .productNotFound: "there is no such product"
    case .deviceName: "a device name breaks the rule"
    case .invalidSign: "the sign of the sub-device is wrong"
    case .modelUnavailable: "the check against the thing model is out of service: try later"
    case .modelNotFound: "the product does not have the device"
    case .noTopology: "the sub-device is not under the gateway"
    case .ownSubDevice: "a gateway cannot be its own sub-device"
    case .noConfiguration: "there is no configuration"
    case .configurationOff: "remote configuration is off: switch it on in the console"
    case _ where rawValue >= 100_000 && rawValue <= 110_000: "the device's own"
    // Codes of the HTTPS registry have five digits (device guide 3.8).
    case _ where rawValue >= 10_000: HTTPSCode(rawValue: rawValue).explanation
    default: "unknown to the device guide"
    }
  }
}

extension AlinkMessageError: CustomStringConvertible {
  /// States what is wrong with the message.
  public var description: String {
    switch self {
    case .malformed: "the message is not well formed, or too many levels deep"
    case .notAnObject: "the message or its data is no object"
    case .repeated(let member): "the message has the member \(member) twice"
    case .number(let member): "the member \(member) is no whole number from 0 to 2^64 - 1"
    case .incomplete:
      "it is longer than a datagram, and only its first part came: ask for less, or for it elsewhere"
    case .member(let member): "the member \(member) is missing, too long or of another type"
    }
  }
}

extension AlinkMember: CustomStringConvertible {
  /// The member's name, or both of its possible names.
  public var description: String {
    switch self {
    case .id: "id"
    case .code: "code"
    case .message: "message"
    case .method: "method"
    case .data: "data"
    case .parameters: "params"
    case .productKey: "productKey"
    case .deviceName: "deviceName"
    case .deviceSecret: "deviceSecret"
    case .iotID: "iotId"
    case .version: "version or configId"
    case .size: "size or configSize"
    case .url: "url"
    case .sign: "sign or md5"
    case .signMethod: "signMethod"
    case .digest: "digest"
    case .digestMethod: "digestMethod"
    case .value: "value"
    case .identifier: "identifier"
    }
  }
}
#endif
