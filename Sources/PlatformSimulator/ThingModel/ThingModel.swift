/// A product's thing model (TSL): what its properties and events may hold (device guide 6.5 and 6.10).
public struct ThingModel: Sendable {
  /// The model as it was given, for `thing.dsltemplate.get`.
  public let definition: PlatformValue

  private let properties: [String: ThingModelType]
  private let events: [String: [String: ThingModelType]]

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
    var events: [String: [String: ThingModelType]] = [:]
    for event in try Self.list(definition["events"], "events") {
      guard let identifier = event["identifier"]?.string else {
        throw ThingModelError(reason: "an event has no identifier")
      }
      // The event `post` of a console's model stands for the report of properties.
      events[identifier] = try Self.types(event["outputData"], "the event \(identifier)")
    }
    self.events = events
  }

  /// Why a property may not have a value; `nil` when it may.
  func objection(toProperty identifier: String, _ value: PlatformValue) -> String? {
    guard let type = properties[identifier] else { return "is not in the thing model" }
    return type.objection(to: value)
  }

  /// Why an event may not have such output parameters; `nil` when it may.
  func objection(toEvent identifier: String, _ value: PlatformValue) -> String? {
    guard let parameters = events[identifier] else { return "is not in the thing model" }
    for member in value.members ?? [] {
      guard let type = parameters[member.name] else {
        return "has no parameter \(member.name) in the thing model"
      }
      if let objection = type.objection(to: member.value) {
        return "has a parameter \(member.name) that \(objection)"
      }
    }
    return nil
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
