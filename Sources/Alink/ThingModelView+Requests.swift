// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
public import PayloadCoding

extension ThingModelView {
  /// Checks the request `thing.event.property.post`, a whole payload (device guide 6.5).
  ///
  /// A property's value is plain, or the member `value` of an object beside its `time`. For a
  /// `struct` that itself has a member `value`, an object is read as the latter only if its `value`
  /// is an object and that member is not a `struct`.
  public func check<Reader: PayloadReader & ~Escapable>(
    propertyPost reader: inout Reader
  ) throws(ThingModelError) {
    try enter(&reader, "params")
    try check(properties: &reader)
    try leave(&reader, "params")
  }

  /// Checks the request `thing.service.property.set`, a whole payload (device guide 6.5): plain
  /// values of properties that the platform may set.
  public func check<Reader: PayloadReader & ~Escapable>(
    propertySet reader: inout Reader
  ) throws(ThingModelError) {
    try enter(&reader, "params")
    try check(properties: &reader, isPost: false)
    try leave(&reader, "params")
  }

  /// Checks the value of `params` alone, which must be next: properties reported by a device.
  public func check<Reader: PayloadReader & ~Escapable>(
    properties reader: inout Reader
  ) throws(ThingModelError) {
    try check(properties: &reader, isPost: true)
  }

  /// Checks the request `thing.event.{identifier}.post`, a whole payload (device guide 6.5).
  public func check<Reader: PayloadReader & ~Escapable>(
    event identifier: Span<UInt8>,
    post reader: inout Reader
  ) throws(ThingModelError) {
    try enter(&reader, "params")
    try check(event: identifier, params: &reader)
    try leave(&reader, "params")
  }

  /// Checks the value of `params` alone, which must be next: an event's `value` and `time`.
  ///
  /// `value` may contain only the event's `outputData`, and must contain all that are `required`.
  public func check<Reader: PayloadReader & ~Escapable>(
    event identifier: Span<UInt8>,
    params reader: inout Reader
  ) throws(ThingModelError) {
    guard let events = root.member("events"), let event = events.item(identifier: identifier) else {
      throw .unknownEvent
    }
    let token = try next(&reader)
    let start = reader.tokenOffset
    guard token == .beginObject else { throw .notARequest(offset: start) }
    var hasValue = false
    var hasTime = false
    while case .key(let key) = try next(&reader) {
      if !hasValue, reader.text(key, equals: "value") {
        hasValue = true
        try check(members: &reader, against: event.member("outputData"))
      } else if !hasTime, reader.text(key, equals: "time") {
        hasTime = true
        try checkTime(&reader)
      } else {
        throw .unexpectedMember(offset: reader.tokenOffset)
      }
    }
    guard hasValue else { throw .missingValue(offset: start) }
  }

  /// Checks the request of the service `identifier`, a whole payload: its `params` against the
  /// service's `inputData` (device guide 6.5).
  ///
  /// It is for requests from the platform: if it throws, the device answers 460. The services `set`
  /// and `get` in a console's model stand for `thing.service.property.set` and `.get`, which have
  /// their own calls.
  public func check<Reader: PayloadReader & ~Escapable>(
    service identifier: Span<UInt8>,
    call reader: inout Reader
  ) throws(ThingModelError) {
    try check(service: identifier, "inputData", &reader, "params")
  }

  /// Checks the answer to the service `identifier`, a whole payload: its `data` (device guide 6.5).
  public func check<Reader: PayloadReader & ~Escapable>(
    service identifier: Span<UInt8>,
    reply reader: inout Reader
  ) throws(ThingModelError) {
    try check(service: identifier, "outputData", &reader, "data")
  }

  private func check<Reader: PayloadReader & ~Escapable>(
    service identifier: Span<UInt8>,
    _ list: StaticString,
    _ reader: inout Reader,
    _ member: StaticString
  ) throws(ThingModelError) {
    guard let services = root.member("services"),
      let service = services.item(identifier: identifier)
    else { throw .unknownService }
    try enter(&reader, member)
    try check(members: &reader, against: service.member(list))
    try leave(&reader, member)
  }

