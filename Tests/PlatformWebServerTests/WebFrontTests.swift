// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import OpenSSLSupport
import PayloadValues
import PlatformCore
import PlatformFaults
import PlatformWebServer
import TestSupport
import Testing

@Suite("The platform's side of HTTPS, without a connection (device guide 3.8)")
struct WebFrontTests {
  @Test(arguments: [Hash.md5, .sha1])
  func `a device gets a token of 32 digits, and reports with it`(hash: Hash) throws {
    let bench = WebBench()
    let outcome = bench.post("/auth", try WebBench.credentials(hash: hash))
    #expect(outcome.answer.status == 200)
    #expect(outcome.answer.value("Content-Type") == "application/json;charset=utf-8")
    #expect(outcome.code == 0 && outcome.value?["message"]?.string == "success")
    let token = try #require(outcome.value?["info"]?["token"]?.string)
    #expect(token.count == 32 && token.allSatisfy(\.isHexDigit))
    #expect(outcome.record.device == "pk/device1" && outcome.record.kind == .authentication)
    let report = bench.report(token)
    #expect(report.code == 0)
    let id = try #require(report.value?["info"]?["messageId"]?.integer)
    #expect(id > 892_687_627_916_247_040 && report.record.messageID == UInt64(id))
    #expect(report.record.isAcceptedReport && report.record.payload == Array("1".utf8))
    #expect(bench.report(token).value?["info"]?["messageId"]?.integer == id + 1)
  }

  @Test func `a worked example of the guide's rule is taken`() throws {
    // HMAC-SHA1 with the key "secret" of clientId12345deviceNamedeviceproductKeypktimestamp789 (3.2, 3.8).
    let bench = WebBench { configuration, _ in
      configuration.devices = [
        SimulatedDevice(productKey: "pk", deviceName: "device", secret: Array("secret".utf8))
      ]
    }
    let body: PayloadValue = [
      "version": "default", "clientId": "12345", "signmethod": "hmacsha1",
      "sign": "FAFD82A3D602B37FB0FA8B7892F24A477F851A14", "productKey": "pk",
      "deviceName": "device", "timestamp": "789",
    ]
    var request = WebRequest("POST", "/auth")
    request.fields = [(name: "content-type", value: "Application/JSON; charset=utf-8")]
    request.body = body.encoded(.json)
    // The timestamp is of 1970, and so has to be the calendar.
    let (_, record) = bench.front.handle(request, at: bench.now, date: 900_789)
    #expect(record.code == 0, "\(record.note)")
    let late = bench.front.handle(request, at: bench.now, date: 900_790).record
    #expect(late.code == 20_000 && late.note.contains("15 minutes"))
  }

  @Test(arguments: [
    // 15 minutes in milliseconds, and one more.
    (-900_000, 0), (900_000, 0), (-900_001, 20_000), (900_001, 20_000),
  ])
  func `a timestamp counts 15 minutes to either side`(distance: Int64, code: Int64) throws {
    let bench = WebBench()
    let time = "\(Int64(WebBench.date) + distance)"
    let outcome = bench.post("/auth", try WebBench.credentials(["timestamp": time]))
    #expect(outcome.code == code, "\(outcome.record.note)")
  }

  @Test func `a timestamp may be a number, or missing`() throws {
    let bench = WebBench()
    let sign = try WebBench.sign(
      [
        "productKey": "pk", "deviceName": "device1", "clientId": "c",
        "timestamp": "\(WebBench.date)",
      ],
      .md5,
      WebBench.secret
    )
    let body: PayloadValue = [
      "productKey": "pk", "deviceName": "device1", "clientId": "c", "sign": .text(sign),
      "timestamp": PayloadValue(WebBench.date),
    ]
    #expect(bench.post("/auth", body.encoded(.json)).code == 0)
    #expect(bench.post("/auth", try WebBench.credentials(["timestamp": nil])).code == 0)
  }

