// SPDX-License-Identifier: Apache-2.0
import Alink
import CBORPayload
import PayloadCoding
import TestSupport
import Testing

@Suite("Device guide 6.10: the TSL file")
struct ThingModelViewTests {
  private func error(_ text: String) -> ThingModelError? {
    let bytes = Array(text.utf8)
    do throws(ThingModelError) {
      _ = try ThingModelView(bytes.span)
      return nil
    } catch {
      return error
    }
  }

  @Test(arguments: [
    "{}", ThingModelFixtures.guide, #"{"properties":[],"events":[],"services":[]}"#,
    #"{"properties":null,"x":[1]}"#,
    #"{"properties":[{"identifier":"p","dataType":{"type":"new","specs":7}}]}"#,
    #"{"properties":[{"identifier":"p","dataType":{"type":"int","specs":null}}]}"#,
    #"{"events":[{"identifier":"e"}],"services":[{"identifier":"s","inputData":""}]}"#,
    #"{"properties":[{"identifier":"p","dataType":{"type":"int","specs":{"min":"-1.5e-3"}}}]}"#,
  ])
  func `a model is taken`(text: String) {
    #expect(error(text) == nil)
  }

  @Test(arguments: [
    ("", ThingModelError.modelNotJSON(.truncated)),
    ("{} x", .modelNotJSON(.unexpectedByte(offset: 3))),
    ("[]", .modelShape(offset: 0)), (#"{"properties":{}}"#, .modelShape(offset: 14)),
    (#"{"services":[{"identifier":"s","inputData":7}]}"#, .modelShape(offset: 43)),
    (#"{"events":1}"#, .modelShape(offset: 10)), (#"{"properties":[1]}"#, .modelShape(offset: 15)),
    (#"{"events":["e"]}"#, .modelShape(offset: 11)),
    (#"{"properties":[{}]}"#, .modelShape(offset: 15)),
    (#"{"properties":[{"identifier":1}]}"#, .modelShape(offset: 29)),
    (#"{"properties":[{"identifier":""}]}"#, .modelShape(offset: 29)),
    (#"{"properties":[{"identifier":"p"}]}"#, .modelShape(offset: 15)),
    (#"{"properties":[{"identifier":"p","dataType":{}}]}"#, .modelShape(offset: 44)),
    (#"{"events":[{"identifier":"e","outputData":[{}]}]}"#, .modelShape(offset: 43)),
    (#"{"services":[{"name":"s"}]}"#, .modelShape(offset: 13)),
  ])
  func `what is no model is refused, with its place`(text: String, expected: ThingModelError) {
    #expect(error(text) == expected)
  }

  @Test(arguments: [
    #"{"type":1}"#, #"{"type":"array"}"#, #"{"type":"array","specs":{"size":"1"}}"#,
    #"{"type":"array","specs":{"item":{"type":"array"}}}"#, #"{"type":"struct"}"#,
    #"{"type":"struct","specs":{}}"#, #"{"type":"struct","specs":[{"identifier":"a"}]}"#,
    #"{"type":"enum"}"#, #"{"type":"enum","specs":[]}"#,
    #"{"type":"int","specs":{"min":"low"}}"#, #"{"type":"int","specs":{"max":true}}"#,
    #"{"type":"double","specs":{"step":"1e999"}}"#, #"{"type":"float","specs":{"min":"0x10"}}"#,
    #"{"type":"double","specs":{"max":"123456789012345678901"}}"#,
    #"{"type":"double","specs":{"max":"1."}}"#, #"{"type":"double","specs":{"max":".5"}}"#,
    #"{"type":"double","specs":{"max":"1e"}}"#, #"{"type":"double","specs":{"max":"-"}}"#,
    #"{"type":"text","specs":{"length":"-1"}}"#, #"{"type":"text","specs":{"length":1.5}}"#,
    #"{"type":"array","specs":{"size":"many","item":{"type":"int"}}}"#,
  ])
  func `a data type that cannot be checked against is refused`(dataType: String) {
    let found = error(ThingModelFixtures.model(dataType))
    guard case .modelShape? = found else { return #expect(found == .modelShape(offset: 0)) }
  }

  @Test func `an identifier has up to 64 bytes`() {
    for (count, isFine) in [(64, true), (65, false)] {
      let name = String(repeating: "i", count: count)
      let found = error(#"{"properties":[{"identifier":"\#(name)","dataType":{"type":"int"}}]}"#)
      #expect((found == nil) == isFine)
    }
  }

  /// Everything that a truncated or changed model or payload can say, without a trap.
  private static let model =
    #"{"properties":[{"identifier":"p","accessMode":"rw","dataType":{"type":"struct","specs":["#
    + #"{"identifier":"n","dataType":{"type":"double","specs":{"min":"-1","max":"9","step":"0.5"}}},"#
    + #"{"identifier":"t","dataType":{"type":"text","specs":{"length":"3"}}},"#
    + #"{"identifier":"a","dataType":{"type":"array","specs":{"size":2,"item":{"type":"int"}}}},"#
    + #"{"identifier":"e","dataType":{"type":"enum","specs":{"1":"x"}}}]}}]}"#
  private static let payload =
    #"{"params":{"p":{"value":{"n":1.5,"t":"a\u00fc","a":[1,-2],"e":1},"time":1524448722000}}}"#

  @Test func `every truncated or changed model is read or refused`() {
    let model = Array(Self.model.utf8)
    let payload = Array(Self.payload.utf8)
    #expect(modelError(Self.payload, Self.model, .propertyPost) == nil)
    func run(_ bytes: [UInt8]) -> ThingModelError? {
      do throws(ThingModelError) {
        let view = try ThingModelView(bytes.span)
        var reader = JSONReader(payload.span)
        return modelError(&reader, view, .propertyPost)
      } catch {
        return error
      }
    }
    for count in 0..<model.count {
      let found = run(Array(model[..<count]))
      guard case .modelNotJSON? = found else { return #expect(found == .modelNotJSON(.truncated)) }
    }
    var refused = 0
    for bit in 0..<8 * model.count {
      var changed = model
      changed[bit / 8] ^= 1 << UInt8(bit % 8)
      if run(changed) != nil { refused += 1 }
    }
    #expect(refused > 4 * model.count)
  }

  @Test func `every truncated or changed payload is taken or refused, in both formats`() throws {
    let bytes = Array(Self.model.utf8)
    let json = Array(Self.payload.utf8)
    let cbor = try ThingModelFixtures.cbor(json)
    let model = try ThingModelView(bytes.span)
    for count in 0..<json.count {
      var reader = JSONReader(json.span.extracting(0..<count))
      let found = modelError(&reader, model, .propertyPost)
      #expect(found == .unreadablePayload)
    }
    for count in 0..<cbor.count {
      var reader = CBORReader(cbor.span.extracting(0..<count))
      let found = modelError(&reader, model, .propertyPost)
      #expect(found == .unreadablePayload)
    }
    for bit in 0..<8 * json.count {
      var changed = json
      changed[bit / 8] ^= 1 << UInt8(bit % 8)
      var reader = JSONReader(changed.span)
      _ = modelError(&reader, model, .propertyPost)
    }
    for bit in 0..<8 * cbor.count {
      var changed = cbor
      changed[bit / 8] ^= 1 << UInt8(bit % 8)
      var reader = CBORReader(changed.span)
      _ = modelError(&reader, model, .propertyPost)
    }
  }
}
