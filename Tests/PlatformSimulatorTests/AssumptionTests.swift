// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import ConstrainedCore
import Foundation
import OpenSSLSupport
import PayloadValues
import PlatformCore
import PlatformSimulator
import TestSupport
import Testing

@Suite("docs/unverified.md: what only the cloud could confirm")
struct AssumptionTests {
  static let page = Repository.text("docs/unverified.md")

  static func with(
    _ settings: [String],
    _ configure: (inout SimulatorConfiguration) -> Void = { _ in }
  ) throws -> (inout SimulatorConfiguration) -> Void {
    var assumptions = SimulatorAssumptions()
    for text in settings {
      let parts = text.split(separator: "=").map(String.init)
      let assumption = try #require(Assumption.named(parts[0]), "\(text)")
      #expect(assumption.set(parts[1], in: &assumptions), "\(text)")
      #expect(assumption.value(in: assumptions) == parts[1])
    }
    let made = assumptions
    var configuration = SimulatorConfiguration()
    configuration.devices = [
      SimulatedDevice(productKey: "pk", deviceName: "device", secret: Bench.secret)
    ]
    configure(&configuration)
    configuration.assumptions = made
    let result = configuration
    return { $0 = result }
  }

  @Test func `the page has a row for each, with its values, and no other`() {
    let rows = Repository.rows(Self.page).filter {
      $0.count == 4 && $0[0].hasPrefix("`") && !$0[0].hasPrefix("`mqtt-")
        && !$0[0].hasPrefix("`https-")
    }
    #expect(
      rows.map { "\($0[0]) \($0[1]) \($0[2])" }
        == Assumption.all.map { "`\($0.name)` \($0.choices) \($0.summary)" }
    )
    #expect(Set(Assumption.all.map(\.name)).count == Assumption.all.count)
  }

  @Test func `the page names each file of the sources that has a mark`() throws {
    let sources = Repository.root.appending(path: "Sources")
    let files = try #require(FileManager.default.enumerator(atPath: sources.path))
    var marked: [String] = []
    for case let path as String in files where path.hasSuffix(".swift") {
      if Repository.text("Sources/\(path)").contains("Unverified") { marked.append(path) }
    }
    #expect(marked.count > 20)
    for path in marked { #expect(Self.page.contains("`\(path)`"), "\(path)") }
    for match in Self.page.matches(of: /`([A-Za-z+\/-]+\.swift)`/) {
      #expect(marked.contains(String(match.1)), "\(match.1) has no mark")
    }
  }

  @Test func `each takes its values, and no others`() {
    for assumption in Assumption.all {
      var assumptions = SimulatorAssumptions()
      #expect(assumption.value(in: assumptions) == assumption.standard)
      #expect(assumption.choices.hasPrefix(assumption.standard), "\(assumption.name)")
      for choice in assumption.choices.split(separator: ", ") where !choice.contains(" ") {
        #expect(assumption.set(String(choice), in: &assumptions), "\(assumption.name)=\(choice)")
        #expect(assumption.value(in: assumptions) == choice)
      }
      for wrong in ["", "x", "200", "1", "4.0", "4.32", "04.00", "2.5", "1000000", "-460", "+460"] {
        #expect(!assumption.set(wrong, in: &assumptions), "\(assumption.name)=\(wrong)")
      }
      let isReport = assumption.name == "report"
      #expect(assumption.set("2.04", in: &assumptions) == isReport)
      #expect(!isReport || !assumption.set("4.00", in: &assumptions))
      #expect(assumption.set(assumption.standard, in: &assumptions))
      #expect(assumptions == SimulatorAssumptions(), "\(assumption.name)")
    }
  }

  // MARK: /auth and codes of CoAP

  @Test func `codes of auth`() throws {
    var bench = Bench(
      try Self.with(["unknown-device=4.04", "bad-sign=4.03", "unknown-member=4.02"])
    )
    let valid = try Bench.valid()
    let stranger = valid.replacing(#""deviceName":"device""#, with: #""deviceName":"other""#)
    #expect(try bench.authenticate(stranger).code == .notFound)
    let wrong = valid.replacing(#""sign":""#, with: #""sign":"0"#)
    #expect(try bench.authenticate(wrong).code == .forbidden)
    #expect(try bench.authenticate(try Bench.valid(#","more":"1""#)).code == .badOption)
    var lenient = Bench(try Self.with(["unknown-member=taken"]))
    #expect(try lenient.authenticate(try Bench.valid(#","zone":"1""#, "zone1")).code == .content)
    #expect(try lenient.authenticate(try Bench.valid(#","zone":"1""#)).code == .unauthorized)
  }

  @Test func `unknown members of every kind are taken where that is assumed`() throws {
    for (member, signed) in [
      (#","zone":8"#, "zone8"), (#","zone":-8"#, "zone-8"), (#","zone":1.5"#, "zone1.5"),
      (#","zone":true"#, "zonetrue"), (#","zone":null"#, ""), (#","zone":[1,"2"]"#, ""),
      (#","zone":{"a":{"b":1}}"#, ""),
      (#","zone":18446744073709551615"#, "zone18446744073709551615"),
    ] {
      var lenient = Bench(try Self.with(["unknown-member=taken"]))
      let record = try lenient.authenticate(try Bench.valid(member, signed))
      #expect(record.code == .content, "\(member): \(record.note)")
      var strict = Bench()
      #expect(try strict.authenticate(try Bench.valid(member, signed)).code == .badRequest)
    }
    // The fields defined in the guide keep their format.
    var bench = Bench(try Self.with(["unknown-member=taken"]))
    for wrong in [#","seq":-1"#, #","seq":true"#, #","version":1"#, #","zone":"1","zone":"1""#] {
      #expect(try bench.authenticate(try Bench.valid(wrong, "")).code == .badRequest)
    }
  }

  @Test func `seq in auth is taken or demanded, by the mode`() throws {
    var bench = Bench(try Self.with(["missing-seq=4.00"]))
    #expect(try bench.authenticate(try Bench.valid()).code == .badRequest)
    #expect(try bench.authenticate(try Bench.valid(#","seq":"1""#, "seq1")).code == .content)
    for (value, auth, report) in [
      (["seq-dtls=4.00", "option-2089-dtls=4.02"], Code.badRequest, Code.badOption),
      (["seq-dtls=taken", "option-2089-dtls=ignored"], .content, .content),
      (["seq-dtls=4.01", "option-2089-dtls=4.00"], .unauthorized, .badRequest),
    ] {
      let configure = try Self.with(value)
      let secure = try SecureBench {
        configure(&$0)
        $0.dtls.clock = .virtual
      }
      let client = try SecureBench.Client()
      let payload = Array(try Bench.valid(#","seq":"1""#, "seq1").utf8)
      let request = try secure.request(["auth"], [(12, [50]), (17, [50])], payload)
      let first = try secure.code(secure.send(request, client))
      #expect(first == auth)
      let token = try secure.authenticate(client)
      let options: [(UInt16, [UInt8])] = [(2_088, token), (2_089, [1])]
      let sent = try secure.request(SecurePlatformTests.topic, options, [1])
      let second = try secure.code(secure.send(sent, client))
      #expect(second == report)
    }
  }

  @Test func `token and seq are taken from the query where that is assumed`() throws {
    let path = ["topic", "pk", "device", "user", "update"]
    func query(_ session: Session, _ number: String) throws -> [(UInt16, [UInt8])] {
      let sealed = try session.seal(number)
      let digits = hexText(sealed.span)
      return [
        (15, Array("token=".utf8) + session.token), (15, Array("seq=\(digits)".utf8)),
      ]
    }
    var strict = Bench()
    let refused = try strict.session()
    let sealed = try refused.seal("1")
    let options = try query(refused, "2")
    #expect(try strict.send(path, options, sealed).code == .badOption)
    var bench = Bench(try Self.with(["query-token=taken"]))
    let session = try bench.session()
    let payload = try session.seal("1")
    let two = try query(session, "2")
    let taken = try bench.send(path, two, payload)
    #expect(taken.code == .content && taken.sequence == 2)
    // Options take precedence.
    let three = try session.seal("3")
    let both = two + [(2_089, three)]
    let record = try bench.send(path, both, payload)
    #expect(record.sequence == 3)
    for wrong in ["other=1", "seq=1", "seq=xy", "token", "seq=00"] {
      let options: [(UInt16, [UInt8])] = [(15, Array(wrong.utf8)), (2_088, session.token)]
      let refused = try bench.send(path, options, payload)
      #expect(refused.code == .badRequest, "\(wrong)")
    }
    let other: [(UInt16, [UInt8])] = [(15, Array("a=b".utf8))]
    let auth = try bench.send(["auth"], other)
    #expect(auth.code == .badRequest)
  }

  @Test func `a new auth ends the earlier token, or keeps the last eight`() throws {
    for (value, code) in [("ends", Code.unauthorized), ("keeps", .content)] {
      var bench = try ThingBench(try Self.with(["second-auth=\(value)"]))
      _ = try bench.bench.session()
      #expect(try bench.send(ConsoleTests.topic, [1]).record.code == code)
      for _ in 0..<7 { _ = try bench.bench.session() }
      #expect(try bench.send(ConsoleTests.topic, [1]).record.code == .unauthorized)
    }
  }

  @Test func `auth in CBOR is refused where that is assumed, and JSON says its format`() throws {
    var bench = Bench(try Self.with(["cbor-auth=refused", "auth-format=named"]))
    let payload = PayloadValue(Array(try Bench.valid().utf8), .json)?.encoded(.cbor) ?? []
    let refused = try bench.send(["auth"], [(12, [60]), (17, [60])], payload)
    #expect(refused.code == .unsupportedContentFormat)
    #expect(try bench.authenticate(try Bench.valid()).code == .content)
    let answer = bench.answers[0]
    let message = try MessageView(answer.span)
    #expect(message.uint(.contentFormat) == 50)
  }

  @Test func `codes of a report`() throws {
    var bench = Bench(
      try Self.with([
        "unknown-token=4.02", "missing-token=4.01", "undecryptable=5.00", "used-sequence=4.09",
        "long-topic=4.04", "long-payload=4.00", "report=2.04",
      ])
    )
    let session = try bench.session()
    let two = try session.seal("2")
    let payload = try session.seal("1")
    let path = ["topic", "pk", "device", "user", "update"]
    let token = session.token
    #expect(try bench.send(path, [(2088, [1]), (2089, two)], payload).code == .badOption)
    #expect(try bench.send(path, [(2089, two)], payload).code == .unauthorized)
    #expect(
      try bench.send(path, [(2088, token), (2089, [1])], payload).code == .internalServerError
    )
    #expect(
      try bench.send(path, [(2088, token), (2089, two)], [1]).code == .internalServerError
    )
    let one = try session.seal("1")
    #expect(try bench.send(path, [(2088, token), (2089, one)], payload).code == .conflict)
    let long = path + [String(repeating: "t", count: 128)]
    #expect(try bench.send(long, [(2088, token), (2089, two)], payload).code == .notFound)
    let much = try session.seal([UInt8](repeating: 1, count: 1_025))
    #expect(try bench.send(path, [(2088, token), (2089, two)], much).code == .badRequest)
    #expect(try bench.send(path, [(2088, token), (2089, two)], payload).code == .changed)
    #expect(try bench.send(path, [(2088, token), (2089, two)], payload).code == .conflict)
  }

  @Test(arguments: [("integer", 8), ("digits", 18), ("none", 0)])
  func `option 2090 has the form that is assumed`(form: String, count: Int) throws {
    var bench = try ThingBench(try Self.with(["message-id=\(form)"]))
    let record = try bench.send(ConsoleTests.topic, [1]).record
    #expect((record.platformMessageID != nil) == (count > 0))
    let bytes = try #require(bench.bench.answers.last)
    let message = try MessageView(bytes.span)
    var value: [UInt8] = []
    if let option = message.first(.platformMessageID) { value = array(option.value) }
    #expect(value.count == count)
    let digits = record.platformMessageID.map { "\($0)" }
    #expect((String(decoding: value, as: UTF8.self) == digits) == (form == "digits"))
  }

  @Test func `over DTLS option 2090 is sent where that is assumed`() throws {
    for (value, isSent) in [("absent", false), ("sent", true)] {
      let configure = try Self.with(["message-id-dtls=\(value)"])
      let bench = try SecureBench {
        configure(&$0)
        $0.dtls.clock = .virtual
      }
      let client = try SecureBench.Client()
      let token = try bench.authenticate(client)
      let report = try bench.request(SecurePlatformTests.topic, [(2_088, token)], [1])
      let answer = try #require(bench.send(report, client))
      let message = try MessageView(answer.span)
      var isThere = false
      if message.first(.platformMessageID) != nil { isThere = true }
      #expect(isThere == isSent)
    }
  }

  @Test func `pre-shared keys are the SDK's alone where that is assumed`() throws {
    let configure = try Self.with(["pre-shared-keys=sdk"])
    let bench = try SecureBench {
      configure(&$0)
      $0.dtls.clock = .virtual
    }
    // Its identity has another timestamp.
    let request = try bench.authentication()
    #expect(bench.send(request, try SecureBench.Client()) == nil)
  }

  // MARK: Alink

  @Test func `an id with letters is refused, refused otherwise, or taken`() throws {
    let text = #"{"id":"a1","version":"1.0","params":{},"method":"thing.topo.get"}"#
    for (value, code, identifier) in [("460", 460, "0"), ("400", 400, "0"), ("taken", 200, "a1")] {
      var bench = try ThingBench(try Self.with(["letters-in-id=\(value)"]))
      let answer = try bench.report("topo/get", text)
      #expect(answer.code == Int64(code))
      #expect(answer.value?["id"]?.string == identifier)
      let empty = text.replacing("a1", with: "")
      #expect(try bench.report("topo/get", empty).code == 460)
    }
  }

  @Test func `a payload that cannot be read gets a reply, or a code of CoAP`() throws {
    var bench = try ThingBench(try Self.with(["broken-payload=4.00"]))
    let broken = try bench.report("topo/get", "{")
    #expect(broken.record.code == .badRequest && broken.bytes.isEmpty)
    #expect(try bench.report("topo/get", "{}").code == 460)
    #expect(try bench.send("topic/sys/pk/device/thing/model/up_raw", [0xFF]).code == 200)
  }

  @Test func `what the thing model does not allow, and a sub-device of another gateway`() throws {
    var product = SimulatedProduct(key: "pk")
    product.thingModel = try ProductModel(
      json: Array(
        #"{"properties":[{"identifier":"a","dataType":{"type":"int","specs":{"max":"5"}}}]}"#.utf8
      )
    )
    let pages = product
    var bench = try ThingBench(
      try Self.with(["event-mismatch=400", "pack-mismatch=401", "pack-foreign=6100"]) {
        $0.products = [pages]
      }
    )
    #expect(try bench.call("thing.event.alarm.post", #"{"value":{}}"#).code == 400)
    let pack = "thing.event.property.pack.post"
    #expect(try bench.call(pack, #"{"properties":{"a":{"value":6}}}"#).code == 401)
    #expect(try bench.call(pack, #"{"events":{"alarm":{"value":{}}}}"#).code == 401)
    let foreign = #"{"subDevices":[{"identity":{"productKey":"pk","deviceName":"two"}}]}"#
    #expect(try bench.call(pack, foreign).code == 6_100)
  }

  @Test func `a pack's limits count the message, or each device`() throws {
    func part(_ count: Int) -> String {
      "{" + (0..<count).map { #""e\#($0)":{"value":{}}"# }.joined(separator: ",") + "}"
    }
    for (value, codes) in [("message", [200, 460, 460]), ("device", [200, 200, 460])] {
      var bench = try ThingBench(
        try Self.with(["pack-limits=\(value)"]) {
          $0.subDevices = [
            SimulatedSubDevice(productKey: "sub", deviceName: "one", secret: Array("s".utf8))
          ]
          $0.payloadLimit = 4_096
        }
      )
      try bench.add("one")
      for (count, code) in zip([10, 11, 21], codes) {
        let identity = #""identity":{"productKey":"sub","deviceName":"one"}"#
        let answer = try bench.call(
          "thing.event.property.pack.post",
          #"{"events":\#(part(10)),"subDevices":[{\#(identity),"events":\#(part(count))}]}"#
        )
        #expect(answer.code == Int64(code), "\(value) \(count)")
      }
    }
  }

  @Test func `codes and secrets of sub-devices`() throws {
    var bench = try ThingBench(
      try Self.with(["sub-device-unknown=6100", "sub-device-foreign=403", "plain-sha256=refused"]) {
        $0.subDevices = [
          SimulatedSubDevice(productKey: "sub", deviceName: "own", secret: Array("s".utf8))
        ]
      }
    )
    func names(_ name: String) -> String { #"[{"productKey":"sub","deviceName":"\#(name)"}]"# }
    #expect(try bench.call("thing.sub.register", names("none")).code == 6_100)
    #expect(try bench.call("thing.sub.register", names("own")).code == 403)
    let unknown = try ThingBench.element("none")
    #expect(try bench.call("thing.topo.add", "[\(unknown)]").code == 6_100)
    let plain = try ThingBench.element("own", method: "Sha256", hash: .sha256)
    #expect(try bench.call("thing.topo.add", "[\(plain)]").code == 460)

    var open = try ThingBench(
      try Self.with(["sub-device-secret=anyone"]) {
        $0.subDevices = [
          SimulatedSubDevice(productKey: "sub", deviceName: "own", secret: Array("s".utf8))
        ]
      }
    )
    let told = try open.call("thing.sub.register", names("own"))
    #expect(told.data?.elements?.first?["deviceSecret"] == "s")
  }

  @Test func `a gateway with 1,500 sub-devices, and a product without a model`() throws {
    let names = (0..<1_501).map { "n\($0)" }
    var bench = try ThingBench(
      try Self.with(["topology-full=429", "no-model=404"]) {
        $0.payloadLimit = 40_000
        $0.subDevices = names.map {
          SimulatedSubDevice(productKey: "sub", deviceName: $0, secret: Array("s".utf8))
        }
      }
    )
    for start in stride(from: 0, to: 1_500, by: 150) {
      let elements = try names[start..<start + 150].map { try ThingBench.element($0) }
      let answer = try bench.call("thing.topo.add", "[\(elements.joined(separator: ","))]")
      #expect(answer.code == 200)
    }
    let last = try ThingBench.element(names[1_500])
    #expect(try bench.call("thing.topo.add", "[\(last)]").code == 429)
    #expect(try bench.call("thing.dsltemplate.get", "{}").code == 404)
  }

  @Test func `a desired value's version after it was cleared`() throws {
    for (value, version) in [("continues", 3), ("restarts", 1)] {
      var bench = try ThingBench(try Self.with(["desired-version=\(value)"]))
      func set() {
        bench.bench.platform.things.setDesired("a", 1, productKey: "pk", deviceName: "device")
      }
      set()
      set()
      #expect(try bench.state.desired["a"]?.version == 2)
      #expect(try bench.call("thing.property.desired.delete", #"{"a":{}}"#).code == 200)
      set()
      #expect(try bench.state.desired["a"]?.version == Int64(version))
    }
  }

  @Test func `which characters are Chinese`() throws {
    for (value, codes) in [("ideographs", [200, 200]), ("basic", [200, 460])] {
      var bench = try ThingBench(try Self.with(["tag-characters=\(value)"]))
      for (text, code) in zip(["一", "〇"], codes) {
        let tags = #"[{"attrKey":"a","attrValue":"\#(text)"}]"#
        let answer = try bench.call("thing.deviceinfo.update", tags)
        #expect(answer.code == Int64(code), "\(value) \(text)")
      }
    }
  }

  // MARK: Forms

  @Test func `an Alink reply without its format, and a long one as a whole`() throws {
    var product = SimulatedProduct(key: "pk")
    let name = String(repeating: "n", count: 3_000)
    product.thingModel = try ProductModel(json: Array(#"{"properties":[],"n":"\#(name)"}"#.utf8))
    let pages = product
    var bench = try ThingBench(
      try Self.with(["reply-format=unnamed", "long-reply=whole"]) { $0.products = [pages] }
    )
    let answer = try bench.call("thing.dsltemplate.get", "{}")
    #expect(answer.contentFormat == nil)
    #expect(answer.block == nil)
    #expect(json(String(decoding: answer.payload, as: UTF8.self))?["data"]?["n"] == .text(name))
    var cut = try ThingBench(try Self.with(["reply-format=unnamed"]) { $0.products = [pages] })
    let block = try cut.call("thing.dsltemplate.get", "{}")
    #expect(block.contentFormat == nil && block.block?.isMore == true)
  }

  @Test func `pull is missing, or answers in another form`() throws {
    let ask = Array(#"{"pageSize":"1"}"#.utf8)
    var missing = try ThingBench(try Self.with(["pull=missing"]))
    #expect(try missing.send("pull", ask).record.code == .notFound)
    var bench = try ThingBench(try Self.with(["pull-answer=envelope", "pull-nothing=empty"]))
    let nothing = try bench.send("pull", ask)
    #expect(nothing.record.code == .content && nothing.bytes.isEmpty)
    bench.bench.platform.things.call(
      "thing.service.property.set",
      ["level": 1],
      productKey: "pk",
      deviceName: "device"
    )
    let answer = try bench.send("pull", ask)
    #expect(answer.code == 200 && answer.data?.elements?.count == 1)
    var full = try ThingBench(try Self.with(["pull-answer=envelope"]))
    #expect(try full.send("pull", ask).data == [])
  }

  @Test func `a registration's codes and the form of its answer`() throws {
    var product = SimulatedProduct(key: "pk")
    product.secret = Array(RegistrationTests.productSecret.utf8)
    product.registrable = ["fresh"]
    let pages = product
    let configure = try Self.with([
      "registration-answer=flat", "registration-refused=4.04", "registration-sign=4.00",
    ])
    let bench = try SecureBench {
      configure(&$0)
      $0.products = [pages]
      $0.dtls.clock = .virtual
    }
    let client = try SecureBench.Client()
    let made = try RegistrationTests.send(try RegistrationTests.body(), bench, client)
    #expect(made.value?["deviceName"] == "fresh" && made.value?["deviceSecret"] != nil)
    let other = try RegistrationTests.send(try RegistrationTests.body("other"), bench, client)
    #expect(other.code == .notFound)
    let wrong = try RegistrationTests.body(secret: "wrong")
    #expect(try RegistrationTests.send(wrong, bench, client).code == .badRequest)
  }
}
