// SPDX-License-Identifier: Apache-2.0
public import PayloadCoding

/// Why a model cannot be used, or why a payload does not match the model; offsets are in bytes.
public enum ThingModelError: Error, Equatable, Sendable {
  /// The model is not JSON.
  case modelNotJSON(JSONError)
  /// The value at this offset of the model has an unexpected type.
  case modelShape(offset: Int)
  /// The payload cannot be read; the next call of its reader throws the reason again.
  case unreadablePayload
  /// The payload, or the value at this offset, is not an object with the members of a request.
  case notARequest(offset: Int)
  /// The model has no event with that identifier.
  case unknownEvent
  /// The model has no service with that identifier.
  case unknownService
  /// The name at this offset is not an identifier in the model.
  case unknownIdentifier(offset: Int)
  /// The text at this offset of a list is not the identifier of a property.
  case unlistedIdentifier(offset: Int)
  /// Only the platform may set the property at this offset (`accessMode`).
  case writeOnly(offset: Int)
  /// The platform may not set the property at this offset (`accessMode`).
  case readOnly(offset: Int)
  /// The object at this offset has no `value`, and no other valid form.
  case missingValue(offset: Int)
  /// The name at this offset is not allowed beside `value` or `time`, or is a duplicate.
  case unexpectedMember(offset: Int)
  /// The time at this offset is not a number of milliseconds since 1970.
  case time(offset: Int)
  /// The object at `offset` lacks a member that the model requires at its own offset `model`.
  case missingMember(offset: Int, model: Int)
  /// The value at `offset` breaks a rule of the data type at the model's offset `model`.
  case value(ThingModelRule, offset: Int, model: Int)
}

/// A rule of a data type (device guide 6.10).
public enum ThingModelRule: Equatable, Sendable {
  /// The value has the wrong kind for its type: number, text, array or object.
  case kind
  /// A number below `min`, above `max`, or out of the type's range.
  case range
  /// A number that is not `min` plus a multiple of `step`.
  case step
  /// A text longer than `length`.
  case length
  /// An array with more items than `size`, or with fewer if `size` is exact.
  case size
  /// A number that is not a key in an enumeration's `specs`.
  case enumeration
  /// A text that is not a decimal number of milliseconds since 1970.
  case date
  /// A type that is unknown to this check.
  case type
}
