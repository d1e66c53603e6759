// SPDX-License-Identifier: Apache-2.0
import Alink
import CBORPayload
import ConstrainedCore
import PayloadCoding

/// Where the models of these tests come from.
enum ThingModelFixtures {
  /// The TSL file of device guide 6.10, without its Chinese names.
  ///
  /// The guide's copy ends within the third
  /// service: that is closed here as the platform's service that reads properties, with the texts that it
  /// lists for its input. The event's members `required` is an addition, too.
  static let guide = #"""
    {
      "schema": "https://iot-tsl.oss-cn-shanghai.aliyuncs.com/schema.json",
      "link": "/sys/123456554/airCondition/thing/",
      "profile": {"productKey": "123456554", "deviceName": "airCondition"},
      "properties": [
        {"identifier": "fan_array_property", "name": "fan", "accessMode": "r", "required": true,
          "dataType": {"type": "array", "specs": {"size": "128", "item": {"type": "int"}}}}
      ],
      "events": [
        {"identifier": "alarm", "name": "alarm", "desc": "fan alarm", "type": "alert",
          "required": true,
          "outputData": [
            {"identifier": "errorCode", "name": "code", "required": true,
              "dataType": {"type": "text", "specs": {"length": "255"}}}
          ],
          "method": "thing.event.alarm.post"}
      ],
      "services": [
        {"identifier": "timeReset", "name": "timeReset", "desc": "set the time",
          "inputData": [
            {"identifier": "timeZone", "name": "zone",
              "dataType": {"type": "text", "specs": {"length": "512"}}}
          ],
          "outputData": [
            {"identifier": "curTime", "name": "now", "dataType": {"type": "date", "specs": {}}}
          ],
          "method": "thing.service.timeReset"},
        {"identifier": "set", "name": "set", "required": true, "desc": "set properties",
          "method": "thing.service.property.set",
          "inputData": [
            {"identifier": "fan_int_property", "name": "fan", "accessMode": "rw", "required": true,
              "dataType": {"type": "int",
                "specs": {"min": "0", "max": "100", "unit": "g/ml", "unitName": "ml"}}}
          ],
          "outputData": []},
        {"identifier": "get", "name": "get", "required": true, "desc": "read properties",
          "method": "thing.service.property.get",
          "inputData": ["fan_array_property"],
          "outputData": ["fan_array_property"]}
      ]
    }
    """#

  /// A property of each type, `p` its identifier.
  static func model(_ dataType: String, access: String = "rw") -> String {
    #"{"properties":[{"identifier":"other","dataType":{"type":"bool","specs":{}}},"#
      + #"{"identifier":"p","accessMode":"\#(access)","dataType":\#(dataType)}]}"#
  }

  /// JSON as CBOR.
  static func cbor(_ json: [UInt8]) throws -> [UInt8] {
    var reader = JSONReader(json.span)
    var buffer = [UInt8](repeating: 0xA5, count: json.count + 64)
    var scratch = [UInt8](repeating: 0xA5, count: json.count)
    var writer = CBORWriter(buffer.mutableSpan)
    while let token = try reader.nextToken() {
      try writer.write(token, from: reader, scratch: scratch.mutableSpan)
    }
    let count = writer.count
    return Array(buffer[..<count])
  }
}

/// What is checked, and by which call.
enum ThingModelSubject: Sendable {
  case propertyPost, propertySet, properties
  case event(String), eventParams(String), service(String), call(String)
  case propertyGet, pack, packOf(String)
}

/// What the model says to a payload; `nil` when nothing is wrong.
func modelError<Reader: PayloadReader & ~Escapable>(
  _ reader: inout Reader,
  _ model: borrowing ThingModelView,
  _ subject: ThingModelSubject
) -> ThingModelError? {
  do throws(ThingModelError) {
    switch subject {
    case .propertyPost: try model.check(propertyPost: &reader)
    case .propertySet: try model.check(propertySet: &reader)
    case .properties: try model.check(properties: &reader)
    case .event(let name):
      let identifier = Array(name.utf8)
      try model.check(event: identifier.span, post: &reader)
    case .eventParams(let name):
      let identifier = Array(name.utf8)
      try model.check(event: identifier.span, params: &reader)
    case .service(let name):
      let identifier = Array(name.utf8)
      try model.check(service: identifier.span, reply: &reader)
    case .call(let name):
      let identifier = Array(name.utf8)
      try model.check(service: identifier.span, call: &reader)
    case .propertyGet: try model.check(propertyGet: &reader)
    case .pack: try model.check(packPost: &reader)
    case .packOf(let product):
      let productKey = Array(product.utf8)
      try model.check(packPost: &reader, ofSubDevicesOf: productKey.span)
    }
    return nil
  } catch {
    return error
  }
}

/// What the model in a text says to a payload in JSON.
func modelError(
  _ payload: String,
  _ model: String,
  _ subject: ThingModelSubject = .properties,
  rules: ThingModelRules = .withSteps
) -> ThingModelError? {
  let bytes = Array(model.utf8)
  let json = Array(payload.utf8)
  do throws(ThingModelError) {
    let view = try ThingModelView(bytes.span, rules: rules)
    var reader = JSONReader(json.span)
    return modelError(&reader, view, subject)
  } catch {
    return error
  }
}

/// What the model in a text says to the CBOR that means the same as a payload in JSON.
func modelErrorInCBOR(
  _ payload: String,
  _ model: String,
  _ subject: ThingModelSubject = .properties,
  rules: ThingModelRules = .withSteps
) throws -> ThingModelError? {
  let bytes = Array(model.utf8)
  let item = try ThingModelFixtures.cbor(Array(payload.utf8))
  do throws(ThingModelError) {
    let view = try ThingModelView(bytes.span, rules: rules)
    var reader = CBORReader(item.span)
    return modelError(&reader, view, subject)
  } catch {
    return error
  }
}

extension ThingModelRules {
  /// The usual rules, and steps.
  static var withSteps: ThingModelRules {
    var rules = ThingModelRules()
    rules.checksSteps = true
    return rules
  }
}

/// The rule that an error names, without its places.
func brokenRule(_ error: ThingModelError?) -> ThingModelRule? {
  if case .value(let rule, _, _)? = error { rule } else { nil }
}
