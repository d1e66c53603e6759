// SPDX-License-Identifier: Apache-2.0
import Alink
import CBORPayload
import PayloadCoding
import TestSupport
import Testing

@Suite("Device guide 6.10: values and their data types")
struct ThingModelValueTests {
  private static let int = #"{"type":"int","specs":{"min":"-20","max":"100","step":"5"}}"#
  private static let double = #"{"type":"double","specs":{"min":"-40.5","max":"125","step":"0.1"}}"#
  private static let float = #"{"type":"float","specs":{"min":"0","max":"100.1","step":"0.1"}}"#
  private static let numbers = #"{"type":"int","specs":{"min":-20,"max":1E2,"step":5}}"#
  private static let free = #"{"type":"double","specs":{"min":"","unit":""}}"#
  private static let enumeration = #"{"type":"enum","specs":{"0":"off","1":"on","-7":"lost"}}"#
  private static let text = #"{"type":"text","specs":{"length":"5"}}"#
  private static let array =
    #"{"type":"array","specs":{"size":"2","item":{"type":"int","specs":{"max":"9"}}}}"#
  private static let structure = #"""
    {"type":"struct","specs":[
      {"identifier":"lon","dataType":{"type":"double","specs":{"min":"-180","max":"180"}}},
      {"identifier":"on","dataType":{"type":"bool","specs":{}}}]}
    """#
  private static let structures = #"{"type":"array","specs":{"item":\#(structure)}}"#

  /// Each value with the rule that it breaks, in JSON and in CBOR.
  static let cases: [(type: String, value: String, rule: ThingModelRule?)] = [
    (int, "-20", nil), (int, "100", nil), (int, "0", nil), (int, "-21", .range),
    (int, "101", .range), (int, "3", .step), (int, "-19", .step), (int, "1.5", .kind),
    (int, #""5""#, .kind), (int, "true", .kind), (int, "null", .kind), (int, "[5]", .kind),
    (numbers, "-20", nil), (numbers, "100", nil), (numbers, "105", .range), (numbers, "1", .step),
    // 32 bits.
    (#"{"type":"int"}"#, "2147483647", nil), (#"{"type":"int"}"#, "-2147483648", nil),
    (#"{"type":"int"}"#, "2147483648", .range), (#"{"type":"int"}"#, "-2147483649", .range),
    (#"{"type":"int"}"#, "18446744073709551615", .range),
    // Decimals, not binary fractions.
    (double, "21.3", nil), (double, "-40.5", nil), (double, "-40.4", nil), (double, "125", nil),
    (double, "0.3", nil), (double, "0.30000000000000004", .step), (double, "21.35", .step),
    (double, "-40.6", .range), (double, "125.1", .range), (double, "1e300", .range),
    (double, "21", nil), (double, #""21.3""#, .kind), (double, "false", .kind),
    (free, "1.7976931348623157e308", nil), (free, "-5e-324", nil),
    (free, "18446744073709551615", nil), (free, "0.0", nil),
    (#"{"type":"double","specs":{"step":"1e-330"}}"#, "1.7976931348623157e308", nil),
    (#"{"type":"double","specs":{"step":"3e-330"}}"#, "1e308", .step),
    (#"{"type":"double","specs":{"step":"0"}}"#, "1.23", nil),
    // From the minimum, not from 0.
    (#"{"type":"int","specs":{"min":"5","step":"10"}}"#, "25", nil),
    (#"{"type":"int","specs":{"min":"5","step":"10"}}"#, "20", .step),
    (#"{"type":"int","specs":{"step":"10"}}"#, "-20", nil),
    (float, "100.1", nil), (float, "100.2", .range), (float, "0.1", nil), (float, "0.15", .step),
    (#"{"type":"float"}"#, "3.4028234e38", nil), (#"{"type":"float"}"#, "3.5e38", .range),
    (#"{"type":"float"}"#, "7", nil),
    (#"{"type":"bool","specs":{"0":"off","1":"on"}}"#, "0", nil), (#"{"type":"bool"}"#, "1", nil),
    (#"{"type":"bool"}"#, "2", .range), (#"{"type":"bool"}"#, "-1", .range),
    (#"{"type":"bool"}"#, "true", .kind), (#"{"type":"bool"}"#, #""1""#, .kind),
    (enumeration, "0", nil), (enumeration, "1", nil), (enumeration, "-7", nil),
    (enumeration, "2", .enumeration), (enumeration, "7", .enumeration),
    (enumeration, #""on""#, .kind), (enumeration, #""1""#, .kind), (enumeration, "0.5", .kind),
    (text, #""12345""#, nil), (text, #""""#, nil), (text, #""123456""#, .length),
    // Bytes: two characters of two bytes and one, and then one of two more.
    (text, #""üüx""#, nil), (text, #""\u00fc\u00fcx""#, nil), (text, #""üüü""#, .length),
    (text, "5", .kind), (text, "null", .kind),
    (#"{"type":"text","specs":{}}"#, #""long enough""#, nil),
    (#"{"type":"date","specs":{}}"#, #""1524448722000""#, nil), (#"{"type":"date"}"#, #""0""#, nil),
    (#"{"type":"date"}"#, #""9223372036854775807""#, nil),
    (#"{"type":"date"}"#, #""9223372036854775808""#, .date),
    (#"{"type":"date"}"#, #""""#, .date), (#"{"type":"date"}"#, #""-1""#, .date),
    (#"{"type":"date"}"#, #""00000000000000000001""#, .date),
    (#"{"type":"date"}"#, #""2018-04-23""#, .date), (#"{"type":"date"}"#, "1524448722000", .kind),
    (array, "[]", nil), (array, "[1,2]", nil), (array, "[1,2,3]", .size), (array, "[10]", .range),
    (array, #"["1"]"#, .kind), (array, "1", .kind), (array, "[[1]]", .kind),
    (structure, #"{"lon":-180,"on":1}"#, nil), (structure, "{}", nil),
    (structure, #"{"lon":180.5}"#, .range), (structure, #"{"on":true}"#, .kind),
    (structure, "1", .kind), (structure, "[]", .kind),
    (structures, #"[{"on":1},{}]"#, nil), (structures, #"[{"on":1},{"on":2}]"#, .range),
    (structures, "[1]", .kind), (#"{"type":"geo","specs":{}}"#, "1", .type),
  ]

  @Test(arguments: cases)
  func `a value is taken, or the rule that it breaks is named, in both formats`(
    type: String,
    value: String,
    expected: ThingModelRule?
  ) throws {
    let model = ThingModelFixtures.model(type)
    let payload = #"{"other":1,"p":\#(value)}"#
    let timed = #"{"p":{"time":1524448722000,"value":\#(value)}}"#
    for text in [payload, timed] {
      let json = modelError(text, model)
      let cbor = try modelErrorInCBOR(text, model)
      #expect(brokenRule(json) == expected, "\(text)")
      #expect(brokenRule(cbor) == expected, "\(text)")
      #expect((json == nil) == (expected == nil))
      #expect((cbor == nil) == (expected == nil))
    }
  }

  /// The Float nearest to 21.3, as a device with a Float would send it.
  @Test func `a single-precision number is the decimal that its digits give`() throws {
    let payload = hex("a1 6170 fa41aa6666")
    let bytes = Array(ThingModelFixtures.model(Self.float).utf8)
    let model = try ThingModelView(bytes.span)
    var reader = CBORReader(payload.span)
    let found = modelError(&reader, model, .properties)
    #expect(found == nil)
    // A double has more digits than that.
    let doubles = Array(ThingModelFixtures.model(Self.double).utf8)
    let other = try ThingModelView(doubles.span, rules: .withSteps)
    var again = CBORReader(payload.span)
    let error = modelError(&again, other, .properties)
    #expect(brokenRule(error) == .step)
  }

  @Test(arguments: ["f97c00", "f97e00", "40", "f7"])
  func `infinity, NaN, bytes and undefined are no numbers`(value: String) throws {
    let payload = hex("a1 6170" + value)
    for type in [Self.int, Self.double, Self.float, Self.text, Self.array, Self.structure] {
      let bytes = Array(ThingModelFixtures.model(type).utf8)
      let model = try ThingModelView(bytes.span)
      var reader = CBORReader(payload.span)
      let error = modelError(&reader, model, .properties)
      #expect(brokenRule(error) == .kind)
    }
  }

  @Test func `steps are checked where they are asked for`() {
    let model = ThingModelFixtures.model(Self.int)
    #expect(brokenRule(modelError(#"{"p":3}"#, model)) == .step)
    #expect(modelError(#"{"p":3}"#, model, rules: ThingModelRules()) == nil)
    #expect(brokenRule(modelError(#"{"p":101}"#, model, rules: ThingModelRules())) == .range)
  }

  @Test func `the error tells the value's place and the data type's`() {
    let model = ThingModelFixtures.model(Self.int)
    let type = model.utf8.count - Self.int.utf8.count - 3
    #expect(modelError(#"{"p": 101}"#, model) == .value(.range, offset: 6, model: type))
    #expect(modelError(#"{"p":{"value":3}}"#, model) == .value(.step, offset: 14, model: type))
    let array = ThingModelFixtures.model(Self.array)
    let place = array.utf8.count - Self.array.utf8.count - 3
    #expect(modelError(#"{"p":[1,2,33]}"#, array) == .value(.size, offset: 10, model: place))
  }
}
