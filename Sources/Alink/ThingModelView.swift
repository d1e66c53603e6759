// SPDX-License-Identifier: Apache-2.0
private import PayloadCoding

/// A product's thing model in the borrowed bytes of a TSL file (device guide 6.10), against which a
/// device checks its messages before sending: the platform drops invalid values, but still answers
/// 200 (device guide 6.5, error 6313).
///
/// ```
/// let model = try ThingModelView(bytes)
/// var reader = JSONReader(payload)
/// try model.check(propertyPost: &reader)
/// ```
///
/// The initialiser validates the whole file; only its bytes are kept, without a heap. Each checked
/// value has its identifier looked up in the text, in time linear in the file's size. The specs of
/// data types are texts in the guide and may also be numbers:
/// - `int` has 32 bits, and its value is an integer, not 1.0; `float` and `double` also accept
///   integers. `min` and `max` are inclusive; `step` is checked if the rules say so. Numbers are
///   compared as decimals, without rounding: a binary fraction stands for the fewest digits that
///   read back as the same Double, or, if the type is `float` and a Float is sufficient, the same
///   Float.
/// - `bool` is the number 0 or 1, `enum` an integer that is a key of its specs.
/// - `text` has at most `length` bytes or characters, `array` at most or exactly `size` items of the type
///   `item`: see `ThingModelRules`.
/// - `date` is a text, the number of milliseconds since 1970 in decimal.
/// - `struct` has only the members named in its specs.
/// - In an event's output, a service's input and output, and a `struct`, an item with
///   `"required":true` must be present; any other may be missing. The simulator has the same rule.
///
/// An identifier has 1 to 64 bytes. If a model has a duplicate member or identifier, the first one
/// is used; for payloads see `PayloadReader.repeatedKey()`.
public struct ThingModelView: ~Escapable {
  let root: ThingModelCursor

  let rules: ThingModelRules

  /// Checks that `text` is exactly one TSL file, in time that grows with its size and with the
  /// nesting of its data types.
  @_lifetime(copy text)
  public init(
    _ text: Span<UInt8>,
    rules: ThingModelRules = ThingModelRules()
  ) throws(ThingModelError) {
    do throws(JSONError) {
      var reader = JSONReader(text)
      while try reader.next() != nil {}
    } catch {
      throw .modelNotJSON(error)
    }
    root = ThingModelCursor(text)
    self.rules = rules
    guard root.peek() == .beginObject else { throw .modelShape(offset: root.offset) }
    if let properties = root.member("properties") { try Self.validate(items: properties) }
    if let events = root.member("events") { try Self.validate(calls: events) }
    if let services = root.member("services") { try Self.validate(calls: services) }
  }

  /// Checks the events or services of a model.
  private static func validate(calls list: ThingModelCursor) throws(ThingModelError) {
    var place = list
    guard place.enterArray() else { throw .modelShape(offset: list.offset) }
    while place.isBeforeItem() {
      try validate(identifierOf: place)
      // A console's model has the text "" for an empty list.
      if let data = place.member("inputData"), !data.isText("") { try validate(items: data) }
      if let data = place.member("outputData"), !data.isText("") { try validate(items: data) }
      place.skipValue()
    }
  }

  /// Checks items, each with an identifier and a data type.
  ///
  /// Texts among them are accepted: the service that reads properties lists their identifiers.
  private static func validate(items list: ThingModelCursor) throws(ThingModelError) {
    var place = list
    guard place.enterArray() else { throw .modelShape(offset: list.offset) }
    while place.isBeforeItem() {
      if case .string = place.peek() {
        place.skipValue()
        continue
      }
      try validate(identifierOf: place)
      guard let dataType = place.member("dataType") else {
        throw .modelShape(offset: place.offset)
      }
      try validate(dataType: dataType)
      place.skipValue()
    }
  }

  private static func validate(identifierOf item: ThingModelCursor) throws(ThingModelError) {
    guard let name = item.member("identifier") else { throw .modelShape(offset: item.offset) }
    guard let count = name.textByteCount, count > 0, count <= 64 else {
      throw .modelShape(offset: name.offset)
    }
  }

  private static func validate(dataType: ThingModelCursor) throws(ThingModelError) {
    guard let name = dataType.member("type"), name.textByteCount != nil else {
      throw .modelShape(offset: dataType.offset)
    }
    let specs = dataType.member("specs")
    switch ThingModelType(name) {
    case .int, .float, .double:
      guard let specs else { return }
      _ = try specs.decimal("min")
      _ = try specs.decimal("max")
      _ = try specs.decimal("step")
    case .text:
      if let specs { _ = try specs.count("length") }
    case .enumeration:
      guard let specs, specs.peek() == .beginObject else {
        throw .modelShape(offset: dataType.offset)
      }
    case .array:
      guard let specs, let item = specs.member("item") else {
        throw .modelShape(offset: dataType.offset)
      }
      _ = try specs.count("size")
      try validate(dataType: item)
    case .structure:
      guard let specs else { throw .modelShape(offset: dataType.offset) }
      try validate(items: specs)
    case .bool, .date, .other: return
    }
  }
}

/// The data types of a model (device guide 6.10).
enum ThingModelType {
  case int, float, double, enumeration, bool, text, date, array, structure
  /// A type added by a later platform.
  case other

  /// The type with the name at `name`.
  init(_ name: ThingModelCursor) {
    if name.isText("int") {
      self = .int
    } else if name.isText("float") {
      self = .float
    } else if name.isText("double") {
      self = .double
    } else if name.isText("enum") {
      self = .enumeration
    } else if name.isText("bool") {
      self = .bool
    } else if name.isText("text") {
      self = .text
    } else if name.isText("date") {
      self = .date
    } else if name.isText("array") {
      self = .array
    } else if name.isText("struct") {
      self = .structure
    } else {
      self = .other
    }
  }
}
