// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import OpenSSLSupport
import PayloadValues
import PlatformBroker
import PlatformCore
import TestSupport
import Testing

/// A front of one platform with device1 and device2, on a clock of the test's own.
final class FrontBench {
  let core: PlatformCore
  let front: BrokerFront
  var now = Instant(milliseconds: 1_000)
  static let secret = "0123456789abcdef0123456789abcdef"

  init(
    _ configure: (inout PlatformConfiguration) -> Void = { _ in },
    _ assume: (inout BrokerAssumptions) -> Void = { _ in }
  ) {
    var configuration = PlatformConfiguration()
    configuration.devices = ["device1", "device2"].map {
      SimulatedDevice(productKey: "pk", deviceName: $0, secret: Array(Self.secret.utf8))
    }
    configure(&configuration)
    core = PlatformCore(configuration, PlatformAssumptions(), random: SeededRandom(seed: 1))
    var settings = BrokerFrontSettings()
    assume(&settings.assumptions)
    front = BrokerFront(core, settings)
  }

  func request(
    _ connection: UInt64,
    device: String = "device1",
    fields: String = "",
    secure: Bool = true
  ) throws -> ConnectRequest {
    var request = ConnectRequest(connection: connection)
    request.clientID = "c|securemode=\(secure ? 2 : 3),signmethod=hmacsha256\(fields)|"
    request.userName = "\(device)&pk"
    let key = Array(Self.secret.utf8)
    let content = Array("clientIdcdeviceName\(device)productKeypk".utf8)
    let mac = try Hash.sha256.hmac(key: key.span, content: content.span)
    request.password = (0..<mac.count).map { index in
      let byte = mac.bytes[index]
      return (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }.joined()
    return request
  }

  @discardableResult
  func connect(_ request: ConnectRequest, _ side: BrokerSide = .secure) -> BrokerFront.Output {
    front.handle(.connect(request), from: side, at: now)
  }

  func subscribe(_ connection: UInt64, _ filter: String, qos: UInt8 = 1) -> BrokerFront.Output {
    front.handle(
      .subscribe(connection: connection, qos: qos, filter: filter),
      from: .secure,
      at: now
    )
  }

  func publish(_ connection: UInt64, _ topic: String, _ payload: String = "1") -> BrokerFront.Output
  {
    var request = PublishRequest(connection: connection, topic: topic)
    request.payload = Array(payload.utf8)
    request.qos = 1
    return front.handle(.publish(request), from: .secure, at: now)
  }
}

extension BrokerFront.Output {
  /// The orders as a test compares them.
  var texts: [String] {
    orders.map { side, order in
      switch order {
      case .answer(.accept, _, let id): "\(side) accept \(id)"
      case .answer(.refuse, let code, _): "\(side) refuse \(code)"
      case .answer(.hangUp, _, _): "\(side) hang up"
      case .deliver(let id, let qos, let topic, _): "\(side) \(id) \(topic) \(qos)"
      case .close(let id): "\(side) close \(id)"
      }
    }
  }
}

@Suite("The platform's side of MQTT, without mosquitto")
struct BrokerFrontTests {
  @Test func `the older connection is closed, the session stays the device's`() throws {
    let bench = FrontBench()
    #expect(bench.connect(try bench.request(1)).texts == ["secure accept d1"])
    // mosquitto closes the older one, for it has the same id.
    #expect(bench.connect(try bench.request(2)).texts == ["secure accept d1"])
    #expect(
      bench.front.handle(.disconnect(connection: 1), from: .secure, at: bench.now).texts == []
    )
    #expect(bench.publish(1, "/pk/device1/user/update").texts == ["secure hang up"])
    #expect(bench.publish(2, "/pk/device1/user/update").texts == ["secure accept "])
    // One in the other broker is closed by order.
    let plain = bench.connect(try bench.request(1, secure: false), .plain)
    #expect(plain.texts == ["secure close d1", "plain accept d1"])
    #expect(bench.publish(2, "/pk/device1/user/update").texts == ["secure hang up"])
    #expect(bench.front.online.map(\.transport) == [.mqtt])
  }

