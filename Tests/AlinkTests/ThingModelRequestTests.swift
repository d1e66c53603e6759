// SPDX-License-Identifier: Apache-2.0
import Alink
import CBORPayload
import PayloadCoding
import TestSupport
import Testing

@Suite("Device guide 6.5 and 6.10: requests and the model")
struct ThingModelRequestTests {
  private static let structure = #"""
    {"type":"struct","specs":[
      {"identifier":"value","dataType":{"type":"int","specs":{"max":"9"}}},
      {"identifier":"unit","dataType":{"type":"text","specs":{"length":"8"}}}]}
    """#
  private static let nested = #"""
    {"type":"struct","specs":[{"identifier":"value","dataType":{"type":"struct","specs":[
      {"identifier":"a","dataType":{"type":"int"}}]}}]}
    """#

  private func request(_ params: String) -> String {
    #"{"id":"123","version":"1.0","params":\#(params),"method":"thing.event.property.post"}"#
  }

  /// The same from JSON and from CBOR, places apart.
  private func both(
    _ payload: String,
    _ model: String,
    _ subject: ThingModelSubject
  ) throws -> ThingModelError? {
    let json = modelError(payload, model, subject)
    let cbor = try modelErrorInCBOR(payload, model, subject)
    #expect((json == nil) == (cbor == nil), "\(payload)")
    #expect(brokenRule(json) == brokenRule(cbor), "\(payload)")
    return json
  }

  @Test func `the guide's array is taken up to its size`() throws {
    let items = [String](repeating: "7", count: 128).joined(separator: ",")
    let guide = ThingModelFixtures.guide
    let full = #"{"fan_array_property":{"value":[\#(items)],"time":1524448722000}}"#
    #expect(try both(request(full), guide, .propertyPost) == nil)
    #expect(try both(full, guide, .properties) == nil)
    let tooMany = #"{"fan_array_property":[\#(items),7]}"#
    #expect(brokenRule(try both(request(tooMany), guide, .propertyPost)) == .size)
    #expect(try both("{}", guide, .properties) == nil)
  }

  @Test func `the guide's alarm is taken, and others are not`() throws {
    let guide = ThingModelFixtures.guide
    let alarm = #"{"value":{"errorCode":"error"},"time":1524448722000}"#
    #expect(try both(request(alarm), guide, .event("alarm")) == nil)
    #expect(try both(alarm, guide, .eventParams("alarm")) == nil)
    #expect(try both(#"{"value":{"errorCode":""}}"#, guide, .eventParams("alarm")) == nil)
    #expect(try both(request(alarm), guide, .event("Alarm")) == .unknownEvent)
    #expect(try both(request(alarm), guide, .event("")) == .unknownEvent)
    let long = String(repeating: "e", count: 256)
    let tooLong = #"{"value":{"errorCode":"\#(long)"},"time":1}"#
    #expect(brokenRule(try both(tooLong, guide, .eventParams("alarm"))) == .length)
    let number = #"{"value":{"errorCode":1},"time":1}"#
    #expect(brokenRule(try both(number, guide, .eventParams("alarm"))) == .kind)
  }

  @Test(arguments: [
    (#"{"value":{},"time":1}"#, ThingModelError.missingMember(offset: 9, model: 732)),
    (#"{"time":1}"#, .missingValue(offset: 0)), ("{}", .missingValue(offset: 0)),
    (#"{"value":{"errorCode":"e","more":1}}"#, .unknownIdentifier(offset: 26)),
    (#"{"value":{"errorCode":"e"},"time":"1"}"#, .time(offset: 34)),
    (#"{"value":{"errorCode":"e"},"time":-1}"#, .time(offset: 34)),
    (#"{"value":{"errorCode":"e"},"time":1.5}"#, .time(offset: 34)),
    (#"{"value":{"errorCode":"e"},"when":1}"#, .unexpectedMember(offset: 27)),
    (#"{"value":{"errorCode":"e"},"value":1}"#, .unexpectedMember(offset: 27)),
    (#"{"value":{"errorCode":"e"},"time":1,"time":2}"#, .unexpectedMember(offset: 36)),
    (#"{"value":"e"}"#, .notARequest(offset: 9)), (#"["value"]"#, .notARequest(offset: 0)),
    (#"{"value":{"errorCode":"e""#, .unreadablePayload),
  ])
  func `an event that is not as the model has it is told apart`(
    params: String,
    expected: ThingModelError
  ) throws {
    let found = modelError(params, ThingModelFixtures.guide, .eventParams("alarm"))
    guard case .missingMember(let offset, let model)? = found,
      case .missingMember(let expectedOffset, _) = expected
    else { return #expect(found == expected) }
    #expect(offset == expectedOffset)
    let there = ThingModelFixtures.guide.utf8.dropFirst(model).prefix(26)
    #expect(String(Substring(there)) == #"{"identifier": "errorCode""#)
  }

  @Test(arguments: [
    ("", ThingModelError.unreadablePayload), ("[]", .notARequest(offset: 0)),
    ("{}", .notARequest(offset: 1)), (#"{"params":[]}"#, .notARequest(offset: 10)),
    (#"{"params":{},"params":{}}"#, .unexpectedMember(offset: 13)),
    (#"{"params":{}} x"#, .unreadablePayload), (#"{"params":{},"x":}"#, .unreadablePayload),
    (#"{"params":{"fan":1}}"#, .unknownIdentifier(offset: 11)),
    (#"{"params":{"fan_array_property":{"time":1}}}"#, .missingValue(offset: 32)),
    (#"{"params":{"fan_array_property":{"value":[],"unit":1}}}"#, .unexpectedMember(offset: 44)),
    (#"{"params":{"fan_array_property":{"value":[],"time":""}}}"#, .time(offset: 51)),
  ])
  func `a payload that is no report is told apart`(payload: String, expected: ThingModelError) {
    #expect(modelError(payload, ThingModelFixtures.guide, .propertyPost) == expected)
  }

  @Test(arguments: [
    #"{"p":{"unit":x"#, #"{"p":{"x":1,"value":"#, #"{"p":{"value":{"value":3},"time"}}"#,
  ])
  func `the reader of a payload that cannot be read says why again`(payload: String) throws {
    let bytes = Array(ThingModelFixtures.model(Self.structure).utf8)
    let model = try ThingModelView(bytes.span)
    let json = Array(payload.utf8)
    var reader = JSONReader(json.span)
    let found = modelError(&reader, model, .properties)
    #expect(found == .unreadablePayload)
    var again: JSONError?
    do throws(JSONError) { _ = try reader.nextToken() } catch { again = error }
    #expect(again != nil)
  }

  @Test func `a name is compared as it is meant, and one longer than any is unknown`() throws {
    let model = ThingModelFixtures.model(#"{"type":"int"}"#)
    #expect(modelError(#"{"\u0070":1}"#, model) == nil)
    let escaped = #"{"\u0070roperties":[{"identifier":"\u0070","dataType":{"type":"int"}}]}"#
    #expect(modelError(#"{"p":1}"#, escaped) == nil)
    let long = String(repeating: "p", count: 65)
    #expect(try both(#"{"\#(long)":1}"#, model, .properties) == .unknownIdentifier(offset: 1))
    // {(_ "p"): 1}
    let payload = hex("a1 7f 6170 ff 01")
    let bytes = Array(model.utf8)
    let view = try ThingModelView(bytes.span)
    var reader = CBORReader(payload.span)
    #expect(modelError(&reader, view, .properties) == nil)
  }

  @Test(arguments: [
    // Plain, because `value` is a number in the model.
    (structure, #"{"value":3,"unit":"V"}"#, true), (structure, #"{"value":3}"#, true),
    (structure, #"{"value":10}"#, false), (structure, #"{"value":3,"time":1}"#, false),
    // With a time, because an object is no number.
    (structure, #"{"value":{"value":3},"time":1}"#, true), (structure, #"{"value":{}}"#, true),
    (structure, #"{"value":{"value":10},"time":1}"#, false),
    (structure, #"{"value":{"value":3},"unit":"V"}"#, false),
    // Plain, because both could be objects.
    (nested, #"{"value":{"a":1}}"#, true), (nested, #"{"value":{"value":{"a":1}}}"#, false),
  ])
  func `a struct with a member called value is told from a value with a time by the model`(
    type: String,
    value: String,
    isFine: Bool
  ) throws {
    let found = try both(#"{"p":\#(value)}"#, ThingModelFixtures.model(type), .properties)
    #expect((found == nil) == isFine)
  }

  @Test func `accessMode says which way a property goes`() throws {
    let both = ThingModelFixtures.model(#"{"type":"int"}"#, access: "rw")
    let reported = ThingModelFixtures.model(#"{"type":"int"}"#, access: "r")
    let set = ThingModelFixtures.model(#"{"type":"int"}"#, access: "w")
    let payload = request(#"{"p":1}"#)
    #expect(modelError(payload, both, .propertyPost) == nil)
    #expect(modelError(payload, both, .propertySet) == nil)
    #expect(modelError(payload, reported, .propertyPost) == nil)
    #expect(modelError(payload, reported, .propertySet) == .readOnly(offset: 38))
    #expect(modelError(payload, set, .propertyPost) == .writeOnly(offset: 38))
    #expect(modelError(payload, set, .propertySet) == nil)
    // What is set has no time.
    let timed = request(#"{"p":{"value":1}}"#)
    #expect(brokenRule(modelError(timed, both, .propertySet)) == .kind)
  }

  @Test func `a service's answer is checked against its outputData`() throws {
    let guide = ThingModelFixtures.guide
    let answer = #"{"id":"1","code":200,"data":{"curTime":"1536228947682"}}"#
    #expect(try both(answer, guide, .service("timeReset")) == nil)
    #expect(try both(answer, guide, .service("timereset")) == .unknownService)
    let zone = #"{"id":"1","code":200,"data":{"timeZone":"UTC"}}"#
    #expect(modelError(zone, guide, .service("timeReset")) == .unknownIdentifier(offset: 29))
    #expect(modelError(#"{"code":200,"data":{}}"#, guide, .service("set")) == nil)
    #expect(modelError(#"{"code":200}"#, guide, .service("set")) == .notARequest(offset: 11))
    let listed = #"{"code":200,"data":{"fan_array_property":[]}}"#
    #expect(modelError(listed, guide, .service("get")) == .unknownIdentifier(offset: 20))
  }

  /// Device guide 6.5: the call sends 100.8 and the answer has 100.101 where the step is 1.
  @Test func `the guide's own SetWeight is off its step`() {
    let model = #"""
      {"services":[{"identifier":"SetWeight","outputData":[
        {"identifier":"OldWeight","dataType":{"specs":{"unit":"kg","min":"0","max":"200",
          "step":"1"},"type":"double"}},
        {"identifier":"CollectTime","dataType":{"specs":{"length":"2048"},"type":"text"}}]}]}
      """#
    let answer =
      #"{"id":"105917531","code":200,"data":{"CollectTime":"1536228947682","OldWeight":100.101}}"#
    #expect(brokenRule(modelError(answer, model, .service("SetWeight"))) == .step)
    #expect(modelError(answer, model, .service("SetWeight"), rules: ThingModelRules()) == nil)
  }

  @Test func `every error and rule has words of its own`() {
    let rules: [ThingModelRule] = [
      .kind, .range, .step, .length, .size, .enumeration, .date, .type,
    ]
    let errors: [ThingModelError] =
      [
        .modelNotJSON(.truncated), .modelShape(offset: 1), .unreadablePayload,
        .notARequest(offset: 1), .unknownEvent, .unknownService, .unknownIdentifier(offset: 1),
        .unlistedIdentifier(offset: 1),
        .writeOnly(offset: 1), .readOnly(offset: 1), .missingValue(offset: 1),
        .unexpectedMember(offset: 1), .time(offset: 1), .missingMember(offset: 1, model: 2),
      ] + rules.map { .value($0, offset: 1, model: 2) }
    #expect(Set(errors.map(\.description)).count == 22)
    #expect(
      "\(ThingModelError.value(.range, offset: 12, model: 345))"
        == "the value at byte 12 lies outside of min and max or of its type; send a number within "
        + "(the model's byte 345)"
    )
  }
}
