// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import PayloadValues
import PlatformCore
import PlatformSimulator
import TestSupport
import Testing

@Suite("Device guide 6.1 and 6.5: envelope and formats")
struct EnvelopeTests {
  static let post = "thing.event.property.post"
  static let path = "topic/sys/pk/device/thing/event/property/post"
  static let good = ThingBench.envelope(post, #"{"Power":{"value":"on","time":1524448722000}}"#)

  @Test func `a report is answered as the guide prints it, encrypted and labelled`() throws {
    var bench = try ThingBench()
    let answer = try bench.send(Self.path, Array(Self.good.utf8))
    #expect(answer.record.code == .content)
    #expect(
      String(decoding: answer.payload, as: UTF8.self) == #"{"id":"123","code":200,"data":{}}"#
    )
    #expect(answer.contentFormat == 50)
    #expect(answer.bytes.count == 48)
    #expect(answer.record.method == Self.post)
    #expect(answer.record.replyCode == .success)
    #expect(answer.record.line.contains("\(Self.post) 200"))
    let power = try bench.state.properties["Power"]
    #expect(power?.value == "on")
    #expect(power?.time == 1_524_448_722_000)
  }

  @Test(arguments: [
    "{}", "[]", "1", "\"x\"", "", "{", "nonsense",
    #"{"id":123,"version":"1.0","params":{},"method":"thing.event.property.post"}"#,
    #"{"id":"","version":"1.0","params":{},"method":"thing.event.property.post"}"#,
    #"{"id":"x1","version":"1.0","params":{},"method":"thing.event.property.post"}"#,
    #"{"version":"1.0","params":{},"method":"thing.event.property.post"}"#,
    #"{"id":"1","params":{},"method":"thing.event.property.post"}"#,
    #"{"id":"1","version":1.0,"params":{},"method":"thing.event.property.post"}"#,
    #"{"id":"1","version":"1.1","params":{},"method":"thing.event.property.post"}"#,
    #"{"id":"1","version":"1.0","method":"thing.event.property.post"}"#,
    #"{"id":"1","version":"1.0","params":[],"method":"thing.event.property.post"}"#,
    #"{"id":"1","version":"1.0","params":"x","method":"thing.event.property.post"}"#,
    #"{"id":"1","version":"1.0","params":{}}"#,
    #"{"id":"1","version":"1.0","params":{},"method":"thing.event.other.post"}"#,
    #"{"id":"1","version":"1.0","params":{},"params":{},"method":"thing.event.property.post"}"#,
    #"{"id":"1","version":"1.0","params":{},"method":"thing.event.property.post"}x"#,
  ])
  func `an envelope that is not the guide's gets 460`(text: String) throws {
    var bench = try ThingBench()
    let answer = try bench.send(Self.path, Array(text.utf8))
    #expect(answer.record.code == .content)
    #expect(answer.code == 460)
    #expect(answer.value?["message"] == "request parameter error")
    #expect(!answer.record.note.isEmpty)
    #expect(try bench.state.properties.isEmpty)
  }

  @Test func `a reply has the request's id, and 0 where there is none`() throws {
    var bench = try ThingBench()
    let known = try bench.report("topo/get", ThingBench.envelope("x", "{}"))
    #expect(known.value?["id"] == "123")
    let unknown = try bench.report("topo/get", "[")
    #expect(unknown.value?["id"] == "0")
  }

  @Test func `CBOR is read by Content-Format, and Accept decides on the answer`() throws {
    var bench = try ThingBench()
    let value = try #require(json(Self.good))
    let cbor = value.encoded(.cbor)
    let same = try bench.send(Self.path, cbor, contentFormat: 60)
    #expect(same.contentFormat == 60)
    #expect(same.code == 200)
    let other = try bench.send(Self.path, cbor, contentFormat: 60, accept: 50)
    #expect(other.contentFormat == 50)
    #expect(String(decoding: other.payload, as: UTF8.self) == #"{"id":"123","code":200,"data":{}}"#)
    let reverse = try bench.send(Self.path, Array(Self.good.utf8), accept: 60)
    #expect(reverse.contentFormat == 60)
    #expect(reverse.code == 200)
    // Each is invalid under the other's Content-Format.
    #expect(try bench.send(Self.path, cbor).code == 460)
    #expect(try bench.send(Self.path, Array(Self.good.utf8), contentFormat: 60).code == 460)
    // Without a Content-Format it is read as JSON.
    #expect(try bench.send(Self.path, Array(Self.good.utf8), contentFormat: nil).code == 200)
  }

