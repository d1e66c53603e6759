/// A product's thing model (TSL): what its properties, events and services may hold (device guide 6.5 and 6.10).
public struct ThingModel: Sendable {
  /// The model as it was given, for `thing.dsltemplate.get`.
  public let definition: PlatformValue

  private let properties: [String: ThingModelType]
  private let events: [String: ThingModelItems]
  /// What the platform's calls of services may hold.
  private let inputs: [String: ThingModelItems]

  /// Reads a model from the JSON text that the console exports; throws a sentence about what is wrong.
  public init(json: [UInt8]) throws(ThingModelError) {
    guard let value = PlatformValue(json, .json) else {
      throw ThingModelError(reason: "the thing model is not JSON")
    }
    try self.init(value)
  }

  /// Reads a model from a value; throws a sentence about what is wrong.
  public init(_ definition: PlatformValue) throws(ThingModelError) {
    guard definition.members != nil else {
      throw ThingModelError(reason: "the thing model is no object")
    }
    self.definition = definition
    properties = try Self.types(definition["properties"], "properties")
    var events: [String: ThingModelItems] = [:]
    for event in try Self.list(definition["events"], "events") {
      guard let identifier = event["identifier"]?.string else {
        throw ThingModelError(reason: "an event has no identifier")
      }
      // The event `post` of a console's model stands for the report of properties.
      events[identifier] = try Self.items(event["outputData"], "the event \(identifier)")
    }
    self.events = events
    var inputs: [String: ThingModelItems] = [:]
    for service in try Self.list(definition["services"], "services") {
      guard let identifier = service["identifier"]?.string else {
        throw ThingModelError(reason: "a service has no identifier")
      }
      inputs[identifier] = try Self.items(service["inputData"], "the service \(identifier)")
    }
    self.inputs = inputs
  }

  /// Whether there is a service of that identifier.
  func hasService(_ identifier: String) -> Bool { inputs[identifier] != nil }

  /// Why a property may not have a value; `nil` when it may.
  func objection(
    toProperty identifier: String,
    _ value: PlatformValue,
    _ rules: SimulatedModelRules
  ) -> String? {
    guard let type = properties[identifier] else { return "is not in the thing model" }
    return type.objection(to: value, rules)
  }

  /// Why an event may not have such output parameters; `nil` when it may.
  func objection(
    toEvent identifier: String,
    _ value: PlatformValue,
    _ rules: SimulatedModelRules
  ) -> String? {
    guard let items = events[identifier] else { return "is not in the thing model" }
    return items.objection(to: value, "parameter", rules)
  }

  /// Why the platform may not call a service with such parameters; `nil` when it may.
  func objection(
    toService identifier: String,
    _ value: PlatformValue,
    _ rules: SimulatedModelRules
  ) -> String? {
    guard let items = inputs[identifier] else { return "is not in the thing model" }
    guard value.members != nil else { return "has parameters that are no object" }
    return items.objection(to: value, "parameter", rules)
  }

  private static func items(
    _ value: PlatformValue?,
    _ place: String
  ) throws(ThingModelError) -> ThingModelItems {
    // A console's model has the text "" where there is none.
    if value?.string == "" { return ThingModelItems() }
    guard let items = ThingModelItems(try list(value, place)) else {
      throw ThingModelError(
        reason: "\(place) has something without an identifier or with a dataType that is not known"
      )
    }
    return items
  }

  private static func types(
    _ value: PlatformValue?,
    _ place: String
  ) throws(ThingModelError) -> [String: ThingModelType] {
    var types: [String: ThingModelType] = [:]
    for element in try list(value, place) {
      guard let identifier = element["identifier"]?.string else {
        throw ThingModelError(reason: "something in \(place) has no identifier")
      }
      guard let type = ThingModelType(element["dataType"]) else {
        throw ThingModelError(reason: "\(identifier) in \(place) has a dataType that is not known")
      }
      types[identifier] = type
    }
    return types
  }

  /// The elements of an array that may be missing.
  private static func list(
    _ value: PlatformValue?,
    _ place: String
  ) throws(ThingModelError) -> [PlatformValue] {
    guard let value, value != .null else { return [] }
    guard let elements = value.elements else {
      throw ThingModelError(reason: "\(place) of the thing model has no array")
    }
    return elements
  }
}

/// Why a thing model cannot be used.
public struct ThingModelError: Error, Equatable, Sendable {
  /// What is wrong, in words.
  public let reason: String
}
