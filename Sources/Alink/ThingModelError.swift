public import PayloadCoding

/// Why a model cannot be used, or why what a device would send is not what the model says; offsets count
/// bytes.
public enum ThingModelError: Error, Equatable, Sendable {
  /// The model is not JSON.
  case modelNotJSON(JSONError)
  /// The value at this place of the model is not what a model has there.
  case modelShape(offset: Int)
  /// The payload cannot be read; the next call of its reader gives the reason again.
  case unreadablePayload
  /// The payload, or what stands at this place in it, is not an object with the members of a request.
  case notARequest(offset: Int)
  /// The model has no event of that identifier.
  case unknownEvent
  /// The model has no service of that identifier.
  case unknownService
  /// The name at this place is no identifier of the model.
  case unknownIdentifier(offset: Int)
  /// The text at this place of a list is no identifier of a property.
  case unlistedIdentifier(offset: Int)
  /// The property at this place may be set by the platform only (`accessMode`).
  case writeOnly(offset: Int)
  /// The property at this place may not be set by the platform (`accessMode`).
  case readOnly(offset: Int)
  /// The object at this place has neither `value` nor another meaning.
  case missingValue(offset: Int)
  /// The name at this place may stand beside neither `value` nor `time`, or comes twice.
  case unexpectedMember(offset: Int)
  /// The time at this place is no count of milliseconds since 1970.
  case time(offset: Int)
  /// The object at `offset` lacks the member that the model requires at its own offset `model`.
  case missingMember(offset: Int, model: Int)
  /// The value at `offset` breaks a rule of the data type that stands at the model's offset `model`.
  case value(ThingModelRule, offset: Int, model: Int)
}

/// A rule of a data type (device guide 6.10).
public enum ThingModelRule: Equatable, Sendable {
  /// The value is not of the kind that the type wants: number, text, array or object.
  case kind
  /// A number below `min` or above `max`, or beyond what the type holds.
  case range
  /// A number that is not `min` and some steps of `step`.
  case step
  /// A text longer than `length`.
  case length
  /// An array of more items than `size`, or of fewer where `size` is exact.
  case size
  /// A number that is no key of an enumeration's `specs`.
  case enumeration
  /// A text that is no decimal count of milliseconds since 1970.
  case date
  /// A type that this check does not know.
  case type
}
