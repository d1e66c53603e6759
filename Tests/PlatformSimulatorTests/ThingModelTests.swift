// SPDX-License-Identifier: Apache-2.0
import PayloadValues
import PlatformCore
import PlatformSimulator
import TestSupport
import Testing

@Suite("Device guide 6.5 and 6.10: the thing model")
struct ThingModelTests {
  /// The types of the guide's example, and the three others of the console.
  static let model = """
    {"schema":"https://s","profile":{"productKey":"pk"},"properties":[
    {"identifier":"level","dataType":{"type":"int","specs":{"min":"0","max":"100","step":"1"}}},
    {"identifier":"tens","dataType":{"type":"int","specs":{"min":"-5","max":"95","step":"10"}}},
    {"identifier":"any","dataType":{"type":"int"}},
    {"identifier":"weight","dataType":{"type":"double","specs":{"min":"0","max":"200","step":"1"}}},
    {"identifier":"ratio","dataType":{"type":"float","specs":{"min":-1,"max":1}}},
    {"identifier":"name","dataType":{"type":"text","specs":{"length":"4"}}},
    {"identifier":"day","dataType":{"type":"date","specs":{}}},
    {"identifier":"on","dataType":{"type":"bool","specs":{"0":"off","1":"on"}}},
    {"identifier":"mode","dataType":{"type":"enum","specs":{"0":"a","3":"b"}}},
    {"identifier":"list","dataType":{"type":"array","specs":{"size":"2","item":{"type":"int"}}}},
    {"identifier":"pair","dataType":{"type":"struct","specs":[
      {"identifier":"x","dataType":{"type":"int"}},{"identifier":"t","dataType":{"type":"text"}}]}}],
    "events":[{"identifier":"alarm","outputData":[
      {"identifier":"errorCode","dataType":{"type":"text","specs":{"length":"5"}}}]}],
    "services":[]}
    """

  static func bench() throws -> ThingBench {
    var product = SimulatedProduct(key: "pk")
    product.thingModel = try ProductModel(json: Array(model.utf8))
    return try ThingBench { $0.products = [product] }
  }

