// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import OpenSSLSupport
import PayloadValues
import PlatformBroker
import PlatformCore
import TestSupport
import Testing

/// A front with gateway device1 on connection 1, to which sub/one01 to sub/five5 belong, and device2 on 2.
final class GatewayBench {
  static let names = ["one01", "two02", "three", "four4", "five5"]
  let bench: FrontBench
  private var lastID = 0

  init(
    connects: Bool = true,
    _ configure: (inout PlatformConfiguration) -> Void = { _ in },
    _ assume: (inout BrokerAssumptions) -> Void = { _ in }
  ) throws {
    bench = FrontBench(
      {
        $0.subDevices = Self.names.map {
          SimulatedSubDevice(productKey: "sub", deviceName: $0, secret: Array("s-\($0)".utf8))
        }
        $0.subDevices.append(SimulatedSubDevice(productKey: "sub", deviceName: "fresh"))
        configure(&$0)
      },
      assume
    )
    guard connects else { return }
    for (number, name) in [(UInt64(1), "device1"), (2, "device2")] {
      bench.connect(try bench.request(number, device: name))
      for filter in ["/ext/session/pk/\(name)/#", "/ext/error/pk/\(name)"] {
        #expect(bench.subscribe(number, filter, qos: 0).texts == ["secure accept "])
      }
    }
    for name in Self.names { try add(name) }
  }

  /// Adds a sub-device to the topology of a gateway.
  func add(_ name: String, to gateway: String = "device1", over connection: UInt64 = 1) throws {
    let content = Array("deviceName\(name)productKeysubtimestamp1".utf8)
    let key = Array("s-\(name)".utf8)
    let sign = hexText(try Hash.sha1.hmac(key: key.span, content: content.span).bytes)
    _ = bench.publish(
      connection,
      "/sys/pk/\(gateway)/thing/topo/add",
      #"{"id":"1","version":"1.0","method":"thing.topo.add","params":[{"deviceName":"\#(name)","#
        + #""productKey":"sub","sign":"\#(sign)","signmethod":"hmacSha1","timestamp":"1"}]}"#
    )
    let state = bench.core.things.state(productKey: "pk", deviceName: gateway)
    #expect(state?.topology.map(\.deviceName).contains(name) == true)
  }

  /// The params of a login, signed.
  static func login(
    _ name: String,
    method: String = "hmacSha1",
    hash: Hash = .sha1,
    secret: String? = nil
  ) throws -> PayloadValue {
    let content = Array("clientIdcdeviceName\(name)productKeysubtimestamp7".utf8)
    let key = Array((secret ?? "s-\(name)").utf8)
    let sign = hexText(try hash.hmac(key: key.span, content: content.span).bytes)
    return [
      "productKey": "sub", "deviceName": .text(name), "clientId": "c", "timestamp": "7",
      "signMethod": .text(method), "sign": .text(sign), "cleanSession": "true",
    ]
  }

  /// What comes back for a request at `/ext/session`.
  func ask(
    _ method: String,
    _ parameters: PayloadValue,
    over connection: UInt64 = 1,
    id: PayloadValue? = nil,
    qos: UInt8 = 0
  ) -> PayloadValue? {
    lastID += 1
    let value: PayloadValue = ["id": id ?? .text("\(lastID)"), "params": parameters]
    return send(method, value.encoded(.json), over: connection, qos: qos)
  }

  func send(
    _ method: String,
    _ payload: [UInt8],
    over connection: UInt64 = 1,
    qos: UInt8 = 0
  ) -> PayloadValue? {
    let topic = "/ext/session/pk/device\(connection)/combine/\(method)"
    var request = PublishRequest(connection: connection, topic: topic)
    request.payload = payload
    request.qos = qos
    let output = bench.front.handle(.publish(request), from: .secure, at: bench.now)
    #expect(output.texts.last == "secure accept ")
    last = output
    return output.messages(topic + "_reply").first
  }

  /// The last output.
  var last = BrokerFront.Output()

  func logIn(_ name: String, over connection: UInt64 = 1) throws -> Int64? {
    ask("login", try Self.login(name), over: connection)?["code"]?.integer
  }

  /// Reports for a sub-device; the codes of `/ext/error`.
  func report(_ name: String, over connection: UInt64 = 1, id: String = "77") -> [PayloadValue] {
    last = bench.publish(
      connection,
      "/sys/sub/\(name)/thing/event/property/post",
      #"{"id":"\#(id)","version":"1.0","method":"thing.event.property.post","params":{"p":{"value":1}}}"#
    )
    return last.messages("/ext/error/pk/device\(connection)")
  }

