// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import PayloadValues
import PlatformCore
import PlatformSimulator
import TestSupport
import Testing

@Suite("Device guide 4 and 6.9 to 6.12: tags, model, configuration and firmware")
struct ThingProductTests {
  static func bench(_ configure: (inout SimulatedProduct) throws -> Void) throws -> ThingBench {
    var product = SimulatedProduct(key: "pk")
    try configure(&product)
    return try ThingBench { $0.products = [product] }
  }

  @Test func `tags are set and deleted`() throws {
    var bench = try ThingBench()
    let update =
      #"[{"attrKey":"Temperature","attrValue":"36.8"},{"attrKey":"_a1","attrValue":"温_-x"}]"#
    #expect(try bench.call("thing.deviceinfo.update", update).code == 200)
    #expect(try bench.state.tags == ["Temperature": "36.8", "_a1": "温_-x"])
    let delete = #"[{"attrKey":"Temperature"},{"attrKey":"none"}]"#
    #expect(try bench.call("thing.deviceinfo.delete", delete).code == 200)
    #expect(try bench.state.tags.keys.sorted() == ["_a1"])
  }

  @Test(arguments: [
    ("", "a"), ("1a", "a"), ("a-b", "a"), ("ä", "a"), (String(repeating: "a", count: 65), "a"),
    ("a", ""), ("a", "a b"), ("a", "a/b"), ("a", "é"), ("a", "a\\n"),
  ])
  func `a tag against the rule gets 460, and none is set`(key: String, value: String) throws {
    var bench = try ThingBench()
    let update =
      #"[{"attrKey":"good","attrValue":"1"},{"attrKey":"\#(key)","attrValue":"\#(value)"}]"#
    #expect(try bench.call("thing.deviceinfo.update", update).code == 460)
    #expect(try bench.state.tags.isEmpty)
    if value == "a" {
      #expect(try bench.call("thing.deviceinfo.delete", #"[{"attrKey":"\#(key)"}]"#).code == 460)
    }
  }