  @Test(arguments: [
    ("level", "0", true), ("level", "100", true), ("level", "101", false), ("level", "-1", false),
    ("level", "1.5", false), ("level", "\"1\"", false), ("any", "2147483647", true),
    ("any", "2147483648", false), ("tens", "15", true), ("tens", "20", true),
    ("weight", "100.8", true), ("weight", "100", true), ("weight", "200.1", false),
    ("weight", "\"1\"", false), ("ratio", "-0.5", true), ("ratio", "-2", false),
    ("name", "\"abcd\"", true), ("name", "\"abcde\"", false), ("name", "1", false),
    ("day", "\"1524448722000\"", true), ("day", "1524448722000", false), ("day", "\"x\"", false),
    ("on", "1", true), ("on", "2", false), ("on", "true", false), ("mode", "3", true),
    ("mode", "1", false), ("mode", "\"3\"", false), ("list", "[1,2]", true),
    ("list", "[1,2,3]", false), ("list", "[1.5]", false), ("list", "1", false),
    ("pair", #"{"x":1,"t":"a"}"#, true), ("pair", #"{"x":"a"}"#, false),
    ("pair", #"{"z":1}"#, false), ("pair", "[]", false), ("other", "1", false),
    ("any", "null", false),
  ])
  func `what a property may not hold is left out in silence`(
    name: String,
    value: String,
    isGood: Bool
  ) throws {
    var bench = try Self.bench()
    let answer = try bench.call(
      "thing.event.property.post",
      #"{"\#(name)":{"value":\#(value)}}"#
    )
    #expect(answer.code == 200)
    #expect(answer.data == [:])
    #expect(try bench.state.properties.keys.sorted() == (isGood ? [name] : []))
    #expect(answer.record.note.contains(name) == !isGood)
  }

  @Test(arguments: [
    ("alarm", #"{"errorCode":"error"}"#, true), ("alarm", "{}", true),
    ("alarm", #"{"errorCode":"errors"}"#, false), ("alarm", #"{"other":1}"#, false),
    ("none", "{}", false),
  ])
  func `an event that the model does not allow is refused`(
    name: String,
    value: String,
    isGood: Bool
  ) throws {
    var bench = try Self.bench()
    let answer = try bench.call("thing.event.\(name).post", #"{"value":\#(value),"time":1}"#)
    #expect(answer.code == (isGood ? 200 : 460))
    #expect(try bench.state.events.count == (isGood ? 1 : 0))
  }

  @Test(arguments: [
    ("tens", "20", false), ("tens", "15", true), ("level", "7", true), ("weight", "100.8", false),
    ("weight", "100", true), ("name", "\"温温温温\"", true), ("name", "\"温温温温温\"", false),
    ("list", "[1]", false), ("list", "[1,2]", true),
  ])
  func `steps, characters and whole arrays are checked where they are asked for`(
    name: String,
    value: String,
    isGood: Bool
  ) throws {
    var product = SimulatedProduct(key: "pk")
    product.thingModel = try ProductModel(json: Array(Self.model.utf8))
    var bench = try ThingBench {
      $0.products = [product]
      $0.modelRules.checksSteps = true
      $0.modelRules.textLength = .characters
      $0.modelRules.needsWholeArrays = true
    }
    let parameters = #"{"\#(name)":{"value":\#(value)}}"#
    _ = try bench.call("thing.event.property.post", parameters)
    #expect(try bench.state.properties.keys.sorted() == (isGood ? [name] : []))
  }

  /// The device's rule and wording: a member with `"required":true` must be present.
  private static let required = #"""
    {"events":[{"identifier":"alarm","outputData":[
      {"identifier":"a","required":true,"dataType":{"type":"int"}},
      {"identifier":"b","required":false,"dataType":{"type":"int"}},
      {"identifier":"s","dataType":{"type":"struct","specs":[
        {"identifier":"x","required":true,"dataType":{"type":"int"}}]}}]}],
    "services":[{"identifier":"SetWeight","inputData":[
      {"identifier":"NewWeight","required":true,"dataType":{"type":"double","specs":{"max":"200"}}}],
      "outputData":""},{"identifier":"Reset","inputData":""}]}
    """#

  @Test(arguments: [
    (#"{"a":1}"#, true), (#"{"a":1,"b":2}"#, true), (#"{"b":2}"#, false), ("{}", false),
    (#"{"a":1,"s":{"x":1}}"#, true), (#"{"a":1,"s":{}}"#, false),
  ])
  func `an event lacks nothing that the model requires`(value: String, isGood: Bool) throws {
    var product = SimulatedProduct(key: "pk")
    product.thingModel = try ProductModel(json: Array(Self.required.utf8))
    var bench = try ThingBench { $0.products = [product] }
    let answer = try bench.call("thing.event.alarm.post", #"{"value":\#(value)}"#)
    #expect(answer.code == (isGood ? 200 : 460))
    #expect(answer.record.note.contains("requires") == !isGood)
  }

  @Test(
    arguments: [
      ("thing.service.SetWeight", ["NewWeight": 100.8], true),
      ("thing.service.SetWeight", ["NewWeight": 200.5], false),
      ("thing.service.SetWeight", ["NewWeight": "1"], false),
      ("thing.service.SetWeight", [:], false),
      ("thing.service.SetWeight", ["NewWeight": 1, "x": 1], false),
      ("thing.service.SetWeight", [], false), ("thing.service.Reset", [:], true),
      ("thing.service.Reset", ["x": 1], false), ("thing.service.Other", [:], false),
      ("thing.service.property.set", ["x": 1], true), ("thing.disable", [:], true),
    ] as [(String, PayloadValue, Bool)]
  )
  func `a service is called with what its inputData allows`(
    method: String,
    parameters: PayloadValue,
    isGood: Bool
  ) throws {
    var product = SimulatedProduct(key: "pk")
    product.thingModel = try ProductModel(json: Array(Self.required.utf8))
    var bench = try ThingBench { $0.products = [product] }
    let isCalled = bench.bench.platform.things.call(
      method,
      parameters,
      productKey: "pk",
      deviceName: "device"
    )
    #expect(isCalled == isGood)
    #expect(try bench.state.downlink.count == (isGood ? 1 : 0))
  }

  @Test(arguments: [
    "", "[]", #"{"properties":{}}"#, #"{"properties":[{}]}"#,
    #"{"properties":[{"identifier":"a"}]}"#,
    #"{"properties":[{"identifier":"a","dataType":{"type":"none"}}]}"#,
    #"{"properties":[{"identifier":"a","dataType":{"type":"array","specs":{}}}]}"#,
    #"{"properties":[{"identifier":"a","dataType":{"type":"struct","specs":[{}]}}]}"#,
    #"{"events":[{}]}"#, #"{"services":[{}]}"#,
    #"{"services":[{"identifier":"s","inputData":[{}]}]}"#,
  ])
  func `a broken model says what is wrong`(text: String) {
    #expect {
      try ProductModel(json: Array(text.utf8))
    } throws: { error in
      guard let error = error as? ProductModelError else { return false }
      return !error.reason.isEmpty
    }
  }
}