  func value(of name: String) -> PayloadValue? {
    bench.core.things.state(productKey: "sub", deviceName: name)?.properties["p"]?.value
  }
}

extension BrokerFront.Output {
  /// The messages delivered on a topic.
  func messages(_ topic: String) -> [PayloadValue] {
    orders.compactMap { _, order in
      guard case .deliver(_, _, topic, let payload) = order else { return nil }
      return PayloadValue(payload, .json)
    }
  }
}

@Suite("Device guide 5 and 6.4: sub-devices over their gateway's connection")
struct SubDeviceSessionTests {
  @Test(arguments: [
    ("hmacMd5", Hash.md5), ("hmacSha1", .sha1), ("hmacSha256", .sha256), ("Sha256", .sha256),
    ("hmacmd5", .md5),
  ])
  func `each sign method of the guide lets a sub-device in`(method: String, hash: Hash) throws {
    let bench = try GatewayBench()
    let reply = bench.ask(
      "login",
      try GatewayBench.login("one01", method: method, hash: hash),
      id: "123"
    )
    #expect(reply == ["id": "123", "code": 200, "message": "success", "data": ""])
    #expect(bench.report("one01").isEmpty)
    #expect(bench.value(of: "one01") == 1)
    #expect(
      bench.ask("logout", ["productKey": "sub", "deviceName": "one01"], id: 123)
        == ["id": 123, "code": 200, "message": "success", "data": ""]
    )
    #expect(bench.report("one01").count == 1)
  }

  @Test func `each code of a login, with its text`() throws {
    let bench = try GatewayBench({ $0.subDeviceLimit = 5 })
    func code(_ parameters: PayloadValue) -> String {
      let reply = bench.ask("login", parameters)
      return "\(reply?["code"]?.integer ?? 0) \(reply?["message"]?.string ?? "")"
    }
    let good = try GatewayBench.login("one01")
    #expect(code([:]) == "460 request parameter error")
    #expect(code([1]) == "460 request parameter error")
    for name in ["productKey", "deviceName", "clientId", "timestamp", "signMethod", "sign"] {
      guard case .object(let members) = good else { return }
      #expect(code(.object(members.filter { $0.name != name })) == "460 request parameter error")
    }
    #expect(bench.send("login", Array("{".utf8))?["code"] == 460)
    #expect(bench.send("login", Array(#"{"id":"x","params":{}}"#.utf8))?["code"] == 460)
    #expect(code(try GatewayBench.login("never")) == "6100 device not found")
    #expect(code(try GatewayBench.login("fresh")) == "6401 topo relation not exist")
    #expect(code(try GatewayBench.login("one01", secret: "x")) == "6287 invalid sign")
    bench.bench.core.things.setDisabled(true, productKey: "sub", deviceName: "two02")
    #expect(code(try GatewayBench.login("two02")) == "522 device forbidden")
    bench.bench.core.things.deleteSubDevice(productKey: "sub", deviceName: "three")
    #expect(code(try GatewayBench.login("three")) == "521 device deleted")
    bench.bench.core.things.failures = [SimulatedFailure(status: 500, kind: .authentication)]
    #expect(code(good) == "500 server error")
    #expect(code(good) == "200 success")
  }

  @Test func `the sixth login of one sub-device within a minute gets 429`() throws {
    let bench = try GatewayBench()
    for _ in 0..<5 { #expect(try bench.logIn("one01") == 200) }
    let reply = bench.ask("login", try GatewayBench.login("one01"))
    #expect(reply?["code"] == 429)
    #expect(reply?["message"] == "too many requests")
    #expect(try bench.logIn("two02") == 200)
    bench.bench.now = bench.bench.now + Milliseconds(60_000)
    #expect(try bench.logIn("one01") == 200)
  }

  @Test func `one more than the limit gets 428, one that is in may come again`() throws {
    let bench = try GatewayBench({ $0.subDeviceLimit = 2 })
    #expect(try bench.logIn("one01") == 200)
    #expect(try bench.logIn("two02") == 200)
    let reply = bench.ask("login", try GatewayBench.login("three"))
    #expect(reply?["code"] == 428)
    #expect(reply?["message"] == "too many subdevices under gateway")
    #expect(try bench.logIn("one01") == 200)
    #expect(bench.ask("logout", ["productKey": "sub", "deviceName": "one01"])?["code"] == 200)
    #expect(try bench.logIn("three") == 200)
  }

  @Test func `a logout of one that is not in gets 520`() throws {
    let bench = try GatewayBench()
    let names: PayloadValue = ["productKey": "sub", "deviceName": "one01"]
    let reply = bench.ask("logout", names)
    #expect(reply?["code"] == 520)
    #expect(reply?["message"] == "device no session")
    #expect(bench.ask("logout", [:])?["code"] == 460)
    #expect(try bench.logIn("one01") == 200)
    // Over another gateway it has none.
    #expect(bench.ask("logout", names, over: 2)?["code"] == 520)
    #expect(bench.ask("logout", names)?["code"] == 200)
  }

  @Test func `a report of one that is not in gets 520, with the id of the message`() throws {
    let bench = try GatewayBench()
    #expect(
      bench.report("one01", id: "4711") == [
        [
          "id": "4711", "code": 520, "message": "device session error",
          "data": ["productKey": "sub", "deviceName": "one01"],
        ]
      ]
    )
    #expect(bench.value(of: "one01") == nil)
    #expect(try bench.logIn("one01") == 200)
    // Online, and not over this gateway.
    #expect(bench.report("one01", over: 2).map { $0["code"] } == [520])
    let bare = try GatewayBench({ _ in }, { $0.namesInErrors = false })
    #expect(
      bare.report("one01", id: "1")
        == [["id": "1", "code": 520, "message": "device session error"]]
    )
  }

  @Test func `logins have QoS 0 alone`() throws {
    let bench = try GatewayBench()
    #expect(bench.ask("login", try GatewayBench.login("one01"), qos: 1) == nil)
    #expect(bench.last.records.first?.note.contains("QoS 0 alone") == true)
    #expect(bench.bench.core.onlineSubDevices.isEmpty)
    #expect(bench.ask("login", try GatewayBench.login("one01")) != nil)
    let qos = bench.last.orders.compactMap { _, order -> UInt8? in
      if case .deliver(_, let qos, _, _) = order { qos } else { nil }
    }
    #expect(qos == [0])
  }

  @Test func `what ends a session is told with its code`() throws {
    let bench = try GatewayBench()
    for name in GatewayBench.names { #expect(try bench.logIn(name) == 200) }
    func told(_ output: BrokerFront.Output, _ gateway: String = "device1") -> [String] {
      output.messages("/ext/error/pk/\(gateway)").map {
        "\($0["code"]?.integer ?? 0) \($0["message"]?.string ?? "") "
          + "\($0["data"]?["deviceName"]?.string ?? "")"
      }
    }
    // 6401: taken out of the topology.
    let deleted = bench.bench.publish(
      1,
      "/sys/pk/device1/thing/topo/delete",
      #"{"id":"2","version":"1.0","method":"thing.topo.delete","params":[{"deviceName":"one01","#
        + #""productKey":"sub"}]}"#
    )
    #expect(told(deleted) == ["6401 topo relation not exist one01"])
    // 522 and 521: the console's.
    for (kind, name, text) in [
      (PushRequest.Kind.disable, "two02", "522 device forbidden two02"),
      (.delete, "three", "521 device deleted three"),
    ] {
      let push = PushRequest(kind, productKey: "sub", deviceName: name)
      #expect(told(bench.bench.front.push(push, at: bench.bench.now).output) == [text])
    }
    // 427: it logs in over another gateway.
    try bench.add("four4", to: "device2", over: 2)
    #expect(try bench.logIn("four4", over: 2) == 200)
    #expect(told(bench.last) == ["427 device connect in elsewhere four4"])
    #expect(bench.report("four4", over: 2).isEmpty)
    // 427: the console throws it out.
    let kicked = bench.bench.front.close("sub/five5", notice: true, at: bench.bench.now)
    #expect(kicked.wasOnline)
    #expect(told(kicked.output) == ["427 device connect in elsewhere five5"])
    for name in ["one01", "two02", "three", "five5"] {
      #expect(bench.report(name).map { $0["code"] } == [520], "\(name)")
    }
    #expect(
      bench.bench.front.close("sub/five5", notice: false, at: bench.bench.now).wasOnline == false
    )
    // Enabled again it may come.
    _ = bench.bench.front.push(
      PushRequest(.enable, productKey: "sub", deviceName: "two02"),
      at: bench.bench.now
    )
    #expect(try bench.logIn("two02") == 200)
  }

  @Test func `the end of the gateway's connection ends them all, without a word`() throws {
    let bench = try GatewayBench()
    for name in GatewayBench.names { #expect(try bench.logIn(name) == 200) }
    #expect(bench.bench.front.online.count == 7)
    #expect(bench.bench.front.online.last?.gateway == "pk/device1")
    // Another connection of the same gateway.
    bench.bench.connect(try bench.bench.request(3))
    _ = bench.bench.subscribe(3, "/ext/error/pk/device1", qos: 0)
    #expect(bench.bench.core.onlineSubDevices.isEmpty)
    #expect(
      bench.bench.front.handle(.disconnect(connection: 1), from: .secure, at: bench.bench.now)
        .texts.isEmpty
    )
    let absent = bench.bench.publish(3, "/sys/sub/one01/thing/event/property/post", "{}")
    #expect(absent.messages("/ext/error/pk/device1").map { $0["code"] } == [520])
  }

  @Test func `a direct connection of a sub-device and its session throw each other out`() throws {
    let bench = try GatewayBench({
      $0.devices.append(
        SimulatedDevice(productKey: "pk", deviceName: "both", secret: Array(FrontBench.secret.utf8))
      )
      $0.subDevices.append(
        SimulatedSubDevice(productKey: "pk", deviceName: "both", secret: Array("s-both".utf8))
      )
    })
    let content = Array("clientIdcdeviceNamebothproductKeypktimestamp7".utf8)
    let key = Array("s-both".utf8)
    let sign = hexText(try Hash.sha1.hmac(key: key.span, content: content.span).bytes)
    let entry = Array("deviceNamebothproductKeypktimestamp7".utf8)
    let entrySign = hexText(try Hash.sha1.hmac(key: key.span, content: entry.span).bytes)
    _ = bench.bench.publish(
      1,
      "/sys/pk/device1/thing/topo/add",
      #"{"id":"1","version":"1.0","method":"thing.topo.add","params":[{"deviceName":"both","#
        + #""productKey":"pk","sign":"\#(entrySign)","signmethod":"hmacSha1","timestamp":"7"}]}"#
    )
    bench.bench.connect(try bench.bench.request(9, device: "both"))
    let login: PayloadValue = [
      "productKey": "pk", "deviceName": "both", "clientId": "c", "timestamp": "7",
      "signMethod": "hmacSha1", "sign": .text(sign), "cleanSession": "true",
    ]
    #expect(bench.ask("login", login)?["code"] == 200)
    #expect(bench.last.texts.contains { $0.hasPrefix("secure close d") })
    _ = bench.bench.front.handle(.disconnect(connection: 9), from: .secure, at: bench.bench.now)
    let direct = bench.bench.connect(try bench.bench.request(10, device: "both"))
    #expect(direct.messages("/ext/error/pk/device1").map { $0["code"] } == [427])
    #expect(bench.bench.core.gateway(of: "pk/both") == nil)
  }

  @Test func `topics of a sub-device are its gateway's only while it is in`() throws {
    let bench = try GatewayBench()
    let filter = "/sys/sub/one01/thing/#"
    #expect(bench.bench.subscribe(1, filter).texts == ["secure refuse 0"])
    #expect(try bench.logIn("one01") == 200)
    #expect(bench.bench.subscribe(1, filter).texts == ["secure accept "])
    #expect(bench.bench.subscribe(1, "/sys/sub/two02/thing/#").texts == ["secure refuse 0"])
    #expect(bench.bench.subscribe(1, "/sys/sub/+/thing/#").texts == ["secure refuse 0"])
    #expect(bench.report("one01").isEmpty)
    #expect(
      bench.last.messages("/sys/sub/one01/thing/event/property/post_reply")
        .map { $0["code"] } == [200]
    )
    // A sub-device has no sessions of its own, and none of a topic that the guide has not.
    #expect(
      bench.bench.publish(1, "/ext/session/sub/one01/combine/login").records.first?.outcome
        == "refused, PUBACK"
    )
    #expect(
      bench.bench.publish(1, "/sys/sub/one01/thing/other").records.first?.outcome
        == "refused, PUBACK"
    )
    // One that no register has is a stranger's as before.
    #expect(
      bench.bench.publish(1, "/sys/sub/never/thing/event/property/post").records.first?.note
        == "the topic does not name the device of this token"
    )
  }

  @Test func `200 subscriptions are each device's own`() throws {
    let bench = try GatewayBench({ $0.takesAnyTopic = true })
    #expect(try bench.logIn("one01") == 200)
    for number in 0..<200 {
      #expect(bench.bench.subscribe(1, "/sub/one01/t\(number)").texts == ["secure accept "])
    }
    #expect(bench.bench.subscribe(1, "/sub/one01/t200").texts == ["secure refuse 0"])
    #expect(bench.bench.subscribe(1, "/sub/one01/t7").texts == ["secure accept "])
    #expect(bench.bench.subscribe(1, "/pk/device1/t").texts == ["secure accept "])
    _ = bench.bench.front.handle(
      .unsubscribe(connection: 1, filter: "/sub/one01/t7"),
      from: .secure,
      at: bench.bench.now
    )
    #expect(bench.bench.subscribe(1, "/sub/one01/t200").texts == ["secure accept "])
  }

  @Test func `a push reaches a sub-device over its gateway, and its answer ends it`() throws {
    let bench = try GatewayBench()
    var push = PushRequest(.propertySet, productKey: "sub", deviceName: "one01")
    push.parameters = ["p": 1]
    func outcome() -> PushResult.Outcome? {
      if case .ended(let result) = bench.bench.front.push(push, at: bench.bench.now).start {
        result.outcome
      } else {
        nil
      }
    }
    #expect(outcome() == .offline)
    #expect(try bench.logIn("one01") == 200)
    #expect(outcome() == .unsubscribed)
    _ = bench.bench.subscribe(1, "/sys/sub/one01/thing/service/property/set")
    let (start, output) = bench.bench.front.push(push, at: bench.bench.now)
    guard case .waiting(let number) = start else {
      Issue.record("\(start)")
      return
    }
    let topic = "/sys/sub/one01/thing/service/property/set"
    let identifier = try #require(output.messages(topic).first?["id"]?.string)
    let answer = bench.bench.publish(
      1,
      topic + "_reply",
      #"{"id":"\#(identifier)","code":200,"data":{}}"#
    )
    #expect(answer.endings.map(\.push) == [number])
    #expect(answer.endings.first?.result.outcome == .answered)
  }

  @Test func `a batch takes each sub-device by itself`() throws {
    let bench = try GatewayBench()
    func element(_ name: String, secret: String? = nil) throws -> PayloadValue {
      let login = try GatewayBench.login(name, secret: secret)
      return .object((login.members ?? []).filter { $0.name != "signMethod" })
    }
    let all = bench.ask(
      "batch_login",
      [
        "signMethod": "hmacSha1",
        "deviceList": .array([try element("one01"), try element("two02", secret: "x")]),
      ]
    )
    #expect(all?["code"] == 200)
    #expect(all?["data"] == [["deviceName": "one01", "productKey": "sub"]])
    let none = bench.ask(
      "batch_login",
      ["signMethod": "hmacSha1", "deviceList": .array([try element("two02", secret: "x")])]
    )
    #expect(none?["code"] == 6_287)
    for list in [[], Array(repeating: PayloadValue.integer(1), count: 51)] as [[PayloadValue]] {
      let reply = bench.ask("batch_login", ["signMethod": "hmacSha1", "deviceList": .array(list)])
      #expect(reply?["code"] == 460)
    }
    let without = try GatewayBench({ _ in }, { $0.servesBatchLogin = false })
    #expect(without.ask("batch_login", ["signMethod": "hmacSha1", "deviceList": []]) == nil)
  }

  @Test func `with the switch off no new sub-device gets a secret`() throws {
    let bench = try GatewayBench({
      var product = SimulatedProduct(key: "sub")
      product.registersSubDevices = false
      $0.products = [product]
    })
    _ = bench.bench.subscribe(1, "/sys/pk/device1/thing/sub/register_reply")
    func register(_ name: String) -> PayloadValue? {
      let topic = "/sys/pk/device1/thing/sub/register"
      return bench.bench.publish(
        1,
        topic,
        #"{"id":"1","version":"1.0","method":"thing.sub.register","params":[{"deviceName":"\#(name)","#
          + #""productKey":"sub"}]}"#
      ).messages(topic + "_reply").first
    }
    #expect(register("fresh")?["code"] == 401)
    // An active one keeps its own (6.2).
    #expect(register("one01")?["data"]?.elements?.first?["deviceSecret"] == "s-one01")
  }
}
