// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import ConstrainedCore
import OpenSSLSupport
import PayloadValues
import PlatformCore
import PlatformSimulator
import TestSupport
import Testing

extension ThingBench {
  /// An element of `thing.topo.add`, signed with the sub-device's secret.
  static func element(
    _ name: String,
    secret: String = "s",
    method: String = "hmacSha1",
    hash: Hash = .sha1,
    clientID: String? = "c"
  ) throws -> String {
    let client = clientID.map { "clientId\($0)" } ?? ""
    let content = Array("\(client)deviceName\(name)productKeysubtimestamp1524448722000".utf8)
    let key = Array(secret.utf8)
    let mac = try hash.hmac(key: key.span, content: content.span)
    let field = clientID.map { #","clientId":"\#($0)""# } ?? ""
    return #"{"deviceName":"\#(name)","productKey":"sub","sign":"\#(hexText(mac.bytes))","#
      + #""signmethod":"\#(method)","timestamp":"1524448722000"\#(field)}"#
  }

  /// Adds a sub-device with the secret `s`.
  mutating func add(_ name: String) throws {
    let element = try Self.element(name)
    let answer = try call("thing.topo.add", "[\(element)]")
    #expect(answer.code == 200)
  }
}

@Suite("Device guide 6.2 and 6.3: a gateway's sub-devices")
struct TopologyTests {
  static func bench() throws -> ThingBench {
    try ThingBench {
      $0.subDevices = ["one", "two"].map {
        SimulatedSubDevice(productKey: "sub", deviceName: $0, secret: Array("s".utf8))
      }
      $0.subDevices.append(SimulatedSubDevice(productKey: "sub", deviceName: "fresh"))
    }
  }

  @Test(arguments: [
    ("hmacSha1", Hash.sha1), ("hmacSha256", .sha256), ("hmacMd5", .md5), ("Sha256", .sha256),
    ("hmacsha1", .sha1),
  ])
  func `a sub-device with a good sign is added`(method: String, hash: Hash) throws {
    var bench = try Self.bench()
    let one = try ThingBench.element("one", method: method, hash: hash)
    let two = try ThingBench.element("two", method: method, hash: hash, clientID: nil)
    #expect(try bench.call("thing.topo.add", "[\(one),\(two)]").code == 200)
    let expected = json(
      #"[{"deviceName":"one","productKey":"sub"},{"deviceName":"two","productKey":"sub"}]"#
    )
    #expect(try bench.call("thing.topo.get", "{}").data == expected)
    // Adding it again changes nothing.
    #expect(try bench.call("thing.topo.add", "[\(one)]").code == 200)
    #expect(try bench.state.topology.count == 2)
  }

  @Test func `a bad sign or an unknown device gets 401, and nothing is added`() throws {
    var bench = try Self.bench()
    let good = try ThingBench.element("one")
    let wrong = try [
      ThingBench.element("two", secret: "x"), ThingBench.element("unknown"),
      ThingBench.element("fresh"), ThingBench.element("two", method: "hmacMd5", hash: .sha1),
    ]
    for element in wrong {
      let answer = try bench.call("thing.topo.add", "[\(good),\(element)]")
      #expect(answer.code == 401)
      #expect(answer.value?["message"] == "request auth error")
    }
    #expect(try bench.state.topology.isEmpty)
  }

  @Test func `wrong elements get 460`() throws {
    var bench = try Self.bench()
    let good = try ThingBench.element("one")
    let wrong = [
      "{}", "[1]", "[{}]",
      "[\(good.replacing("hmacSha1", with: "none"))]",
      "[\(good.replacing(#""timestamp":"1524448722000""#, with: #""timestamp":"now""#))]",
      "[\(good.replacing(#""timestamp":"1524448722000""#, with: #""timestamp":1"#))]",
      "[\(good.replacing(#""clientId":"c""#, with: #""clientId":1"#))]",
    ]
    for parameters in wrong {
      #expect(try bench.call("thing.topo.add", parameters).code == 460, "\(parameters)")
    }
    #expect(try bench.call("thing.topo.get", "[]").code == 460)
  }

  @Test func `a gateway has at most 1,500 sub-devices`() throws {
    let names = (0...1_500).map { "s\($0)" }
    var bench = try ThingBench {
      $0.payloadLimit = 60_000
      $0.subDevices = names.map {
        SimulatedSubDevice(productKey: "sub", deviceName: $0, secret: Array("s".utf8))
      }
    }
    for start in stride(from: 0, to: 1_500, by: 250) {
      let elements = try names[start..<start + 250].map { try ThingBench.element($0) }
      let answer = try bench.call("thing.topo.add", "[\(elements.joined(separator: ","))]")
      #expect(answer.code == 200)
    }
    let last = try ThingBench.element("s1500")
    let answer = try bench.call("thing.topo.add", "[\(last)]")
    #expect(answer.code == 428)
    #expect(answer.value?["message"] == "too many subdevices under gateway")
    #expect(try bench.state.topology.count == 1_500)
    try bench.add("s0")
  }

