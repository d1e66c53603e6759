// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
extension ThingModelError: CustomStringConvertible {
  /// States what is wrong, where, and what to do about it.
  public var description: String {
    switch self {
    case .modelNotJSON(let error):
      "the model is not JSON (\(error)); export it again from the console"
    case .modelShape(let offset):
      "the model has something else at byte \(offset) than a TSL file has there (device guide 6.10); "
        + "export it again from the console"
    case .unreadablePayload:
      "the payload cannot be read; send one whole JSON text or CBOR item"
    case .notARequest(let offset):
      "the payload has no object at byte \(offset) with the members of a request; put the values into "
        + "params (device guide 6.5)"
    case .unknownEvent: "the model has no event of this identifier; see its list of events"
    case .unknownService: "the model has no service of this identifier; see its list of services"
    case .unlistedIdentifier(let offset):
      "the text at byte \(offset) is no property of the model; answer with 460"
    case .unknownIdentifier(let offset):
      "the model does not know the name at byte \(offset); the platform would drop it, so correct the "
        + "name or add it to the model"
    case .writeOnly(let offset):
      "the property at byte \(offset) is for the platform to set (accessMode w); do not report it"
    case .readOnly(let offset):
      "the property at byte \(offset) is for the device to report (accessMode r); answer with an error"
    case .missingValue(let offset):
      "the object at byte \(offset) has no member value; add it (device guide 6.5)"
    case .unexpectedMember(let offset):
      "the member at byte \(offset) is neither value nor time, or comes twice; remove it (device guide "
        + "6.5)"
    case .time(let offset):
      "the time at byte \(offset) is no whole number of milliseconds since 1970; send one"
    case .missingMember(let offset, let model):
      "the object at byte \(offset) lacks the member that the model requires at its byte \(model); add it"
    case .value(let rule, let offset, let model):
      "the value at byte \(offset) \(rule) (the model's byte \(model))"
    }
  }
}

extension ThingModelError {
  /// The offset in the payload, in bytes; `nil` if the error is in the model, or concerns the whole
  /// payload.
  public var offset: Int? {
    switch self {
    case .modelNotJSON, .modelShape, .unreadablePayload, .unknownEvent, .unknownService: nil
    case .notARequest(let offset), .unknownIdentifier(let offset), .unlistedIdentifier(let offset),
      .writeOnly(let offset),
      .readOnly(let offset), .missingValue(let offset), .unexpectedMember(let offset),
      .time(let offset), .missingMember(let offset, _), .value(_, let offset, _):
      offset
    }
  }
}

extension ThingModelRule: CustomStringConvertible {
  /// How a value breaks the rule, and what to do instead: the rest of a sentence.
  public var description: String {
    switch self {
    case .kind:
      "is not of its type's kind; send bool as 0 or 1, date as a text, and numbers without quotation marks"
    case .range: "lies outside of min and max or of its type; send a number within"
    case .step: "is not min and some steps of step; round it to a step"
    case .length: "is longer than length says; shorten it"
    case .size: "is an item more than size allows, or the end of an array with fewer; send as many"
    case .enumeration: "is no key of the enumeration; send one of them"
    case .date: "is no decimal count of milliseconds since 1970; send one as a text"
    case .type: "is of a type that this check does not know; leave it out of the check"
    }
  }
}
#endif
