import PlatformSimulator
import TestSupport
import Testing

@Suite("Device guide 6.5 and 6.10: the thing model")
struct ThingModelTests {
  /// Types as the guide's example has them, and the three that the console has besides.
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
    product.thingModel = try ThingModel(json: Array(model.utf8))
    return try ThingBench { $0.products = [product] }
  }

  @Test(arguments: [
    ("level", "0", true), ("level", "100", true), ("level", "101", false), ("level", "-1", false),
    ("level", "1.5", false), ("level", "\"1\"", false), ("any", "2147483647", true),
    ("any", "2147483648", false), ("tens", "15", true), ("tens", "20", false),
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
    "", "[]", #"{"properties":{}}"#, #"{"properties":[{}]}"#,
    #"{"properties":[{"identifier":"a"}]}"#,
    #"{"properties":[{"identifier":"a","dataType":{"type":"none"}}]}"#,
    #"{"properties":[{"identifier":"a","dataType":{"type":"array","specs":{}}}]}"#,
    #"{"properties":[{"identifier":"a","dataType":{"type":"struct","specs":[{}]}}]}"#,
    #"{"events":[{}]}"#,
  ])
  func `a broken model says what is wrong`(text: String) {
    #expect(throws: ThingModelError.self) { try ThingModel(json: Array(text.utf8)) }
  }
}