  @Test func `a message has at most 200 tags, and so has a device`() throws {
    var bench = try ThingBench { $0.payloadLimit = 65_536 }
    func tags(_ range: Range<Int>) -> String {
      let elements = range.map { #"{"attrKey":"k\#($0)","attrValue":"v"}"# }
      return "[\(elements.joined(separator: ","))]"
    }
    #expect(try bench.call("thing.deviceinfo.update", tags(0..<201)).code == 460)
    #expect(try bench.call("thing.deviceinfo.delete", tags(0..<201)).code == 460)
    #expect(try bench.call("thing.deviceinfo.update", tags(0..<200)).code == 200)
    #expect(try bench.call("thing.deviceinfo.update", tags(200..<201)).code == 460)
    #expect(try bench.state.tags.count == 200)
    #expect(try bench.call("thing.deviceinfo.update", "{}").code == 460)
  }

  @Test func `the configuration is a file, nothing, or switched off`() throws {
    let method = "thing.config.get"
    let ask = #"{"configScope":"product","getType":"file"}"#
    var off = try Self.bench { $0.remoteConfiguration = .unavailable }
    let unavailable = try off.call(method, ask)
    #expect(unavailable.code == 6_713)
    #expect(unavailable.value?["message"] == "thing config function is not available")
    var empty = try ThingBench()
    let nothing = try empty.call(method, ask)
    #expect(nothing.code == 6_710)
    #expect(nothing.value?["message"] == "no data")
    var bench = try Self.bench {
      $0.remoteConfiguration = .file(
        RemoteFile(identifier: "123dagdah", url: "https://h/c", size: 1_234_565, sha256: "12ab")
      )
    }
    let expected = json(
      #"{"id":"123","version":"1.0","code":200,"data":{"configId":"123dagdah","#
        + #""configSize":1234565,"sign":"12ab","signMethod":"Sha256","url":"https://h/c","#
        + #""getType":"file"}}"#
    )
    #expect(try bench.call(method, ask).value == expected)
    // The request as printed in the guide.
    let printed = ThingBench.envelope(method, ask).replacing(#""123""#, with: "123")
    let numeric = try bench.report("config/get", printed)
    #expect(numeric.code == 200)
    #expect(numeric.value?["id"] == 123)
    for wrong in ["{}", "[]", #"{"configScope":"device","getType":"file"}"#] {
      #expect(try bench.call(method, wrong).code == 460)
    }
  }

  @Test func `the thing model comes as it was given`() throws {
    var none = try ThingBench()
    let missing = try none.call("thing.dsltemplate.get", "{}")
    #expect(missing.code == 6_321)
    #expect(missing.value?["message"] == "tsl: device not exist in product")
    #expect(try none.call("thing.dsltemplate.get", "[]").code == 460)
    let model = #"{"schema":"https://s","profile":{"productKey":"pk"},"properties":[]}"#
    var bench = try Self.bench {
      $0.thingModel = try ProductModel(json: Array(model.utf8))
    }
    #expect(try bench.call("thing.dsltemplate.get", "{}").data == json(model))
  }

  static let firmware = SimulatedFirmware(
    version: "2.0.0",
    url: "https://h/f",
    size: 432_945,
    md5: "93230c3bde425a9d7984a594ac55ea1e",
    sha256: "aa"
  )

  @Test func `firmware is offered to a device with another version`() throws {
    var bench = try Self.bench { $0.firmware = Self.firmware }
    let path = "topic/ota/device/request/pk/device"
    let ask = #"{"id":1,"params":{"version":"1.0.1"}}"#
    let answer = try bench.send(path, Array(ask.utf8))
    #expect(answer.value?["code"] == "1000")
    #expect(answer.value?["message"] == "success")
    #expect(answer.value?["id"]?.integer != nil)
    #expect(
      answer.data
        == json(
          #"{"size":432945,"version":"2.0.0","url":"https://h/f","#
            + #""sign":"93230c3bde425a9d7984a594ac55ea1e","signMethod":"Md5","#
            + #""md5":"93230c3bde425a9d7984a594ac55ea1e"}"#
        )
    )
    let none = json(#"{"code":500,"message":"none upgrade operation of the device."}"#)
    let same = #"{"id":"1","params":{"version":"2.0.0"}}"#
    #expect(try bench.send(path, Array(same.utf8)).value == none)
    bench.bench.platform.things.setFirmware(nil, productKey: "pk")
    #expect(try bench.send(path, Array(ask.utf8)).value == none)
    var signed = Self.firmware
    signed.signMethod = .sha256
    bench.bench.platform.things.setFirmware(signed, productKey: "pk")
    let other = try bench.send(path, Array(ask.utf8))
    #expect(other.data?["sign"] == "aa")
    #expect(other.data?["signMethod"] == "Sha256")
    #expect(other.data?["md5"] == nil)
    for wrong in ["{}", #"{"id":1}"#, #"{"id":-1,"params":{}}"#, #"{"id":1,"params":{}}"#] {
      #expect(try bench.send(path, Array(wrong.utf8)).code == 460, "\(wrong)")
    }
  }

  @Test func `version and progress are taken without an answer`() throws {
    var bench = try ThingBench()
    let inform = try bench.send(
      "topic/ota/device/inform/pk/device",
      Array(#"{"id":1,"params":{"version":"1.0.1"}}"#.utf8)
    )
    #expect(inform.record.code == .content)
    #expect(inform.bytes.isEmpty)
    #expect(inform.record.method == "ota inform")
    #expect(try bench.state.firmwareVersion == "1.0.1")
    let path = "topic/ota/device/progress/pk/device"
    for (step, isGood) in [
      ("\"-1\"", true), ("\"-4\"", true), ("-2", true), ("\"1\"", true), ("100", true),
      ("\"0\"", false), ("\"-5\"", false), ("101", false), ("\"x\"", false), ("1.5", false),
      ("null", false),
    ] {
      let text = #"{"id":"1","params":{"step":\#(step),"desc":"x"}}"#
      let answer = try bench.send(path, Array(text.utf8))
      #expect(answer.record.code == .content)
      #expect(answer.bytes.isEmpty)
      #expect(answer.record.replyCode == (isGood ? .success : .parameterError), "\(step)")
    }
    let progress = try bench.state.progress
    #expect(progress?.step == 100)
    #expect(progress?.text == "x")
    let wrong = try bench.send(path, Array(#"{"id":1,"params":{"step":"1","desc":1}}"#.utf8))
    #expect(wrong.record.replyCode == .parameterError)
  }
}