  @Test func `each wrong authentication has its code`() throws {
    let bench = WebBench { configuration, _ in configuration.disabledDevices = ["pk/device2": 0] }
    let good = try WebBench.credentials()
    let cases: [(String, Outcome, Int64)] = [
      ("a query", bench.post("/auth?x=1", good), 10_001),
      ("another type", bench.post("/auth", good, "text/json"), 10_001),
      ("no type", bench.post("/auth", good, nil), 10_001),
      (
        "two types",
        bench.post("/auth", good, "application/json", [("content-type", "application/json")]),
        10_001
      ),
      ("no JSON", bench.post("/auth", Array("{".utf8)), 10_001),
      ("an array", bench.post("/auth", Array("[]".utf8)), 10_001),
      ("no clientId", bench.post("/auth", try WebBench.credentials(["clientId": nil])), 10_001),
      (
        "a long clientId",
        bench.post(
          "/auth",
          try WebBench.credentials(["clientId": String(repeating: "c", count: 65)])
        ),
        10_001
      ),
      ("sha256", bench.post("/auth", try WebBench.credentials(hash: .sha256)), 10_001),
      (
        "an unknown method",
        bench.post("/auth", try WebBench.credentials(["signmethod": "md5"], hash: .md5)), 10_001
      ),
      (
        "no decimal timestamp",
        bench.post("/auth", try WebBench.credentials(["timestamp": "0x10"])), 10_001
      ),
      (
        "an empty timestamp", bench.post("/auth", try WebBench.credentials(["timestamp": ""])),
        10_001
      ),
      (
        "a field of CoAP", bench.post("/auth", try WebBench.credentials(["seq": "1"])), 10_001
      ),
      (
        "a field twice",
        bench.post("/auth", Array(#"{"clientId":"c","clientId":"c"}"#.utf8)), 10_001
      ),
      (
        "a number", bench.post("/auth", try WebBench.credentials(unsigned: ["version": 1])), 10_001
      ),
      (
        "an unknown device",
        bench.post("/auth", try WebBench.credentials(["deviceName": "device3"])), 20_000
      ),
      (
        "another secret",
        bench.post("/auth", try WebBench.credentials(secret: Array("other".utf8))), 20_000
      ),
      (
        "a disabled device",
        bench.post("/auth", try WebBench.credentials(["deviceName": "device2"])), 20_000
      ),
    ]
    for (name, outcome, code) in cases {
      #expect(outcome.code == code, "\(name): \(outcome.record.note)")
      #expect(outcome.answer.status == 200 && !outcome.record.note.isEmpty, "\(name)")
      #expect(outcome.value?["info"] == nil, "\(name)")
    }
  }

  @Test func `each wrong report has its code`() throws {
    let bench = WebBench()
    let token = try bench.authenticate()
    let long = "/pk/device1/" + String(repeating: "x", count: 117)
    let cases: [(String, Outcome, Int64)] = [
      ("no token", bench.report(nil), 20_002),
      ("an empty token", bench.report(""), 20_002),
      ("an unknown token", bench.report(String(repeating: "0", count: 32)), 20_003),
      (
        "two tokens",
        bench.post(
          "/topic/pk/device1/user/update",
          [],
          "application/octet-stream",
          [("password", token), ("Password", token)]
        ),
        10_001
      ),
      ("another type", bench.report(token, "/pk/device1/user/update", [], "text/plain"), 10_001),
      ("no type", bench.report(token, "/pk/device1/user/update", [], nil), 10_001),
      ("a query", bench.report(token, "/pk/device1/user/update?a=b"), 10_001),
      ("a long topic", bench.report(token, long), 10_001),
      ("a broken escape", bench.report(token, "/pk/device1/user/upd%2"), 10_001),
      ("bytes that are no UTF-8", bench.report(token, "/pk/device1/user/%FF"), 10_001),
      ("another device's topic", bench.report(token, "/pk/device2/user/update"), 10_001),
      ("no topic", bench.report(token, "/"), 10_001),
      ("a topic to subscribe to", bench.report(token, "/pk/device1/user/get"), 10_001),
      (
        "a topic that the guide has not", bench.report(token, "/sys/pk/device1/thing/x"), 10_001
      ),
    ]
    for (name, outcome, code) in cases {
      #expect(outcome.code == code, "\(name): \(outcome.record.note)")
      #expect(!outcome.record.isAcceptedReport && !outcome.record.note.isEmpty, "\(name)")
    }
    #expect(bench.report(token, "/pk/device1/user/%75pdate").code == 0)
  }

  @Test func `a token is good for 7 days, and the newest alone`() throws {
    var bench = WebBench()
    let first = try bench.authenticate()
    let second = try bench.authenticate()
    #expect(bench.report(first).code == 20_003)
    #expect(bench.report(second).code == 0)
    let other = try bench.authenticate("device2")
    #expect(bench.report(second).code == 0)
    #expect(bench.report(other, "/pk/device2/user/update").code == 0)
    bench.now = bench.now + Milliseconds(7 * 24 * 3_600 * 1_000 - 1)
    #expect(bench.report(second).code == 0)
    bench.now = bench.now + Milliseconds(1)
    #expect(bench.report(second).code == 20_001)
  }

  @Test func `a token that is taken back has ended, one of a disabled device leads nowhere`() throws
  {
    let bench = WebBench { configuration, settings in
      configuration.tokenUses = 1
      settings.assumptions.disabledDevice = 40_000
    }
    let first = try bench.authenticate()
    #expect(bench.report(first).code == 0)
    #expect(bench.report(first).code == 20_001)
    let second = try bench.authenticate()
    bench.core.things.takeBackToken(productKey: "pk", deviceName: "device1")
    #expect(bench.report(second).code == 20_001)
    let third = try bench.authenticate()
    bench.core.things.setDisabled(true, productKey: "pk", deviceName: "device1")
    #expect(bench.report(third).code == 40_000)
  }

  @Test func `tokens of CoAP and of MQTT open nothing here, and the other way round`() throws {
    let bench = WebBench()
    var notes = RequestNotes()
    let fields = ["productKey": "pk", "deviceName": "device1", "clientId": "c"]
    var signed = fields
    signed["sign"] = try WebBench.sign(fields, .md5, WebBench.secret)
    let coap = try bench.core.authenticate(
      SubmittedCredentials(fields: signed),
      at: bench.now,
      &notes
    ).session
    #expect(bench.report(String(decoding: coap.token, as: UTF8.self)).code == 20_003)
    let token = try bench.authenticate()
    // The new token has not ended that of CoAP.
    #expect(try bench.core.session(coap.token, at: bench.now, &notes) === coap)
    #expect(throws: Refusal.self) {
      try bench.core.session(Array(token.utf8), at: bench.now, &notes)
    }
    #expect(throws: Refusal.self) {
      try bench.core.connect(name: "", token: token, at: bench.now, &notes)
    }
  }