  @Test func `iotId and iotToken are user name and password, whatever the client id (3_2)`() throws
  {
    let bench = FrontBench()
    let fields = ["productKey": "pk", "deviceName": "device1", "clientId": "c"]
    let content = Array("clientIdcdeviceNamedevice1productKeypk".utf8)
    let key = Array(FrontBench.secret.utf8)
    let sign = hexText(try Hash.md5.hmac(key: key.span, content: content.span).bytes)
    var notes = RequestNotes()
    let session = try bench.core.authenticate(
      SubmittedCredentials(fields: fields.merging(["sign": sign]) { $1 }),
      at: bench.now,
      for: .connection,
      &notes
    ).session
    var request = try bench.request(1)
    request.clientID = "any"
    request.userName = session.connectionName
    request.password = String(decoding: session.token, as: UTF8.self)
    #expect(bench.connect(request).texts == ["secure accept d1"])
    #expect(bench.publish(1, "/pk/device1/user/update").texts == ["secure accept "])
    for (change, code) in [
      ({ $0.password = "x" }, 3), ({ $0.password = nil }, 3), ({ $0.userName = "x" }, 3),
      ({ $0.clientID = "" }, 2), ({ $0.clientID = String(repeating: "x", count: 65) }, 2),
      ({ $0.keepAlive = 29 }, 5), ({ $0.userName = "" }, 2),
    ] as [((inout ConnectRequest) -> Void, Int)] {
      var other = request
      other.connection = 2
      change(&other)
      #expect(bench.connect(other).texts == ["secure refuse \(code)"])
    }
    // A client id of a direct connection changes nothing for an iotId; beside it another name lacks its product.
    let direct = try bench.request(2).clientID
    for (name, code) in [(String(repeating: "x", count: 30), 3), ("device1", 2)] {
      var other = request
      other.connection = 2
      other.clientID = direct
      other.userName = name
      #expect(bench.connect(other).texts == ["secure refuse \(code)"])
    }
    // The guide has it over TLS alone.
    #expect(bench.connect(request, .plain).texts == ["plain refuse 5"])
    bench.core.things.setDisabled(true, productKey: "pk", deviceName: "device1")
    #expect(bench.connect(request).texts.contains("secure refuse 5"))
  }