  /// Checks the request `thing.service.property.get`, a whole payload: its `params` must list
  /// properties of the model.
  public func check<Reader: PayloadReader & ~Escapable>(
    propertyGet reader: inout Reader
  ) throws(ThingModelError) {
    try enter(&reader, "params")
    guard try next(&reader) == .beginArray else { throw .notARequest(offset: reader.tokenOffset) }
    let properties = root.member("properties")
    while true {
      let token = try next(&reader)
      if token == .endArray { break }
      guard case .text(let name) = token, item(of: properties, named: name, in: reader) != nil
      else { throw .unlistedIdentifier(offset: reader.tokenOffset) }
    }
    try leave(&reader, "params")
  }

  // MARK: - Properties

  func check<Reader: PayloadReader & ~Escapable>(
    properties reader: inout Reader,
    isPost: Bool
  ) throws(ThingModelError) {
    let token = try next(&reader)
    guard token == .beginObject else { throw .notARequest(offset: reader.tokenOffset) }
    let properties = root.member("properties")
    while case .key(let key) = try next(&reader) {
      let place = reader.tokenOffset
      guard let property = item(of: properties, named: key, in: reader),
        let dataType = property.member("dataType")
      else { throw .unknownIdentifier(offset: place) }
      if let access = property.member("accessMode") {
        if isPost, access.isText("w") { throw .writeOnly(offset: place) }
        if !isPost, access.isText("r") { throw .readOnly(offset: place) }
      }
      if isPost, try isTimed(&reader, dataType) {
        try checkTimed(&reader, against: dataType)
      } else {
        try check(value: &reader, against: dataType)
      }
    }
  }

  /// Whether the next value is an object that contains the property's value.
  ///
  /// The reader stays before it, unless the value cannot be read; then it stops at the error.
  private func isTimed<Reader: PayloadReader & ~Escapable>(
    _ reader: inout Reader,
    _ dataType: ThingModelCursor
  ) throws(ThingModelError) -> Bool {
    var ahead = reader
    do throws(ThingModelError) {
      return try readIsTimed(&ahead, dataType)
    } catch {
      reader = ahead
      throw error
    }
  }

  private func readIsTimed<Reader: PayloadReader & ~Escapable>(
    _ ahead: inout Reader,
    _ dataType: ThingModelCursor
  ) throws(ThingModelError) -> Bool {
    guard try next(&ahead) == .beginObject else { return false }
    guard let type = dataType.member("type"), ThingModelType(type) == .structure else {
      return true
    }
    while case .key(let key) = try next(&ahead) {
      guard ahead.text(key, equals: "value") else {
        try skipValue(&ahead)
        continue
      }
      let value = try next(&ahead)
      guard let member = item(of: dataType.member("specs"), named: key, in: ahead),
        let memberType = member.member("dataType"), let name = memberType.member("type")
      else { return true }
      return value == .beginObject && ThingModelType(name) != .structure
    }
    return false
  }

  /// Checks an object of a property's `value` and `time`.
  private func checkTimed<Reader: PayloadReader & ~Escapable>(
    _ reader: inout Reader,
    against dataType: ThingModelCursor
  ) throws(ThingModelError) {
    _ = try next(&reader)
    let start = reader.tokenOffset
    var hasValue = false
    var hasTime = false
    while case .key(let key) = try next(&reader) {
      if !hasValue, reader.text(key, equals: "value") {
        hasValue = true
        try check(value: &reader, against: dataType)
      } else if !hasTime, reader.text(key, equals: "time") {
        hasTime = true
        try checkTime(&reader)
      } else {
        throw .unexpectedMember(offset: reader.tokenOffset)
      }
    }
    guard hasValue else { throw .missingValue(offset: start) }
  }

  private func checkTime<Reader: PayloadReader & ~Escapable>(
    _ reader: inout Reader
  ) throws(ThingModelError) {
    guard case .integer(let value) = try next(&reader), value >= 0 else {
      throw .time(offset: reader.tokenOffset)
    }
  }
}