  @Test func `131,072 bytes are taken, and the thing model sees a report`() throws {
    let bench = WebBench()
    let token = try bench.authenticate()
    let payload = [UInt8](repeating: 0xA5, count: 131_072)
    #expect(bench.report(token, "/pk/device1/user/update", payload).code == 0)
    var request = WebRequest("POST", "/topic/pk/device1/user/update")
    request.fields = [
      (name: "password", value: token), (name: "Content-Type", value: "application/octet-stream"),
    ]
    #expect(WebFront.bodyLimit(of: request) == 131_072)
    request.isTooLong = true
    #expect(bench.send(request).code == 10_001)
    let post: PayloadValue = [
      "id": "1", "version": "1.0", "params": ["Power": ["value": "on"]],
      "method": "thing.event.property.post",
    ]
    let topic = "/sys/pk/device1/thing/event/property/post"
    let outcome = bench.report(token, topic, post.encoded(.json))
    #expect(outcome.code == 0 && outcome.record.replyCode == .success)
    #expect(outcome.record.alinkMethod == "thing.event.property.post")
    let state = bench.core.things.state(productKey: "pk", deviceName: "device1")
    #expect(state?.properties["Power"] != nil)
    // The refusal is the thing model's, and a device does not hear of it over HTTPS.
    let wrong = bench.report(token, topic, Array("{}".utf8))
    #expect(wrong.code == 0 && wrong.record.replyCode == .parameterError)
  }