  @Test func `one that is to be told first keeps its id until it is closed`() throws {
    let bench = FrontBench()
    bench.connect(try bench.request(1, fields: ",ext=3"))
    #expect(
      bench.connect(try bench.request(2, fields: ",ext=3")).texts
        == ["secure d1 /ext/notify 0", "secure close d1", "secure accept d1.1"]
    )
    #expect(
      bench.connect(try bench.request(3)).texts
        == ["secure d1.1 /ext/notify 0", "secure close d1.1", "secure accept d1.2"]
    )
    #expect(bench.connect(try bench.request(4, device: "device2")).texts == ["secure accept d2"])
    let silent = FrontBench({ _ in }, { $0.givesNotice = false })
    silent.connect(try silent.request(1, fields: ",ext=3"))
    #expect(silent.connect(try silent.request(2)).texts == ["secure accept d1"])
  }

  @Test func `each end of a client id is one, and everything else is refused`() throws {
    let bench = FrontBench()
    let good = try bench.request(1)
    for id in [
      "", "|", "||", "c", "c|", "c||", "c|securemode=2", "c|securemode=2|x", "c|securemode=2||",
      "|securemode=2|", "c|=2|", "c|securemode=|", "c|securemode|", "c|securemode=4|",
      "c|securemode=2,|", "c|securemode=2,x=1|", "c|securemode=2,_ss=2|", "c|securemode=2,ext=x|",
      "c|securemode=2,authType=x|", "c|securemode=-2|", "c|securemode=2,authType=regnwl|",
    ] {
      var request = good
      request.clientID = id
      #expect(bench.connect(request).texts == ["secure refuse 2"], "\(id)")
    }
    #expect(bench.connect(good).texts == ["secure accept d1"])
  }

  @Test func `a push waits for its answer on a clock`() throws {
    let bench = FrontBench()
    bench.connect(try bench.request(1))
    _ = bench.subscribe(1, "/sys/pk/device1/thing/#")
    var push = PushRequest(.propertySet, productKey: "pk", deviceName: "device1")
    push.parameters = ["power": "on"]
    guard case .waiting(let first) = bench.front.push(push, at: bench.now).start,
      case .waiting(let second) = bench.front.push(push, at: bench.now).start
    else {
      Issue.record("both wait")
      return
    }
    let topic = "/sys/pk/device1/thing/service/property/set_reply"
    bench.now = bench.now + Milliseconds(100)
    let answered = bench.publish(1, topic, #"{"id":"2","code":200,"data":{}}"#)
    #expect(answered.endings.map(\.push) == [second])
    #expect(answered.endings.first?.result.outcome == .answered)
    #expect(answered.endings.first?.result.milliseconds == 100)
    // The same once more answers nothing.
    #expect(bench.publish(1, topic, #"{"id":"2","code":200,"data":{}}"#).endings.isEmpty)
    let deadline = try #require(bench.front.pollTimeout())
    #expect(bench.front.handleTimeout(at: Instant(milliseconds: 8_999)).endings.isEmpty)
    let ended = bench.front.handleTimeout(at: deadline)
    #expect(ended.endings.map(\.push) == [first])
    #expect(ended.endings.first?.result.outcome == .silent)
    #expect(bench.front.pollTimeout() == nil)
  }

  /// Also where the device has subscribed to all of them.
  @Test(arguments: [
    ("/pk/device1/user/+", "a wildcard"), ("/pk/device1/user/#", "a wildcard"),
    ("pk", "does not begin with /"), ("", "does not begin with /"),
    ("/pk/device1/user/a\nb", "a control character"),
    ("/pk/device1/user/" + String(repeating: "a", count: 112), "over 128 bytes"),
  ])
  func `a topic that no server may publish to is refused`(topic: String, words: String) throws {
    let bench = FrontBench()
    bench.connect(try bench.request(1))
    for filter in ["/pk/device1/#", "/ext/rrpc/+/pk/device1/#"] { _ = bench.subscribe(1, filter) }
    for kind in [PushRequest.Kind.message, .rrpc] {
      var push = PushRequest(kind, productKey: "pk", deviceName: "device1")
      push.topic = topic
      push.payload = [1]
      guard case .ended(let result) = bench.front.push(push, at: bench.now).start else {
        Issue.record("it was sent")
        return
      }
      #expect(result.outcome == .refused && result.reason.contains(words), "\(result.reason)")
    }
  }

  @Test func `a broker that ends takes its connections and sessions`() throws {
    let bench = FrontBench()
    var kept = try bench.request(1)
    kept.isClean = false
    bench.connect(kept)
    _ = bench.subscribe(1, "/pk/device1/user/get")
    _ = bench.front.handle(.disconnect(connection: 1), from: .secure, at: bench.now)
    var push = PushRequest(.message, productKey: "pk", deviceName: "device1")
    push.topic = "/pk/device1/user/get"
    push.payload = [1]
    guard case .ended(let queued) = bench.front.push(push, at: bench.now).start else {
      Issue.record("it does not wait")
      return
    }
    #expect(queued.outcome == .queued)
    _ = bench.front.handleEnd(of: .secure, at: bench.now)
    guard case .ended(let lost) = bench.front.push(push, at: bench.now).start else {
      Issue.record("it does not wait")
      return
    }
    #expect(lost.outcome == .offline)
  }

  @Test func `a device that the console disables is closed`() throws {
    let bench = FrontBench { $0.disabledDevices = ["pk/device1": 1] }
    bench.connect(try bench.request(1))
    let output = bench.publish(1, "/pk/device1/user/update")
    #expect(output.texts == ["secure accept ", "secure close d1"])
    #expect(bench.connect(try bench.request(2)).texts == ["secure refuse 5"])
  }

  @Test func `what waits for a device's pull is bounded, and the sender is told`() throws {
    let bench = FrontBench()
    func push(_ text: String) throws -> PushResult? {
      var push = PushRequest(.service, productKey: "pk", deviceName: "device1")
      push.service = "Reset"
      push.parameters = ["Text": .text(text)]
      push.waitsForPull = true
      guard case .ended(let result) = bench.front.push(push, at: bench.now).start else {
        return nil
      }
      return result
    }
    for _ in 0..<100 {
      let kept = try #require(try push("a"))
      #expect(kept.outcome == .kept && !kept.reason.contains("dropped"))
    }
    let next = try #require(try push("a"))
    #expect(next.outcome == .kept)
    #expect(next.reason.hasSuffix("; 100 wait at most, and the oldest was dropped"))
    let long = try #require(try push(String(repeating: "x", count: 7_000)))
    #expect(long.outcome == .refused)
    #expect(long.reason.contains("at most 1024 bytes: this has 7"), "\(long.reason)")
  }
}
