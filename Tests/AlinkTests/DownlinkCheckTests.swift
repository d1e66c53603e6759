// SPDX-License-Identifier: Apache-2.0
import Alink
import ConstrainedCore
import PayloadCoding
import Platform
import Testing

@Suite("Device guide 6.1 to 6.12: what is checked before a request is handed over")
struct DownlinkCheckTests {
  private static let set = "thing/service/property/set"
  private static let setMethod = "thing.service.property.set"
  private static let digest = String(repeating: "ab", count: 32)

  @Test(arguments: [
    (set, alink(setMethod, #"{"a":1}"#), #"request 1 propertySet {"a":1}"#),
    (set, alink(setMethod, #"{"a":1}"#, id: "7"), #"request 1 propertySet {"a":1}"#),
    (set, alink(setMethod, #" { "a" : 1 } "#, id: "7.0e0"), #"request 1 propertySet { "a" : 1 }"#),
    (set, alink(setMethod, "{}", id: #""0000""#), "request 1 propertySet {}"),
    (
      "thing/service/property/get", alink("thing.service.property.get", #"["a","b"]"#),
      #"request 1 propertyGet ["a","b"]"#
    ),
    (
      "thing/service/Weigh", alink("thing.service.Weigh", #"{"kg":2}"#),
      #"request 1 service {"kg":2}"#
    ),
    ("thing/model/down_raw", "\u{1}{", "request 1 rawDown 017b"),
    ("thing/model/down_raw", "", "request 1 rawDown "),
    (
      "rrpc/request/9", alink("thing.service.Weigh", #"{"kg":2}"#),
      #"request 1 synchronousCall {"kg":2}"#
    ),
    ("rrpc/request/9", "hi", "request 1 synchronousCall 6869"),
    (
      "rrpc/request/9", #"{"method":"mine"}"#,
      "request 1 synchronousCall 7b226d6574686f64223a226d696e65227d"
    ),
    ("/ext/rrpc/9/a", "hi", "request 1 customCall 6869"),
    (
      "/ext/error/pk/device", #"{"id":"3","code":521,"message":"device deleted"}"#,
      "notice subDeviceError "
    ),
    (
      "thing/property/desired/get_reply",
      #"{"id":"3","code":200,"data":{"a":{"value":1,"version":2}}}"#,
      #"notice desiredValues {"a":{"value":1,"version":2}}"#
    ),
    (
      "thing/topo/add/notify",
      alink("thing.topo.add.notify", #"[{"productKey":"pk2","deviceName":"meter"}]"#),
      #"notice topologyAddition [{"productKey":"pk2","deviceName":"meter"}], sent thing/topo/add/notify_reply {"id":"7","code":200,"data":{}}"#
    ),
    (
      "thing/disable", alink("thing.disable"),
      #"notice disable {}, sent thing/disable_reply {"id":"7","code":200,"data":{}}"#
    ),
    (
      "thing/delete", #"{"id":5,"version":"1.0","method":"thing.delete","params":null}"#,
      #"notice delete , sent thing/delete_reply {"id":"5","code":200,"data":{}}"#
    ),
    (
      "thing/config/push",
      alink(
        "thing.config.push",
        #"{"configId":"c","configSize":3,"sign":"\#(digest)","signMethod":"Sha256","url":"https://h/f","getType":"file"}"#
      ),
      #"notice configuration {"configId":"c","configSize":3,"sign":"\#(digest)","signMethod":"Sha256","url":"https://h/f","getType":"file"}, sent thing/config/push_reply {"id":"7","code":200,"data":{}}"#
    ),
    (
      "thing/model/config/push",
      #"{"id":7,"version":"1.0","method":"thing.model.config.push","data":{"digest":"\#(digest)","digestMethod":"","url":"https://h/f"}}"#,
      #"notice subDeviceConfiguration {"digest":"\#(digest)","digestMethod":"","url":"https://h/f"}"#
    ),
    (
      "/ota/device/upgrade/pk/device",
      #"{"code":"1000","data":{"size":1,"version":"2","url":"https://h/f","md5":"93230c3bde425a9d7984a594ac55ea1e"},"id":1,"message":"success"}"#,
      #"notice firmware {"size":1,"version":"2","url":"https://h/f","md5":"93230c3bde425a9d7984a594ac55ea1e"}"#
    ),
  ])
  func `what is right is handed over`(topic: String, message: String, expected: String) {
    #expect(Desk().take(topic, message) == expected)
  }

  /// Each is answered with 460 and its id.
  @Test(arguments: [
    (set, alink(setMethod, id: #""x7""#), DownlinkFault.id, #""x7""#),
    (set, alink(setMethod, id: #""-7""#), .id, #""-7""#),
    (
      set, #"{"id":"7","version":"2.0","params":{},"method":"thing.service.property.set"}"#,
      .version, #""7""#
    ),
    (
      set, #"{"id":"7","version":1,"params":{},"method":"thing.service.property.set"}"#, .version,
      #""7""#
    ),
    (set, alink("thing.service.property.get"), .method, #""7""#),
    (set, alink("thing/service/property/set"), .method, #""7""#),
    (set, #"{"id":"7","version":"1.0","params":{}}"#, .method, #""7""#),
    (set, #"{"id":"7","params":{},"method":3}"#, .message(.member(.method)), #""7""#),
    (
      set, #"{"id":"7","params":{},"params":{},"method":"thing.service.property.set"}"#,
      .message(.repeated(.parameters)), #""7""#
    ),
    (set, alink(setMethod, "[]"), .parameters, #""7""#),
    (set, alink(setMethod, "null"), .parameters, #""7""#),
    (
      set, #"{"id":"7","version":"1.0","method":"thing.service.property.set"}"#, .parameters,
      #""7""#
    ),
    (set, alink(setMethod, #"{"a":1,"a":2}"#), .nameTwice(offset: 43), #""7""#),
    (set, alink(setMethod, #"{"a":{"b":1,"\u0062":2}}"#), .nameTwice(offset: 48), #""7""#),
    ("thing/service/property/get", alink("thing.service.property.get"), .parameters, #""7""#),
    (
      "thing/service/property/get", alink("thing.service.property.get", "[1]"),
      .message(.member(.identifier)), #""7""#
    ),
    ("thing/service/Weigh", alink("thing.service.weigh"), .method, #""7""#),
    ("rrpc/request/9", alink("thing.event.a.post"), .method, #""7""#),
    ("rrpc/request/9", alink("thing.service.a.b"), .method, #""7""#),
    ("rrpc/request/9", alink("thing.service.a", "[]"), .parameters, #""7""#),
    ("thing/topo/add/notify", alink("thing.topo.add.notify", "[]"), .names, #""7""#),
    (
      "thing/topo/add/notify",
      alink("thing.topo.add.notify", #"[{"productKey":"pk2","deviceName":"met"}]"#), .names, #""7""#
    ),
    (
      "thing/topo/add/notify", alink("thing.topo.add.notify", #"[{"productKey":"pk2"}]"#), .names,
      #""7""#
    ),
    ("thing/disable", alink("thing.disable", "[]"), .parameters, #""7""#),
  ])
  func `what is wrong is refused with 460`(
    topic: String,
    message: String,
    fault: DownlinkFault,
    id: String
  ) {
    let desk = Desk()
    let said = desk.take(topic, message)
    let answer = topic.hasPrefix("rrpc") ? "rrpc/response/9" : topic + "_reply"
    #expect(said == #"refused \#(answer) {"id":\#(id),"code":460,"data":{}}"#)
    #expect(desk.fault == fault)
    #expect(desk.deadline == nil)
  }

  /// There is no id that an answer could repeat, or no topic for it.
  @Test(arguments: [
    (set, "", DownlinkFault.message(.malformed)),
    (set, "{", .message(.malformed)),
    (set, "[]", .message(.notAnObject)),
    (set, alink(setMethod) + "x", .message(.malformed)),
    (set, alink(setMethod, id: "null"), .id),
    (set, alink(setMethod, id: "-7"), .id),
    (set, alink(setMethod, id: "1.5"), .id),
    (set, alink(setMethod, id: #""""#), .id),
    (set, alink(setMethod, id: #""000000000000000000000000000000000""#), .id),
    (set, #"{"version":"1.0","params":{},"method":"thing.service.property.set"}"#, .id),
    (
      set, #"{"id":1,"id":1,"params":{},"method":"thing.service.property.set"}"#,
      .message(.repeated(.id))
    ),
    ("/sys/pk/other/thing/service/property/set", alink(setMethod), .otherDevice),
    ("/sys/pl/device/thing/service/property/set", alink(setMethod), .otherDevice),
    ("/ota/device/upgrade/pk/other", "{}", .otherDevice),
    ("thing/service/property/set_reply", alink(setMethod), .reply),
    (
      "/ota/device/upgrade/pk/device",
      #"{"code":500,"message":"none upgrade operation of the device."}"#, .code
    ),
    ("/ota/device/upgrade/pk/device", #"{"code":1000,"id":1}"#, .parameters),
    ("/ext/error/pk/device", #"{"id":"3"}"#, .code),
    ("thing/property/desired/get_reply", #"{"id":"3","code":460,"data":{}}"#, .code),
    (
      "thing/property/desired/get_reply", #"{"id":"3","code":200,"data":{"a":1}}"#,
      .message(.member(.value))
    ),
    (
      "thing/model/config/push",
      #"{"id":7,"version":"1.0","method":"thing.model.config.push","data":{"digest":"ab","url":"https://h/f"}}"#,
      .message(.member(.digest))
    ),
    (
      "thing/model/config/push",
      #"{"id":7,"version":"1.0","method":"thing.model.config.push","data":{"digest":"\#(digest)","url":"http://h/f"}}"#,
      .file(.notHTTPS)
    ),
  ])
  func `what cannot be answered is dropped`(topic: String, message: String, fault: DownlinkFault) {
    let desk = Desk()
    #expect(desk.take(topic, message) == "dropped")
    #expect(desk.fault == fault)
  }

  @Test(arguments: [
    (#""getType":"stream""#, DownlinkFault.fileType), (#""getType":1"#, .fileType),
    (#""url":"http://h/f""#, .file(.notHTTPS)), (#""url":"https://""#, .file(.notHTTPS)),
    (#""configSize":0"#, .file(.empty)), (#""configSize":"x""#, .message(.number(.size))),
    (#""sign":"93230c3bde425a9d7984a594ac55ea1e","signMethod":"Md5""#, .file(.digestMethod)),
    (#""sign":"xyz""#, .message(.member(.sign))),
  ])
  func `a configuration that is not to be fetched is refused`(
    change: String,
    fault: DownlinkFault
  ) throws {
    var members = [
      "configId": #""c""#, "configSize": "3", "sign": "\"\(Self.digest)\"",
      "signMethod": #""Sha256""#,
      "url": #""HTTPS://h/f""#,
    ]
    let desk = Desk()
    func message() -> String {
      alink(
        "thing.config.push",
        "{" + members.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",") + "}"
      )
    }
    #expect(desk.take("thing/config/push", message()).hasPrefix("notice configuration"))
    for part in change.split(separator: ",") {
      let pair = part.split(separator: ":", maxSplits: 1)
      members[String(pair[0]).replacing("\"", with: "")] = String(pair[1])
    }
    let said = desk.take("thing/config/push", message())
    #expect(said == #"refused thing/config/push_reply {"id":"7","code":460,"data":{}}"#)
    #expect(desk.fault == fault)
  }

  @Test func `a message that is too long to be checked is refused, with its id`() {
    var settings = DownlinkSettings()
    settings.maxMessage = 100
    let desk = Desk(settings)
    let message = alink(Self.setMethod, #"{"a":"0123456789012345678901234567890123456789"}"#)
    #expect(desk.take(Self.set, message).hasPrefix("refused"))
    #expect(desk.fault == .messageTooLong(message.utf8.count))
  }

  @Test func `a kind that is not taken is dropped`() {
    var settings = DownlinkSettings()
    settings.taken.remove(.synchronousCall)
    let desk = Desk(settings)
    #expect(desk.take("rrpc/request/1", "hi") == "dropped")
    #expect(desk.fault == .notTaken)
  }

  @Test func `what comes for the sub-device that is named is handed over as its own`() throws {
    let desk = Desk()
    let meter = device("pk2", "meter")
    let topic = "/sys/pk2/meter/thing/disable"
    #expect(desk.take(topic, alink("thing.disable")) == "dropped")
    #expect(desk.fault == .otherDevice)
    let said = desk.take(topic, alink("thing.disable"), subDevice: meter)
    #expect(
      said
        == #"notice disable {}, sent /sys/pk2/meter/thing/disable_reply {"id":"7","code":200,"data":{}}"#
    )
    let downlink = try #require(desk.downlink)
    #expect(downlink.isOfSubDevice)
    #expect(desk.dispatcher.standing == .enabled)
    #expect(desk.take(Self.set, alink(Self.setMethod), subDevice: meter).hasPrefix("request"))
  }

  @Test func `what the platform says of the device is remembered`() {
    let desk = Desk()
    for (id, word, standing) in [
      (1, "disable", DeviceStanding.disabled), (2, "enable", .enabled), (3, "delete", .deleted),
    ] {
      _ = desk.take("thing/\(word)", alink("thing.\(word)", id: "\(id)"))
      #expect(desk.dispatcher.standing == standing)
    }
  }

  // MARK: - The thing model

  private static let model = """
    {"properties":[
      {"identifier":"a","accessMode":"rw","dataType":{"type":"int","specs":{"min":"0","max":"9"}}},
      {"identifier":"r","accessMode":"r","dataType":{"type":"int","specs":{}}}],
     "services":[{"identifier":"Weigh","inputData":[
      {"identifier":"kg","required":true,"dataType":{"type":"double","specs":{"max":"200"}}}]}]}
    """

  @Test(
    arguments: [
      (set, alink(setMethod, #"{"a":9}"#), nil),
      (set, alink(setMethod, #"{"a":10}"#), 460),
      (set, alink(setMethod, #"{"r":1}"#), 460),
      (set, alink(setMethod, #"{"other":1}"#), 460),
      ("thing/service/property/get", alink("thing.service.property.get", #"["a","r"]"#), nil),
      ("thing/service/property/get", alink("thing.service.property.get", #"["b"]"#), 460),
      ("thing/service/Weigh", alink("thing.service.Weigh", #"{"kg":100.8}"#), nil),
      ("thing/service/Weigh", alink("thing.service.Weigh", #"{"kg":201}"#), 460),
      ("thing/service/Weigh", alink("thing.service.Weigh", "{}"), 460),
      ("thing/service/Other", alink("thing.service.Other", "{}"), 460),
      ("rrpc/request/9", alink("thing.service.Weigh", #"{"kg":1}"#), nil),
      ("rrpc/request/9", alink("thing.service.Weigh", #"{"kg":"1"}"#), 460),
      ("rrpc/request/9", alink("thing.service.property.set", #"{"r":1}"#), 460),
      ("rrpc/request/9", alink("thing.service.property.get", #"["a"]"#), nil),
      ("rrpc/request/9", "hi", nil), ("thing/model/down_raw", "hi", nil),
    ] as [(String, String, Int?)]
  )
  func `what the thing model does not have is refused with 460`(
    topic: String,
    message: String,
    code: Int?
  ) {
    let desk = Desk()
    let said = desk.take(topic, message, model: Self.model)
    #expect(said.hasPrefix(code == nil ? "request 1" : "refused"))
    if code != nil {
      guard case .model? = desk.fault else {
        Issue.record("\(String(describing: desk.fault))")
        return
      }
    }
  }

  // MARK: - Whatever comes

  @Test(arguments: [
    (set, alink(setMethod, #"{"a":[1,{"b":"\u00e9"}]}"#)),
    ("thing/service/Weigh", alink("thing.service.Weigh", #"{"kg":2}"#)),
    ("rrpc/request/9", alink("thing.service.Weigh", #"{"kg":2}"#)),
    (
      "thing/topo/add/notify",
      alink("thing.topo.add.notify", #"[{"productKey":"pk2","deviceName":"meter"}]"#)
    ),
    (
      "/ota/device/upgrade/pk/device",
      #"{"code":"1000","data":{"size":1,"version":"2","url":"https://h/f","md5":"93230c3bde425a9d7984a594ac55ea1e"},"id":1}"#
    ),
    (
      "thing/property/desired/get_reply",
      #"{"id":"3","code":200,"data":{"a":{"value":1,"version":2}}}"#
    ),
  ])
  func `no truncation and no flipped bit of a message traps`(topic: String, message: String) {
    let desk = Desk()
    let (topic, message) = (bytes(whole(topic)), bytes(message))
    for count in 0..<message.count { _ = desk.take(topic, Array(message[..<count]), Self.model) }
    for bit in 0..<message.count * 8 {
      var flipped = message
      flipped[bit / 8] ^= 1 << (bit % 8)
      _ = desk.take(topic, flipped, Self.model)
      #expect(desk.dispatcher.openCount <= 4)
    }
  }

  @Test func `every fault has its sentence`() {
    let faults: [DownlinkFault] = [
      .topicTooLong(129), .topic, .unknownTopic, .reply, .otherDevice, .notTaken,
      .message(.malformed),
      .messageTooLong(9), .id, .version, .method, .code, .parameters, .nameTwice(offset: 1), .names,
      .fileType,
      .file(.notHTTPS), .file(.empty), .file(.digestMethod), .model(.unknownService), .repeated,
      .idInUse,
      .tooManyOpen,
    ]
    #expect(Set(faults.map { "\($0)" }).count == faults.count)
    #expect(faults.allSatisfy { !"\($0)".isEmpty })
  }
}