  @Test func `planned failures have their status and code`() throws {
    let bench = WebBench { configuration, _ in
      configuration.failures = [
        SimulatedFailure(status: 429, retryAfter: 7, kind: .report),
        SimulatedFailure(status: 503, kind: .authentication),
        SimulatedFailure(status: 30_001, times: 2, kind: .report),
        SimulatedFailure(status: 20_004, retryAfter: 3, kind: .authentication),
      ]
    }
    let busy = bench.report("token")
    #expect(busy.answer.status == 429 && busy.code == 40_000)
    #expect(busy.answer.value("retry-after") == "7")
    for _ in 0..<2 {
      let outcome = bench.report("token")
      #expect(outcome.answer.status == 200 && outcome.code == 30_001)
    }
    #expect(bench.report("token").code == 20_003)
    let down = bench.post("/auth", try WebBench.credentials())
    #expect(down.answer.status == 503 && down.code == 10_000)
    let full = bench.post("/auth", try WebBench.credentials())
    #expect(full.code == 20_004 && full.answer.value("Retry-After") == "3")
    #expect(bench.post("/auth", try WebBench.credentials()).code == 0)
    // A code of HTTPS is not for other fronts.
    var notes = RequestNotes()
    let other = WebBench { configuration, _ in
      configuration.failures = [SimulatedFailure(status: 30_001)]
    }
    #expect(
      other.core.nextFailure(.report, token: nil, at: Instant(milliseconds: 0), &notes) == nil
    )
    #expect(other.report("token").code == 30_001)
  }

  @Test func `a fault of one device finds it by the names in its request, before it has a token`()
    throws
  {
    let bench = WebBench()
    let rule = try #require(FaultRule.rules("answer=5.03,device=device2").first)
    #expect(bench.core.faults.add(rule, at: bench.now) == 1)
    #expect(bench.post("/auth", try WebBench.credentials()).answer.status == 200)
    let other = try WebBench.credentials(["deviceName": "device2"])
    #expect(bench.post("/auth", other).answer.status == 503)
    for target in ["/auth/devicename", "/auth/register/device"] {
      for (name, isFailed) in [("device1", false), ("device2", true)] {
        let form = Array("productKey=pk&deviceName=\(name)".utf8)
        let outcome = bench.post(target, form, "application/x-www-form-urlencoded")
        #expect((outcome.answer.status == 503) == isFailed, "\(target) \(name)")
      }
    }
  }

  @Test(arguments: ["GET", "PUT", "DELETE", "HEAD"])
  func `only POST is served`(method: String) throws {
    let bench = WebBench()
    for target in ["/auth", "/topic/pk/device1/user/update", "/auth/devicename"] {
      let outcome = bench.send(WebRequest(method, target))
      #expect(outcome.answer.status == 405 && outcome.answer.value("Allow") == "POST")
    }
    #expect(bench.send(WebRequest(method, "/other")).answer.status == 404)
    #expect(bench.send(WebRequest(method, "*")).answer.status == 404)
  }

  @Test func `assumptions change codes, status and the comma`() throws {
    let bench = WebBench { _, settings in
      settings.assumptions.refusedTopic = 30_001
      settings.assumptions.hasOwnStatus = true
      settings.assumptions.hasTrailingComma = true
    }
    let token = try bench.authenticate()
    let refused = bench.report(token, "/pk/device2/user/update")
    #expect(refused.code == 30_001 && refused.answer.status == 500)
    #expect(bench.report(nil).answer.status == 401)
    guard case .bytes(let bytes) = bench.report(token).answer.body else { return }
    let text = String(decoding: bytes, as: UTF8.self)
    #expect(text.hasPrefix(#"{"code":0,"#) && text.hasSuffix(",}}"))
  }

  @Test func `an absolute target is that of its path (RFC 9112 Section 3_2_2)`() throws {
    let bench = WebBench()
    let outcome = bench.post("HTTPS://host:8443/auth", try WebBench.credentials())
    #expect(outcome.code == 0 && outcome.record.path == "/auth")
  }
}

@Suite("HTTPS authentication for MQTT, and registration (device guide 3.2, 6.2)")
struct WebFormTests {
  private func form(_ fields: [(String, String)]) -> [UInt8] {
    Array(fields.map { "\($0.0)=\($0.1)" }.joined(separator: "&").utf8)
  }

  private func devicename(
    _ bench: WebBench,
    _ changes: [String: String?] = [:],
    hash: Hash = .sha256,
    secret: [UInt8] = WebBench.secret,
    resources: String? = "mqtt"
  ) throws -> Outcome {
    var fields = [
      "productKey": "pk", "deviceName": "device1", "clientId": "c", "timestamp": "1",
    ]
    for (name, value) in changes { fields[name] = value }
    var all = fields.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    all.append(("sign", try WebBench.sign(fields, hash, secret).lowercased()))
    all.append(("signmethod", hash == .sha256 ? "hmacsha256" : "hmacmd5"))
    all.append(("version", "default"))
    if let resources { all.append(("resources", resources)) }
    return bench.post("/auth/devicename", form(all), "application/x-www-form-urlencoded")
  }