  @Test(arguments: [
    // "abc", which is also the text cabc; 97; -24; [1, 2]; 2015-01-01 as a tagged text.
    (hex("63 61 62 63"), #""abc""#), (hex("18 61"), "97"), (hex("37"), "-24"),
    (hex("82 01 02"), "[1, 2]"), (hex("c0 6a 32 30 31 35 2d 30 31 2d 30 31"), #"0("2015-01-01")"#),
    // Anything else is shown unchanged.
    (hex("41"), "A"), (hex("ff 00"), "0xff00"),
  ])
  func `a payload that is labelled CBOR is logged in diagnostic notation`(
    bytes: [UInt8],
    notation: String
  ) throws {
    var bench = try ThingBench()
    let record = try bench.send("topic/pk/device/user/update", bytes, contentFormat: 60).record
    #expect(record.payloadText == notation)
    #expect(record.line.contains(" \(notation) -> "))
    let json = try bench.send("topic/pk/device/user/update", Array("cabc".utf8)).record
    #expect(json.payloadText == "cabc")
  }

  @Test func `Content-Format is not checked on a report: all but 60 count as JSON`() throws {
    var bench = try ThingBench()
    for format: UInt8 in [0, 42, 41, 61] {
      let answer = try bench.send(Self.path, Array(Self.good.utf8), contentFormat: format)
      #expect(answer.record.code == .content && answer.code == 200, "\(format)")
    }
    let pull = try bench.send("pull", Array(#"{"pageSize":"1"}"#.utf8), contentFormat: 0)
    #expect(pull.record.code == .content)
  }

  @Test func `where it is checked, other formats are refused on Alink's topics alone`() throws {
    var bench = try ThingBench { $0.assumptions.checksReportFormat = true }
    let bytes = Array(Self.good.utf8)
    for format: UInt8 in [0, 42, 41, 61] {
      let answer = try bench.send(Self.path, bytes, contentFormat: format)
      #expect(answer.record.code == .unsupportedContentFormat, "\(format)")
      #expect(answer.bytes.isEmpty)
    }
    #expect(try bench.send(Self.path, bytes, accept: 42).record.code == .notAcceptable)
    for path in ["topic/pk/device/user/update", "topic/sys/pk/device/thing/status/update"] {
      let answer = try bench.send(path, bytes, contentFormat: 41)
      #expect(answer.record.code == .content)
      #expect(answer.bytes.isEmpty)
      #expect(answer.contentFormat == nil)
    }
    let raw = "topic/sys/pk/device/thing/model/up_raw"
    #expect(try bench.send(raw, [2, 0, 0, 0x7B, 0], contentFormat: 42).record.code == .content)
    #expect(try bench.send(raw, [2], contentFormat: 41).record.code == .unsupportedContentFormat)
  }

  @Test func `where any topic is taken, one that the guide does not know has a note`() throws {
    var bench = try ThingBench { $0.takesAnyTopic = true }
    for topic in [
      "thing", "thing/status/update", "other", "thing/event/a/b/post",
      "thing/event/property/post_reply", "thing/event/a/post_reply",
    ] {
      let answer = try bench.send("topic/sys/pk/device/\(topic)", Array("{}".utf8))
      #expect(answer.record.code == .content)
      #expect(answer.bytes.isEmpty)
      #expect(answer.record.note.contains("no such topic"))
      #expect(answer.record.method == nil)
    }
  }

  @Test func `a configured reply takes the platform's place`() throws {
    var bench = try ThingBench { $0.reply = { topic, _ in Array(topic.utf8) } }
    let answer = try bench.send(Self.path, Array(Self.good.utf8), contentFormat: 41)
    #expect(
      String(decoding: answer.payload, as: UTF8.self) == "/sys/pk/device/thing/event/property/post"
    )
    #expect(answer.contentFormat == nil)
    #expect(try bench.state == DeviceState())
  }

  @Test func `state survives a new auth, and an unknown device has none`() throws {
    var bench = try ThingBench()
    _ = try bench.send(Self.path, Array(Self.good.utf8))
    _ = try bench.bench.session()
    #expect(try bench.state.properties.count == 1)
    #expect(bench.bench.platform.things.state(productKey: "pk", deviceName: "other") == nil)
  }

  @Test func `what a device names stays on one line of the log`() throws {
    var bench = try ThingBench()
    let hostile = #"{"a\nb\u001b[2J\u009b\u202e":{}}"#
    let answer = try bench.call(Self.post, hostile)
    #expect(answer.code == 460)
    let isHarmless = answer.record.note.unicodeScalars.allSatisfy {
      $0.value >= 0x20 && $0.value != 0x9B && $0.value != 0x202E
    }
    #expect(isHarmless)
  }

  @Test func `truncated and altered requests are no trap`() throws {
    var bench = try ThingBench { $0.takesPlainValues = true }
    for format in [PayloadValue.Format.json, .cbor] {
      for (topic, body) in Self.requests {
        let value = try #require(json(body))
        let bytes = value.encoded(format)
        for count in 0..<bytes.count {
          let answer = try bench.send(
            topic,
            Array(bytes[..<count]),
            contentFormat: UInt8(format.rawValue)
          )
          #expect(answer.record.code == .content)
          if topic.contains("sys") { #expect(answer.code == 460) }
        }
        for bit in 0..<bytes.count * 8 {
          var altered = bytes
          altered[bit / 8] ^= 1 << UInt8(bit % 8)
          let answer = try bench.send(topic, altered, contentFormat: UInt8(format.rawValue))
          #expect(answer.record.code == .content)
        }
      }
    }
  }

  static let requests: [(String, String)] =
    [
      ("event/property/post", "thing.event.property.post", #"{"P":{"value":[1.5,{}],"time":1}}"#),
      (
        "event/property/pack/post", "thing.event.property.pack.post",
        #"{"subDevices":[{"identity":{"productKey":"a","deviceName":"b"},"events":{}}]}"#
      ),
      ("deviceinfo/update", "thing.deviceinfo.update", #"[{"attrKey":"a","attrValue":"b"}]"#),
      ("property/desired/delete", "thing.property.desired.delete", #"{"p":{"version":1}}"#),
      (
        "topo/add", "thing.topo.add",
        #"[{"deviceName":"s","productKey":"p","sign":"00","signmethod":"Sha256","timestamp":"1"}]"#
      ),
    ].map { ("topic/sys/pk/device/thing/\($0.0)", ThingBench.envelope($0.1, $0.2)) } + [
      ("topic/ota/device/progress/pk/device", #"{"id":1,"params":{"step":"-1","desc":"x"}}"#)
    ]
}
