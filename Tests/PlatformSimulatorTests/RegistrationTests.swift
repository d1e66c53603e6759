// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import ConstrainedCore
import OpenSSLSupport
import PayloadValues
import PlatformCore
import PlatformFaults
import PlatformSimulator
import TestSupport
import Testing

@Suite("Protocol facts 2.1: POST /auth/register/device")
struct RegistrationTests {
  static let productSecret = "productSecret"

  static func bench() throws -> SecureBench {
    try SecureBench {
      var product = SimulatedProduct(key: "pk")
      product.secret = Array(Self.productSecret.utf8)
      product.registrable = ["fresh"]
      $0.products = [product, SimulatedProduct(key: "closed")]
    }
  }

  static func body(
    _ name: String = "fresh",
    product: String = "pk",
    secret: String = productSecret,
    method: String = "hmacsha256",
    hash: Hash = .sha256,
    field: String = "signmethod"
  ) throws -> String {
    let content = Array("deviceName\(name)productKey\(product)random123".utf8)
    let key = Array(secret.utf8)
    let mac = try hash.hmac(key: key.span, content: content.span)
    return #"{"\#(field)":"\#(method)","deviceName":"\#(name)","productKey":"\#(product)","#
      + #""random":"123","sign":"\#(hexText(mac.bytes).uppercased())"}"#
  }

  static func send(
    _ body: String,
    _ bench: SecureBench,
    _ client: SecureBench.Client
  ) throws -> (code: Code, value: PayloadValue?) {
    let request = try bench.request(["auth", "register", "device"], [], Array(body.utf8))
    let answer = try #require(bench.send(request, client))
    let message = try MessageView(answer.span)
    let payload = array(message.payload)
    return (message.code, PayloadValue(payload, .json))
  }

  @Test func `a fault of one device finds it by the name that it registers`() throws {
    let bench = try Self.bench()
    let client = try SecureBench.Client()
    for rule in try FaultRule.rules("answer=5.03,on=register,device=fresh,times=1") {
      #expect(bench.platform.core.faults.add(rule, at: bench.now) == 1)
    }
    #expect(try Self.send(try Self.body("other"), bench, client).code != .serviceUnavailable)
    #expect(try Self.send(try Self.body(), bench, client).code == .serviceUnavailable)
    #expect(try Self.send(try Self.body(), bench, client).code == .content)
  }

  @Test func `a device gets another secret each time, until it is active`() throws {
    let bench = try Self.bench()
    let client = try SecureBench.Client()
    let first = try Self.send(try Self.body(), bench, client)
    #expect(first.code == .content)
    #expect(first.value?["code"] == 200)
    #expect(first.value?["message"] == "success")
    #expect(first.value?["data"]?["deviceName"] == "fresh")
    #expect(first.value?["data"]?["productKey"] == "pk")
    let second = try Self.send(try Self.body(), bench, client)
    let old = try #require(first.value?["data"]?["deviceSecret"]?.string)
    let secret = try #require(second.value?["data"]?["deviceSecret"]?.string)
    #expect(old != secret)
    #expect(secret.utf8.count == 32)
    #expect(bench.records.last?.kind == .registration)
    #expect(bench.records.last?.device == "pk/fresh")
    func authenticate(_ secret: String) throws -> Code {
      let content = Array("clientIdcdeviceNamefreshproductKeypk".utf8)
      let key = Array(secret.utf8)
      let mac = try Hash.md5.hmac(key: key.span, content: content.span)
      let body =
        #"{"productKey":"pk","deviceName":"fresh","clientId":"c","sign":"\#(hexText(mac.bytes))"}"#
      let request = try bench.request(["auth"], [(12, [50])], Array(body.utf8))
      return try bench.code(bench.send(request, client))
    }
    #expect(try authenticate(old) == .unauthorized)
    #expect(try authenticate(secret) == .content)
    let late = try Self.send(try Self.body(), bench, client)
    #expect(late.code == .forbidden)
    #expect(try authenticate(secret) == .content)
  }

  @Test(arguments: [
    ("hmacmd5", Hash.md5), ("HmacMD5", .md5), ("hmacsha1", .sha1), ("hmacSha256", .sha256),
  ])
  func `the three methods are taken in any case`(method: String, hash: Hash) throws {
    let bench = try Self.bench()
    let client = try SecureBench.Client()
    for field in ["signmethod", "signMethod"] {
      let body = try Self.body(method: method, hash: hash, field: field)
      #expect(try Self.send(body, bench, client).code == .content)
    }
  }