  @Test func `iotId and iotToken open a connection for 7 days`() throws {
    var bench = WebBench()
    bench.front.mqtt = WebAddress(host: "127.0.0.1", port: 8_883)
    let outcome = try devicename(bench)
    #expect(outcome.code == 200, "\(outcome.record.note)")
    let data = try #require(outcome.value?["data"])
    let name = try #require(data["iotId"]?.string)
    let token = try #require(data["iotToken"]?.string)
    #expect(token.count == 32)
    #expect(data["resources"]?["mqtt"] == ["host": "127.0.0.1", "port": 8_883])
    var notes = RequestNotes()
    for _ in 0..<2 {
      let session = try bench.core.connect(name: name, token: token, at: bench.now, &notes)
      #expect(session.device.deviceName == "device1")
    }
    for (name, token) in [(name, "x"), ("x", token), ("", token), (name, "")] {
      #expect(throws: Refusal.self) {
        try bench.core.connect(name: name, token: token, at: bench.now, &notes)
      }
    }
    bench.now = bench.now + Milliseconds(7 * 24 * 3_600 * 1_000)
    #expect(throws: Refusal.self) {
      try bench.core.connect(name: name, token: token, at: bench.now, &notes)
    }
    #expect(bench.report(token).code == 20_003)
    // Without the resource, and without MQTT, no address.
    #expect(try devicename(bench, resources: nil).value?["data"]?["resources"] == nil)
    #expect(try devicename(bench, resources: "a,MQTT").value?["data"]?["resources"] != nil)
    #expect(try devicename(WebBench()).value?["data"]?["resources"] == nil)
  }

  @Test func `each wrong form has its code`() throws {
    let bench = WebBench { configuration, _ in configuration.disabledDevices = ["pk/device2": 0] }
    let type = "application/x-www-form-urlencoded"
    let cases: [(String, Outcome, Int64)] = [
      ("another secret", try devicename(bench, secret: [1]), 401),
      ("an unknown device", try devicename(bench, ["deviceName": "device3"]), 5_001),
      ("a disabled device", try devicename(bench, ["deviceName": "device2"]), 401),
      ("no clientId", try devicename(bench, ["clientId": nil]), 460),
      ("another field", try devicename(bench, ["seq": "1"]), 460),
      ("a timestamp of letters", try devicename(bench, ["timestamp": "x"]), 460),
      ("no form", bench.post("/auth/devicename", Array("x".utf8), type), 460),
      ("a field twice", bench.post("/auth/devicename", Array("a=1&a=1".utf8), type), 460),
      ("a broken escape", bench.post("/auth/devicename", Array("clientId=%zz".utf8), type), 460),
      ("JSON", bench.post("/auth/devicename", try WebBench.credentials()), 460),
      ("a query", bench.post("/auth/devicename?a=b", [], type), 460),
    ]
    for (name, outcome, code) in cases {
      #expect(outcome.code == code, "\(name): \(outcome.record.note)")
    }
  }

  @Test func `a form's names and values are decoded`() throws {
    let bench = WebBench()
    let sign = try WebBench.sign(
      ["productKey": "pk", "deviceName": "device1", "clientId": "a b+ü"],
      .md5,
      WebBench.secret
    )
    let body = "product%4bey=pk&deviceName=device1&clientId=a+b%2B%c3%BC&sign=\(sign)"
    let outcome = bench.post(
      "/auth/devicename",
      Array(body.utf8),
      "application/x-www-form-urlencoded"
    )
    #expect(outcome.code == 200, "\(outcome.record.note)")
  }

  @Test func `a listed device gets its secret until it has authenticated`() throws {
    let bench = WebBench { configuration, _ in
      var product = SimulatedProduct(key: "pk")
      product.secret = Array("product".utf8)
      product.registrable = ["device9"]
      configuration.products = [product]
    }
    func register(
      _ name: String,
      secret: String = "product",
      more: [(String, String)] = []
    ) throws -> Outcome {
      let fields = ["productKey": "pk", "deviceName": name, "random": "567345"]
      var all = fields.map { ($0.key, $0.value) }
      all.append(("sign", try WebBench.sign(fields, .md5, Array(secret.utf8))))
      all.append(("signMethod", "HmacMD5"))
      return bench.post(
        "/auth/register/device",
        form(all + more),
        "application/x-www-form-urlencoded"
      )
    }
    let outcome = try register("device9")
    #expect(outcome.code == 200, "\(outcome.record.note)")
    let data = try #require(outcome.value?["data"])
    #expect(data["productKey"]?.string == "pk" && data["deviceName"]?.string == "device9")
    let secret = Array(try #require(data["deviceSecret"]?.string).utf8)
    #expect(!outcome.record.line.contains(String(decoding: secret, as: UTF8.self)))
    #expect(try register("device9", secret: "other").code == 401)
    #expect(try register("device8").code == 401)
    #expect(try register("device9", more: [("x", "1")]).code == 460)
    let body = try WebBench.credentials(
      ["deviceName": "device9"],
      secret: Array(
        try #require(try register("device9").value?["data"]?["deviceSecret"]?.string).utf8
      )
    )
    #expect(bench.post("/auth", body).code == 0)
    #expect(try register("device9").code == 401)
  }
}
