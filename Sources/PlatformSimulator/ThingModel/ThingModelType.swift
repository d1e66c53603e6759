/// The data type of a property or parameter, with its limits (device guide 6.5 and 6.10).
///
/// The guide's examples show int, double, text, date, bool and array; float, enum and struct are the
/// rest of what the console offers. Limits are texts there; numbers are taken, too. `step` is checked
/// of whole numbers alone.
indirect enum ThingModelType: Sendable {
  case integer(min: Double?, max: Double?, step: Int64?)
  case floating(min: Double?, max: Double?)
  case text(length: Int64?)
  /// A text of milliseconds since 1970.
  case date
  /// 0 or 1.
  case boolean
  case enumeration(Set<Int64>)
  case array(size: Int64?, item: ThingModelType)
  case structure([String: ThingModelType])

  /// Reads a `dataType`; `nil` when it is none.
  init?(_ value: PlatformValue?) {
    guard let name = value?["type"]?.string else { return nil }
    let specs = value?["specs"]
    switch name {
    case "int":
      self = .integer(
        min: Self.number(specs?["min"]),
        max: Self.number(specs?["max"]),
        step: Self.whole(specs?["step"])
      )
    case "float", "double":
      self = .floating(min: Self.number(specs?["min"]), max: Self.number(specs?["max"]))
    case "text": self = .text(length: Self.whole(specs?["length"]))
    case "date": self = .date
    case "bool": self = .boolean
    case "enum":
      let keys = (specs?.members ?? []).compactMap { Int64($0.name) }
      self = .enumeration(Set(keys))
    case "array":
      guard let item = ThingModelType(specs?["item"]) else { return nil }
      self = .array(size: Self.whole(specs?["size"]), item: item)
    case "struct":
      guard let fields = specs?.elements else { return nil }
      var types: [String: ThingModelType] = [:]
      for field in fields {
        guard let identifier = field["identifier"]?.string,
          let type = ThingModelType(field["dataType"])
        else { return nil }
        types[identifier] = type
      }
      self = .structure(types)
    default: return nil
    }
  }

  /// What is wrong with a value, to follow its name; `nil` when it fits.
  func objection(to value: PlatformValue) -> String? {
    switch self {
    case .integer(let min, let max, let step):
      guard let whole = value.integer, Int32(exactly: whole) != nil else {
        return "is no int of 32 bits"
      }
      if let outside = Self.range(Double(whole), min, max) { return outside }
      // From the lowest value on, where there is one.
      guard let step, step > 1 else { return nil }
      let start = min.flatMap { Int64(exactly: $0) } ?? 0
      let (distance, overflow) = whole.subtractingReportingOverflow(start)
      return overflow || distance % step != 0 ? "is not on a step of \(step)" : nil
    case .floating(let min, let max):
      guard let number = value.number else { return "is no number" }
      return Self.range(number, min, max)
    case .text(let length):
      guard let text = value.string else { return "is no text" }
      guard let length, text.utf8.count > length else { return nil }
      return "has over \(length) bytes"
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
      for element in elements {
        if let objection = item.objection(to: element) { return "has an element that \(objection)" }
      }
      return nil
    case .structure(let fields):
      guard let members = value.members else { return "is no struct" }
      for member in members {
        guard let type = fields[member.name] else {
          return "has a field \(member.name) that is not in the thing model"
        }
        if let objection = type.objection(to: member.value) {
          return "has a field \(member.name) that \(objection)"
        }
      }
      return nil
    }
  }

  private static func range(_ value: Double, _ min: Double?, _ max: Double?) -> String? {
    if let min, value < min { return "is below \(min)" }
    if let max, value > max { return "is above \(max)" }
    return nil
  }

  private static func number(_ value: PlatformValue?) -> Double? {
    value?.number ?? value?.string.flatMap { Double($0) }
  }

  private static func whole(_ value: PlatformValue?) -> Int64? {
    value?.integer ?? value?.string.flatMap { Int64($0) }
  }
}
