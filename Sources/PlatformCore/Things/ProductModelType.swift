// SPDX-License-Identifier: Apache-2.0
internal import PayloadCoding
internal import PayloadValues

/// The data type of a property or parameter, with its limits (device guide 6.5 and 6.10).
///
/// The guide's examples have int, double, text, date, bool and array; the console also offers
/// float, enum and struct. Limits are texts in the guide; numbers are accepted as well.
indirect enum ProductModelType: Sendable {
  case integer(NumberLimits)
  case floating(NumberLimits)
  case text(length: Int64?)
  /// A number of milliseconds since 1970, as text.
  case date
  /// 0 or 1.
  case boolean
  case enumeration(Set<Int64>)
  case array(size: Int64?, item: ProductModelType)
  case structure(ProductModelItems)

  /// Parses a `dataType`; `nil` if it is invalid.
  init?(_ value: PayloadValue?) {
    guard let name = value?["type"]?.string else { return nil }
    let specs = value?["specs"]
    switch name {
    case "int": self = .integer(NumberLimits(specs))
    case "float", "double": self = .floating(NumberLimits(specs))
    case "text": self = .text(length: Self.whole(specs?["length"]))
    case "date": self = .date
    case "bool": self = .boolean
    case "enum":
      let keys = (specs?.members ?? []).compactMap { Int64($0.name) }
      self = .enumeration(Set(keys))
    case "array":
      guard let item = ProductModelType(specs?["item"]) else { return nil }
      self = .array(size: Self.whole(specs?["size"]), item: item)
    case "struct":
      guard let fields = specs?.elements, let items = ProductModelItems(fields) else { return nil }
      self = .structure(items)
    default: return nil
    }
  }

  /// What is wrong with a value, to follow its name; `nil` if it is valid.
  func objection(to value: PayloadValue, _ rules: SimulatedModelRules) -> String? {
    switch self {
    case .integer(let limits):
      guard let whole = value.integer, Int32(exactly: whole) != nil else {
        return "is no int of 32 bits"
      }
      return limits.objection(to: Double(whole), rules)
    case .floating(let limits):
      guard let number = value.number else { return "is no number" }
      return limits.objection(to: number, rules)
    case .text(let length):
      guard let text = value.string else { return "is no text" }
      let isBytes = rules.textLength == .bytes
      guard let length, (isBytes ? text.utf8.count : text.unicodeScalars.count) > length else {
        return nil
      }
      return "has over \(length) \(isBytes ? "bytes" : "characters")"
    case .date:
      guard let text = value.string, !text.isEmpty, Int64(text) != nil else {
        return "is no text of milliseconds since 1970"
      }
      return nil
    case .boolean:
      return value == .integer(0) || value == .integer(1) ? nil : "is neither 0 nor 1"
    case .enumeration(let keys):
      guard let whole = value.integer, keys.contains(whole) else {
        return "is none of the numbers of its enum"
      }
      return nil
    case .array(let size, let item):
      guard let elements = value.elements else { return "is no array" }
      if let size, elements.count > size { return "has over \(size) elements" }
      if let size, rules.needsWholeArrays, elements.count < size {
        return "has under \(size) elements"
      }
      for element in elements {
        if let objection = item.objection(to: element, rules) {
          return "has an element that \(objection)"
        }
      }
      return nil
    case .structure(let items):
      guard value.members != nil else { return "is no struct" }
      return items.objection(to: value, "field", rules)
    }
  }

  fileprivate static func whole(_ value: PayloadValue?) -> Int64? {
    value?.integer ?? value?.string.flatMap { Int64($0) }
  }
}

/// The minimum, the maximum and the step of a number.
struct NumberLimits: Sendable {
  private let minimum: Double?
  private let maximum: Double?
  private let step: Double?

  init(_ specs: PayloadValue?) {
    minimum = Self.number(specs?["min"])
    maximum = Self.number(specs?["max"])
    step = Self.number(specs?["step"])
  }

  func objection(to value: Double, _ rules: SimulatedModelRules) -> String? {
    if let minimum, value < minimum { return "is below \(minimum)" }
    if let maximum, value > maximum { return "is above \(maximum)" }
    guard rules.checksSteps, let step, let exact = ExactDecimal(value),
      let exactStep = ExactDecimal(step), let start = ExactDecimal(minimum ?? 0)
    else { return nil }
    return exact.isMultiple(of: exactStep, from: start) ? nil : "is not on a step of \(step)"
  }

  private static func number(_ value: PayloadValue?) -> Double? {
    value?.number ?? value?.string.flatMap { Double($0) }
  }
}

/// Items, each with an identifier and a data type: the fields of a struct, an event's output, a
/// service's input.
///
/// Other names are not allowed, and items with `"required":true` must be present, as in the
/// device's check.
struct ProductModelItems: Sendable {
  private var types: [String: ProductModelType] = [:]
  private var required: [String] = []

  /// Creates an empty list.
  init() {}

  /// Parses the elements of a list; `nil` if one of them is not an item.
  init?(_ elements: [PayloadValue]) {
    for element in elements {
      // The service that reads properties lists their identifiers.
      if element.string != nil { continue }
      guard let identifier = element["identifier"]?.string,
        let type = ProductModelType(element["dataType"])
      else { return nil }
      types[identifier] = type
      if element["required"] == .boolean(true) { required.append(identifier) }
    }
  }

  /// What is wrong with an object, to follow its name; `nil` if it is valid.
  func objection(
    to value: PayloadValue,
    _ kind: String,
    _ rules: SimulatedModelRules
  ) -> String? {
    for member in value.members ?? [] {
      guard let type = types[member.name] else {
        return "has a \(kind) \(member.name) that is not in the thing model"
      }
      if let objection = type.objection(to: member.value, rules) {
        return "has a \(kind) \(member.name) that \(objection)"
      }
    }
    for name in required where value[name] == nil {
      return "lacks the \(kind) \(name), which the thing model requires"
    }
    return nil
  }
}
