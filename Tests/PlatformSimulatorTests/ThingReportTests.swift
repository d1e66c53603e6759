// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import PayloadValues
import PlatformCore
import PlatformSimulator
import TestSupport
import Testing

@Suite("Device guide 6.5 and 6.6: properties, events and desired values")
struct ThingReportTests {
  @Test func `a property is an object with a value, and perhaps a time`() throws {
    var bench = try ThingBench()
    let post = "thing.event.property.post"
    #expect(try bench.call(post, "{}").code == 200)
    #expect(try bench.call(post, #"{"a":{"value":1}}"#).code == 200)
    #expect(try bench.state.properties["a"]?.time == nil)
    for wrong in [#"{"a":1}"#, #"{"a":{}}"#, #"{"a":{"value":1,"time":"1"}}"#] {
      #expect(try bench.call(post, wrong).code == 460, "\(wrong)")
    }
    var lenient = try ThingBench { $0.takesPlainValues = true }
    #expect(try lenient.call(post, #"{"a":1}"#).code == 200)
    #expect(try lenient.state.properties["a"]?.value == 1)
  }

  @Test func `more than 200 properties get 6106`() throws {
    var bench = try ThingBench {
      $0.payloadLimit = 16_384
    }
    for (count, code) in [(200, Int64(200)), (201, 6_106)] {
      let members = (0..<count).map { #""p\#($0)":{"value":\#($0)}"# }.joined(separator: ",")
      let answer = try bench.call("thing.event.property.post", "{\(members)}")
      #expect(answer.code == code)
      if code != 200 { #expect(answer.value?["message"] == "map size must less than 200") }
    }
    #expect(try bench.state.properties.count == 200)
  }

  @Test func `a device's state stays bounded`() throws {
    var bench = try ThingBench { $0.payloadLimit = 16_384 }
    for round in 0..<3 {
      let members = (0..<200).map { #""p\#(round).\#($0)":{"value":1}"# }.joined(separator: ",")
      let answer = try bench.call("thing.event.property.post", "{\(members)}")
      #expect(answer.code == 200)
      #expect(answer.record.note.isEmpty == (round < 2))
    }
    for number in 0..<150 {
      _ = try bench.call("thing.event.e.post", #"{"value":{"n":\#(number)}}"#)
      _ = try bench.send("topic/sys/pk/device/thing/model/up_raw", [1])
      _ = try bench.report("service/property/set_reply", "{}")
    }
    let state = try bench.state
    #expect(state.properties.count == 500)
    #expect(state.events.count == 100)
    #expect(state.events.first?.reported.value == ["n": 50])
    #expect(state.raw.count == 100)
    #expect(state.answers.count == 100)
  }

  @Test func `an event needs an object value, and the method of its topic`() throws {
    var bench = try ThingBench()
    let good = #"{"value":{"Power":"on","WF":"2"},"time":1524448722000}"#
    #expect(try bench.call("thing.event.alarm.post", good).code == 200)
    #expect(try bench.state.events.map(\.identifier) == ["alarm"])
    for wrong in ["{}", "[]", #"{"value":1}"#, #"{"value":{},"time":-1}"#] {
      #expect(try bench.call("thing.event.alarm.post", wrong).code == 460, "\(wrong)")
    }
    let other = ThingBench.envelope("thing.event.other.post", good)
    #expect(try bench.report("event/alarm/post", other).code == 460)
  }

  @Test func `6313 while the thing model cannot be asked`() throws {
    var bench = try ThingBench { $0.isModelServiceDown = true }
    let answer = try bench.call("thing.event.property.post", #"{"a":{"value":1}}"#)
    #expect(answer.code == 6_313)
    #expect(answer.value?["message"] == "tsl service not available")
    #expect(try bench.call("thing.event.e.post", #"{"value":{}}"#).code == 6_313)
    #expect(try bench.state.properties.isEmpty)
  }

  @Test func `desired values have versions, and only the last one is cleared by version`() throws {
    var bench = try ThingBench()
    let get = #"["power","temperature","power"]"#
    #expect(try bench.call("thing.property.desired.get", get).data == [:])
    for value in ["off", "on"] {
      bench.bench.platform.things.setDesired(
        "power",
        .text(value),
        productKey: "pk",
        deviceName: "device"
      )
    }
    let expected = json(#"{"power":{"value":"on","version":2}}"#)
    #expect(try bench.call("thing.property.desired.get", get).data == expected)
    let delete = "thing.property.desired.delete"
    let stale = try bench.call(delete, #"{"power":{"version":1},"temperature":{}}"#)
    #expect(stale.code == 200)
    #expect(stale.record.note.contains("version 2"))
    #expect(try bench.call("thing.property.desired.get", get).data == expected)
    #expect(try bench.call(delete, #"{"power":{"version":2}}"#).code == 200)
    #expect(try bench.call("thing.property.desired.get", get).data == [:])
    bench.bench.platform.things.setDesired("power", 1, productKey: "pk", deviceName: "device")
    #expect(
      try bench.call("thing.property.desired.get", get).data
        == json(#"{"power":{"value":1,"version":3}}"#)
    )
    #expect(try bench.call(delete, #"{"power":{}}"#).code == 200)
    #expect(try bench.call("thing.property.desired.get", get).data == [:])
  }

  @Test(arguments: [
    ("thing.property.desired.get", "{}"), ("thing.property.desired.get", "[1]"),
    ("thing.property.desired.delete", "[]"), ("thing.property.desired.delete", #"{"p":1}"#),
    ("thing.property.desired.delete", #"{"p":{"version":"1"}}"#),
  ])
  func `wrong parameters of desired values get 460`(method: String, parameters: String) throws {
    var bench = try ThingBench()
    bench.bench.platform.things.setDesired("p", 1, productKey: "pk", deviceName: "device")
    #expect(try bench.call(method, parameters).code == 460)
    #expect(try bench.state.desired["p"]?.value == 1)
  }

  @Test func `raw bytes are answered as the guide prints it, or as the script has them`() throws {
    let path = "topic/sys/pk/device/thing/model/up_raw"
    var plain = try ThingBench()
    let answer = try plain.send(path, [2, 0, 0, 0, 0x7B, 0], contentFormat: nil)
    #expect(answer.code == 200)
    #expect(answer.value?["method"] == "thing.event.property.post")
    #expect(try plain.state.raw == [[2, 0, 0, 0, 0x7B, 0]])
    var scripted = try ThingBench {
      $0.rawScript = { bytes in
        bytes.first != 0
          ? nil
          : [
            "id": "7", "version": "1.0", "method": "thing.event.property.post",
            "params": ["level": ["value": .integer(Int64(bytes.count))]],
          ]
      }
    }
    let taken = try scripted.send(path, [0, 1, 2], contentFormat: 42, accept: 60)
    #expect(taken.contentFormat == 60)
    #expect(
      taken.value
        == json(#"{"id":"7","code":200,"method":"thing.event.property.post","data":{}}"#)
    )
    #expect(try scripted.state.properties["level"]?.value == 3)
    #expect(try scripted.send(path, [1], contentFormat: 42).code == 460)
  }

  @Test func `a device's answers are taken in silence, whatever they hold`() throws {
    var bench = try ThingBench()
    let answer = try bench.report(
      "service/property/set_reply",
      #"{"id":"1","code":200,"data":{}}"#
    )
    #expect(answer.record.code == .content)
    #expect(answer.bytes.isEmpty)
    #expect(answer.record.method == "reply")
    let raw = try bench.send(
      "topic/sys/pk/device/thing/model/down_raw_reply",
      [0xFF, 0],
      contentFormat: 42
    )
    #expect(raw.record.code == .content)
    let answers = try bench.state.answers
    #expect(
      answers.map(\.topic) == [
        "/sys/pk/device/thing/service/property/set_reply",
        "/sys/pk/device/thing/model/down_raw_reply",
      ]
    )
    #expect(answers[0].value?["code"] == 200)
    #expect(answers[1].value == nil)
  }
}

@Suite("Device guide 6.5: a gateway's pack")
struct ThingPackTests {
  static let method = "thing.event.property.pack.post"

  static func bench() throws -> ThingBench {
    try ThingBench {
      $0.payloadLimit = 32_768
      $0.subDevices = [
        SimulatedSubDevice(productKey: "sub", deviceName: "one", secret: Array("s".utf8))
      ]
    }
  }

  @Test func `properties and events of the gateway and its sub-devices are taken`() throws {
    var bench = try Self.bench()
    let pack = """
      {"properties":{"Power":{"value":"on","time":1524448722000},"WF":{"value":{}}},
      "events":{"alarm":{"value":{"a":"on"},"time":1524448722000}},
      "subDevices":[{"identity":{"productKey":"sub","deviceName":"one"},
      "properties":{"Power":{"value":"off"}},"events":{"alert":{"value":{}}}}]}
      """
    let refused = try bench.call(Self.method, pack)
    #expect(refused.code == 6_401)
    #expect(refused.value?["message"] == "topo relation not exist")
    #expect(try bench.state.properties.isEmpty)
    try bench.add("one")
    #expect(try bench.call(Self.method, pack).code == 200)
    // The topic printed in the guide.
    let envelope = ThingBench.envelope(Self.method, pack)
    #expect(try bench.report("event/property/ack/post", envelope).code == 200)
    let state = try bench.state
    #expect(state.properties.keys.sorted() == ["Power", "WF"])
    #expect(state.events.map(\.identifier) == ["alarm", "alarm"])
    let sub = try #require(
      bench.bench.platform.things.state(productKey: "sub", deviceName: "one")
    )
    #expect(sub.properties["Power"]?.value == "off")
    #expect(sub.events.count == 2)
  }

  @Test func `over 200 properties, 20 events or 20 entries are refused whole`() throws {
    var bench = try Self.bench()
    try bench.add("one")
    func properties(_ count: Int) -> String {
      (0..<count).map { #""p\#($0)":{"value":1}"# }.joined(separator: ",")
    }
    func events(_ count: Int) -> String {
      (0..<count).map { #""e\#($0)":{"value":{}}"# }.joined(separator: ",")
    }
    let entry = #"{"identity":{"productKey":"sub","deviceName":"one"}}"#
    let cases: [(String, Int64)] = [
      (#"{"properties":{\#(properties(201))}}"#, 460), (#"{"events":{\#(events(21))}}"#, 460),
      (#"{"subDevices":[\#(Array(repeating: entry, count: 21).joined(separator: ","))]}"#, 460),
    ]
    for (pack, code) in cases {
      #expect(try bench.call(Self.method, pack).code == code)
    }
    #expect(try bench.state.properties.isEmpty)
    let full =
      #"{"properties":{\#(properties(200))},"events":{\#(events(20))},"#
      + #""subDevices":[\#(Array(repeating: entry, count: 20).joined(separator: ","))]}"#
    #expect(try bench.call(Self.method, full).code == 200)
    #expect(try bench.state.properties.count == 200)
  }

  @Test(arguments: [
    "[]", #"{"properties":[]}"#, #"{"properties":{"a":1}}"#, #"{"events":{"a":{}}}"#,
    #"{"subDevices":{}}"#, #"{"subDevices":[1]}"#, #"{"subDevices":[{}]}"#,
    #"{"subDevices":[{"identity":{"productKey":"sub"}}]}"#,
  ])
  func `a pack of the wrong form gets 460`(pack: String) throws {
    var bench = try Self.bench()
    #expect(try bench.call(Self.method, pack).code == 460)
  }

  @Test func `one value that the thing model does not allow refuses the pack`() throws {
    var bench = try ThingBench {
      var product = SimulatedProduct(key: "pk")
      product.thingModel = try? ProductModel(json: Array(ThingModelTests.model.utf8))
      $0.products = [product]
    }
    let wrong = #"{"properties":{"level":{"value":1},"other":{"value":1}}}"#
    #expect(try bench.call(Self.method, wrong).code == 460)
    #expect(try bench.state.properties.isEmpty)
    #expect(try bench.call(Self.method, #"{"properties":{"level":{"value":1}}}"#).code == 200)
    #expect(try bench.call(Self.method, #"{"events":{"none":{"value":{}}}}"#).code == 460)
  }
}
