// SPDX-License-Identifier: Apache-2.0
import Alink
import ConstrainedCore
import PayloadCoding
import Testing

@Suite("What follows a downlink: the post of what was set, desired values that are cleared")
struct DownlinkSequelTests {
  private func post(_ params: String, time: UInt64? = nil, plain: Bool = false) throws -> String {
    let desk = Desk()
    let message = alink("thing.service.property.set", params)
    _ = desk.take("thing/service/property/set", message)
    let downlink = try #require(desk.downlink)
    let received = bytes(message)
    return try json(PropertyPost.self) { request throws(AlinkError) in
      request.usesPlainValues = plain
      try request.add(setBy: downlink, in: received.span, time: time)
    }
  }

  private func envelope(_ params: String) -> String {
    #"{"id":"123","version":"1.0","params":\#(params),"method":"thing.event.property.post"}"#
  }

  @Test func `what was set is posted digit by digit`() throws {
    let params =
      #"{"temperature":"30.5","n":1.50e1,"big":123456789012345678901234567890,"s":{"x":[true,null]},"t":"\u00e9\""}"#
    let expected =
      #"{"temperature":{"value":"30.5"},"n":{"value":1.50e1},"big":{"value":123456789012345678901234567890},"s":{"value":{"x":[true,null]}},"t":{"value":"\u00e9\""}}"#
    #expect(try post(params) == envelope(expected))
    #expect(try post(#"{"a" : 1 }"#, time: 5) == envelope(#"{"a":{"value":1,"time":5}}"#))
    #expect(try post(#"{"\u0061":1}"#, plain: true) == envelope(#"{"a":1}"#))
    #expect(try post(#"{"a":1}"#, time: 5, plain: true) == envelope(#"{"a":{"value":1,"time":5}}"#))
  }

  @Test func `what cannot be posted is refused`() {
    #expect(throws: AlinkError.empty) { _ = try post("{}") }
    #expect(throws: AlinkError.identifier) { _ = try post(#"{"a b":1}"#) }
    #expect(throws: AlinkError.identifier) {
      _ = try post(#"{"\#(String(repeating: "a", count: 65))":1}"#)
    }
    #expect(throws: AlinkError.capacity) {
      _ = try post(#"{"a":"\#(String(repeating: "a", count: 1_100))"}"#)
    }
    let many = (0...200).map { "\"p\($0)\":1" }.joined(separator: ",")
    #expect(throws: AlinkError.tooManyProperties) { _ = try post("{\(many)}") }
  }

  @Test func `a desired value that was applied is cleared by its version`() throws {
    let data = bytes(#"{"power":{"value":"on","version":2},"temperature":{"value":1}}"#)
    let request = try json(DesiredDelete.self) { request throws(AlinkError) in
      var values = DesiredValues(JSONReader(received: data.span))
      do throws(AlinkMessageError) {
        while let value = try values.next() {
          do throws(AlinkError) {
            try request.add(clearing: value)
          } catch {
            throw AlinkMessageError.malformed
          }
        }
      } catch {
        throw AlinkError.unreadable
      }
    }
    #expect(request.contains(#""params":{"power":{"version":2},"temperature":{}}"#))
  }

  private static let model = """
    {"properties":[
      {"identifier":"a","accessMode":"rw","dataType":{"type":"int","specs":{"min":"0","max":"9"}}},
      {"identifier":"r","accessMode":"r","dataType":{"type":"int","specs":{}}},
      {"identifier":"b","dataType":{"type":"text","specs":{"length":"4"}}},
      {"identifier":"w","accessMode":"w","dataType":{"type":"int","specs":{}}}]}
    """

  private func settable(_ model: String) throws(AlinkError) -> String {
    let text = bytes(model)
    return try json(DesiredGet.self) { request throws(AlinkError) in
      guard let model = try? ThingModelView(text.span) else {
        preconditionFailure("a model of a test")
      }
      try request.add(settableOf: model)
    }
  }

  @Test func `the desired values of all properties that may be set are asked for`() throws {
    #expect(try settable(Self.model).contains(#""params":["a","b","w"]"#))
    for model in ["{}", #"{"properties":[]}"#] {
      #expect(throws: AlinkError.empty) { _ = try settable(model) }
    }
  }

  @Test(arguments: [
    (#"{"a":{"value":9}}"#, true), (#"{"a":{"value":10}}"#, false), (#"{"r":{"value":1}}"#, false),
    (#"{"x":{"value":1}}"#, false), (#"{"b":{"value":"abcd"}}"#, true),
    (#"{"b":{"value":"abcde"}}"#, false),
  ])
  func `a desired value is checked against the thing model`(data: String, fits: Bool) throws {
    let (text, data) = (bytes(Self.model), bytes(data))
    let model = try ThingModelView(text.span)
    var values = DesiredValues(JSONReader(received: data.span))
    let value = try values.next()
    guard let value else {
      Issue.record("there is one")
      return
    }
    var isFitting = true
    do throws(ThingModelError) { try model.check(desired: value) } catch { isFitting = false }
    #expect(isFitting == fits)
  }
}
