private import PayloadCoding

/// A product's thing model in the borrowed bytes of a TSL file (device guide 6.10), against which a device
/// checks what it would send: the platform drops values that do not fit, and says 200 all the same (device
/// guide 6.5, error 6313).
///
/// ```
/// let model = try ThingModelView(bytes)
/// var reader = JSONReader(payload)
/// try model.check(propertyPost: &reader)
/// ```
///
/// The initialiser reads the file whole; nothing is kept of it but its bytes, no heap. Each value that is
/// checked has its identifier looked up in the text: time in the order of the file's size for each.
/// Of the data types' specs, which are texts in the guide and may be numbers as well:
/// - `int` is 32 bits, and its value an integer, not 1.0; `float` and `double` take integers, too. `min` and
///   `max` are within the range; `step` counts where the rules say so. Numbers are compared as decimals,
///   without rounding: a binary fraction stands for the fewest digits that read back as the same Double, or,
///   where it has no more bits and the type is `float`, the same Float.
/// - `bool` is the number 0 or 1, `enum` an integer that is a key of its specs.
/// - `text` has at most `length` bytes or characters, `array` at most or exactly `size` items of the type
///   `item`: see `ThingModelRules`.
/// - `date` is a text, the decimal count of milliseconds since 1970.
/// - `struct` has no other members than its specs name.
/// - What an event tells, a service takes and answers, and a `struct` holds: an item that says `"required":true`
///   must be there, any other may be missing. The simulator has the same rule.
///
/// An identifier has 1 to 64 bytes. Where a model has a member or an identifier twice, the first counts; for
/// payloads see `PayloadReader.repeatedKey()`.
public struct ThingModelView: ~Escapable {
  let root: ThingModelCursor

  let rules: ThingModelRules

  /// Checks that `text` is one TSL file; time grows with its size and with the depth of its data types.
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
      // A console's model has the text "" where there is none.
      if let data = place.member("inputData"), !data.isText("") { try validate(items: data) }
      if let data = place.member("outputData"), !data.isText("") { try validate(items: data) }
      place.skipValue()
    }
  }

  /// Checks items with an identifier and a data type each.
  ///
  /// A text among them passes: the service that reads properties lists their identifiers.
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
  /// One that a later platform has.
  case other

  /// The type whose name is at `name`.
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
