// SPDX-License-Identifier: Apache-2.0
public import PayloadValues

/// A product's thing model (TSL): the allowed values of its properties, events and services (device
/// guide 6.5 and 6.10).
public struct ProductModel: Sendable {
  /// The original model, for `thing.dsltemplate.get`.
  public let definition: PayloadValue

  private let properties: [String: ProductModelType]
  private let events: [String: ProductModelItems]
  /// The input of services called by the platform.
  private let inputs: [String: ProductModelItems]

  /// Parses a model from JSON exported by the console; throws a sentence about the error.
  public init(json: [UInt8]) throws(ProductModelError) {
    guard let value = PayloadValue(json, .json) else {
      throw ProductModelError(reason: "the thing model is not JSON")
    }
    try self.init(value)
  }

  /// Parses a model from a value; throws a sentence about the error.
  public init(_ definition: PayloadValue) throws(ProductModelError) {
    guard definition.members != nil else {
      throw ProductModelError(reason: "the thing model is no object")
    }
    self.definition = definition
    properties = try Self.types(definition["properties"], "properties")
    var events: [String: ProductModelItems] = [:]
    for event in try Self.list(definition["events"], "events") {
      guard let identifier = event["identifier"]?.string else {
        throw ProductModelError(reason: "an event has no identifier")
      }
      // The event `post` in a console's model stands for the report of properties.
      events[identifier] = try Self.items(event["outputData"], "the event \(identifier)")
    }
    self.events = events
    var inputs: [String: ProductModelItems] = [:]
    for service in try Self.list(definition["services"], "services") {
      guard let identifier = service["identifier"]?.string else {
        throw ProductModelError(reason: "a service has no identifier")
      }
      inputs[identifier] = try Self.items(service["inputData"], "the service \(identifier)")
    }
    self.inputs = inputs
  }

  /// Whether the model has a service with that identifier.
  func hasService(_ identifier: String) -> Bool { inputs[identifier] != nil }

  /// Why a property must not have a value; `nil` if it may.
  func objection(
    toProperty identifier: String,
    _ value: PayloadValue,
    _ rules: SimulatedModelRules
  ) -> String? {
    guard let type = properties[identifier] else { return "is not in the thing model" }
    return type.objection(to: value, rules)
  }

  /// Why an event must not have these output parameters; `nil` if it may.
  func objection(
    toEvent identifier: String,
    _ value: PayloadValue,
    _ rules: SimulatedModelRules
  ) -> String? {
    guard let items = events[identifier] else { return "is not in the thing model" }
    return items.objection(to: value, "parameter", rules)
  }

  /// Why the platform must not call a service with these parameters; `nil` if it may.
  func objection(
    toService identifier: String,
    _ value: PayloadValue,
    _ rules: SimulatedModelRules
  ) -> String? {
    guard let items = inputs[identifier] else { return "is not in the thing model" }
    guard value.members != nil else { return "has parameters that are no object" }
    return items.objection(to: value, "parameter", rules)
  }

  private static func items(
    _ value: PayloadValue?,
    _ place: String
  ) throws(ProductModelError) -> ProductModelItems {
    // A console's model has the text "" for an empty list.
    if value?.string == "" { return ProductModelItems() }
    guard let items = ProductModelItems(try list(value, place)) else {
      throw ProductModelError(
        reason: "\(place) has something without an identifier or with a dataType that is not known"
      )
    }
    return items
  }

  private static func types(
    _ value: PayloadValue?,
    _ place: String
  ) throws(ProductModelError) -> [String: ProductModelType] {
    var types: [String: ProductModelType] = [:]
    for element in try list(value, place) {
      guard let identifier = element["identifier"]?.string else {
        throw ProductModelError(reason: "something in \(place) has no identifier")
      }
      guard let type = ProductModelType(element["dataType"]) else {
        throw ProductModelError(
          reason: "\(identifier) in \(place) has a dataType that is not known"
        )
      }
      types[identifier] = type
    }
    return types
  }

  /// The elements of an optional array.
  private static func list(
    _ value: PayloadValue?,
    _ place: String
  ) throws(ProductModelError) -> [PayloadValue] {
    guard let value, value != .null else { return [] }
    guard let elements = value.elements else {
      throw ProductModelError(reason: "\(place) of the thing model has no array")
    }
    return elements
  }
}

/// Why a thing model cannot be used.
public struct ProductModelError: Error, Equatable, Sendable {
  /// A description of the error.
  public let reason: String
}