  @Test func `whoever may not register is refused`() throws {
    let bench = try Self.bench()
    let client = try SecureBench.Client()
    let cases: [(String, Code)] = try [
      (Self.body(secret: "x"), .unauthorized), (Self.body("other"), .forbidden),
      (Self.body("device"), .forbidden), (Self.body(product: "closed"), .forbidden),
      (Self.body(product: "none"), .forbidden), (Self.body(method: "md5"), .badRequest),
      ("", .badRequest), ("[]", .badRequest), ("{}", .badRequest),
      (Self.body().replacing(#""random":"123""#, with: #""random":123"#), .badRequest),
    ]
    for (body, code) in cases {
      #expect(try Self.send(body, bench, client).code == code, "\(body)")
    }
  }

  @Test func `the symmetric mode has no registration`() throws {
    var bench = Bench()
    let record = try bench.send(["auth", "register", "device"], [], Array(try Self.body().utf8))
    #expect(record.code == .notFound)
  }

  @Test func `truncated and altered requests are no trap`() throws {
    let bench = try Self.bench()
    let client = try SecureBench.Client()
    let body = Array(try Self.body().utf8)
    for count in 0..<body.count {
      let request = try bench.request(["auth", "register", "device"], [], Array(body[..<count]))
      #expect(try bench.code(bench.send(request, client)) == .badRequest)
    }
    for bit in 0..<body.count * 8 {
      var altered = body
      altered[bit / 8] ^= 1 << UInt8(bit % 8)
      let request = try bench.request(["auth", "register", "device"], [], altered)
      #expect(bench.send(request, client) != nil)
    }
  }
}

@Suite("Device guide 6 over DTLS")
struct SecureThingTests {
  static let topic = ["topic", "sys", "pk", "device", "thing", "event", "property", "post"]

  @Test func `reports and pulls are plain, and answered in plain`() throws {
    let bench = try SecureBench()
    let client = try SecureBench.Client()
    let token = try bench.authenticate(client)
    let body = ThingBench.envelope("thing.event.property.post", #"{"a":{"value":1}}"#)
    let report = try bench.request(Self.topic, [(12, [50]), (2_088, token)], Array(body.utf8))
    let answer = try #require(bench.send(report, client))
    let message = try MessageView(answer.span)
    let text = String(decoding: array(message.payload), as: UTF8.self)
    #expect(text == #"{"id":"123","code":200,"data":{}}"#)
    #expect(message.uint(.contentFormat) == 50)
    #expect(bench.records.last?.method == "thing.event.property.post")
    let state = bench.platform.things.state(productKey: "pk", deviceName: "device")
    #expect(state?.properties["a"]?.value == 1)
    bench.platform.things.enqueue(
      DownlinkMessage(topic: "/x", payload: 1),
      productKey: "pk",
      deviceName: "device"
    )
    let pull = try bench.request(
      ["pull"],
      [(2_088, token)],
      Array(#"{"pageSize":"1"}"#.utf8)
    )
    let page = try #require(bench.send(pull, client))
    let view = try MessageView(page.span)
    let content = String(decoding: array(view.payload), as: UTF8.self)
    #expect(content == #"[{"topic":"/x","payload":1}]"#)
  }

  @Test func `a long answer comes in plain blocks`() throws {
    let properties = (0..<40).map {
      #"{"identifier":"p\#($0)","dataType":{"type":"int","specs":{}}}"#
    }
    let model = try ProductModel(
      json: Array(#"{"properties":[\#(properties.joined(separator: ","))]}"#.utf8)
    )
    var product = SimulatedProduct(key: "pk")
    product.thingModel = model
    let bench = try SecureBench { [product] in $0.products = [product] }
    let client = try SecureBench.Client()
    let token = try bench.authenticate(client)
    let path = ["topic", "sys", "pk", "device", "thing", "dsltemplate", "get"]
    let body = Array(ThingBench.envelope("thing.dsltemplate.get", "{}").utf8)
    var whole: [UInt8] = []
    var isMore = true
    while isMore {
      let isFirst = whole.isEmpty
      let block = try #require(BlockOption(offset: whole.count, isMore: false, size: .largest))
      var options: [(UInt16, [UInt8])] = [(2_088, token)]
      if !isFirst { options.insert((23, [UInt8(truncatingIfNeeded: block.value)]), at: 0) }
      let request = try bench.request(path, options, isFirst ? body : [])
      let answer = try #require(bench.send(request, client))
      let message = try MessageView(answer.span)
      let found = message.block(.block2)
      let got = try #require(found)
      #expect(got.offset == whole.count)
      whole += array(message.payload)
      isMore = got.isMore
    }
    #expect(whole.count > 1_024)
    #expect(PayloadValue(whole, .json)?["data"] == model.definition)
  }
}