  @Test func `a gateway does not add or register itself`() throws {
    var bench = try Self.bench()
    let own = #"[{"deviceName":"device","productKey":"pk"}]"#
    for method in ["thing.topo.add", "thing.sub.register"] {
      let answer = try bench.call(method, own)
      #expect(answer.code == 6_402)
      #expect(answer.value?["message"] == "topo relation cannot add by self")
    }
  }

  @Test func `a sub-device is deleted, and one that is not there is not found`() throws {
    var bench = try Self.bench()
    try bench.add("one")
    let one = #"{"deviceName":"one","productKey":"sub"}"#
    let two = #"{"deviceName":"two","productKey":"sub"}"#
    let missing = try bench.call("thing.topo.delete", "[\(one),\(two)]")
    #expect(missing.code == 6_100)
    #expect(missing.value?["message"] == "device not found")
    #expect(try bench.state.topology.count == 1)
    #expect(try bench.call("thing.topo.delete", "[\(one)]").code == 200)
    #expect(try bench.call("thing.topo.get", "{}").data == [])
    #expect(try bench.call("thing.topo.delete", "[{}]").code == 460)
  }

  @Test func `a sub-device gets another secret until it has used one`() throws {
    var bench = try Self.bench()
    let fresh = #"[{"deviceName":"fresh","productKey":"sub"}]"#
    func secret(_ answer: ThingAnswer) throws -> String {
      let entry = try #require(answer.data?.elements?.first)
      #expect(entry["deviceName"] == "fresh")
      #expect(entry["productKey"] == "sub")
      #expect(entry["iotId"]?.string?.isEmpty == false)
      return try #require(entry["deviceSecret"]?.string)
    }
    let first = try secret(try bench.call("thing.sub.register", fresh))
    let second = try secret(try bench.call("thing.sub.register", fresh))
    #expect(first != second)
    #expect(second.utf8.count == 32)
    let old = try ThingBench.element("fresh", secret: first)
    #expect(try bench.call("thing.topo.add", "[\(old)]").code == 401)
    let new = try ThingBench.element("fresh", secret: second)
    #expect(try bench.call("thing.topo.add", "[\(new)]").code == 200)
    let third = try secret(try bench.call("thing.sub.register", fresh))
    #expect(third == second)
    let unknown = #"[{"deviceName":"unknown","productKey":"sub"}]"#
    #expect(try bench.call("thing.sub.register", unknown).code == 401)
    #expect(try bench.call("thing.sub.register", "{}").code == 460)
  }

  @Test func `found devices need a product and a name by the rule`() throws {
    var bench = try Self.bench()
    let cases: [(String, Int64)] = [
      (#"{"deviceName":"ab@c_1.2","productKey":"sub"}"#, 200),
      (#"{"deviceName":"abcd","productKey":"none"}"#, 6_250),
      (#"{"deviceName":"abc","productKey":"sub"}"#, 6_280),
      (#"{"deviceName":"ab-cd","productKey":"sub"}"#, 200),
      (#"{"deviceName":"ab:cd","productKey":"sub"}"#, 200),
      (#"{"deviceName":"ab/cd","productKey":"sub"}"#, 6_280),
      (#"{"deviceName":"äbcde","productKey":"sub"}"#, 6_280),
      (#"{"deviceName":"\#(String(repeating: "a", count: 33))","productKey":"sub"}"#, 6_280),
      (#"{"deviceName":"abcd"}"#, 460),
    ]
    for (element, code) in cases {
      #expect(try bench.call("thing.list.found", "[\(element)]").code == code, "\(element)")
    }
    #expect(try bench.state.found.map(\.deviceName) == ["ab@c_1.2", "ab-cd", "ab:cd"])
  }

  /// One rule for devices that authenticate and for devices that are looked up.
  @Test(arguments: [SimulatedDeviceNames.current, .guide])
  func `the same names authenticate and are found`(rule: SimulatedDeviceNames) throws {
    for name in ["abcd", "ab@c_1.2", "ab-cd", "ab:cd", "abc", "ab cd", "äbcd"] {
      var bench = Bench {
        $0.deviceNames = rule
        $0.devices = [SimulatedDevice(productKey: "pk", deviceName: name, secret: Bench.secret)]
      }
      let sign = try Bench.sign("clientIdcdeviceName\(name)productKeypk")
      let record = try bench.authenticate(
        #"{"productKey":"pk","deviceName":"\#(name)","clientId":"c","sign":"\#(sign)"}"#
      )
      #expect((record.code == .content) == rule.allows(name), "\(name)")
      #expect(record.code == .content || record.code == .forbidden)
      var gateway = try ThingBench { $0.deviceNames = rule }
      let found = #"[{"deviceName":"\#(name)","productKey":"pk"}]"#
      let answer = try gateway.call("thing.list.found", found)
      #expect(answer.code == (rule.allows(name) ? 200 : 6_280), "\(name)")
    }
    #expect(rule.allows("ab-cd") == (rule == .current))
  }
}
