// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DeviceStore
import HTTPSLayer
import MQTTAuthentication
import MQTTLayer
import MQTTLink
import Platform
import PlatformMQTT
import ReportLink
import Testing

@Suite("Device guide 3.2: an authentication over HTTPS, then MQTT")
struct TokenTests {
  @Test func `the form is signed, and its answer is user name, password and address`() throws {
    let world = try TokenWorld()
    #expect(world.begin(7, "{\"a\":1}"))
    #expect(world.wire.connects.isEmpty && world.wire.published.isEmpty)
    #expect(world.descriptor == 77)
    #expect(world.requests.sent.map(\.path) == ["/auth/devicename"])
    #expect(world.requests.sent[0].content == .form)
    // HMAC-SHA256 of clientId12345deviceNamedeviceproductKeypk: without version, sign, resources and signmethod.
    #expect(
      world.requests.sent[0].body
        == "productKey=pk&sign=c8cb3dcb7159682438e5fd9a9c34f398e41bb8edb6f222795e307bafee151090"
        + "&version=default&clientId=12345&resources=mqtt&deviceName=device&signmethod=hmacsha256"
    )
    world.requests.grant()
    #expect(world.events() == [])
    #expect(world.descriptor == -1 && world.requests.closes == 1)
    #expect(
      world.wire.connects == [
        Wire.Connect(
          clientID: "12345",
          userName: "iot",
          password: "tok1",
          keepAlive: 300,
          isClean: true,
          version: .v3_1_1
        )
      ]
    )
    #expect(world.wire.address == "mqtt.example:1883")
    // It was held meanwhile.
    #expect(world.deliver() == [.connected(hasSession: false), .report])
    #expect(world.wire.published.map(\.payload) == ["{\"a\":1}"])
    #expect(world.ended == (7, .delivered))
  }

  @Test func `an address of the user's own stands, and an answer need not have one`() throws {
    let own = try TokenWorld { token, _ in token.takesAddress = false }
    own.begin(1)
    own.requests.grant()
    _ = own.events()
    #expect(own.wire.address.isEmpty && own.wire.connects.count == 1)
    let without = try TokenWorld()
    without.begin(1)
    without.requests.grant(address: "")
    _ = without.events()
    #expect(without.wire.address.isEmpty && without.wire.connects.count == 1)
  }

  @Test func `an address that can be none is no connection`() throws {
    let world = try TokenWorld()
    world.wire.takesAddress = false
    world.begin(1)
    world.requests.grant()
    #expect(world.events() == [.connectFailed, .report])
    #expect(world.failure == .connection(.authentication(.address)))
    #expect(world.wire.connects.isEmpty && world.ended == (1, .unreachable))
  }

  @Test func `for 8 days a report each hour: the token is renewed once, none is refused`() throws {
    let world = try TokenWorld()
    for hour in 0..<(8 * 24) {
      world.begin(UInt64(hour + 1))
      if hour == 0 || world.requests.sent.count == 2 && world.wire.connects.count == hour {
        world.requests.grant("tok\(world.requests.sent.count)")
      }
      _ = world.events()
      #expect(world.deliver().contains(.report), "hour \(hour)")
      #expect(world.ended == (UInt64(hour + 1), .delivered))
      world.rest(seconds: 3_600 - 31)
    }
    #expect(world.requests.sent.count == 2)
    #expect(world.wire.connects.count == 8 * 24)
    // The first one is good for 7 days less ten minutes.
    let first = world.wire.connects.prefix { $0.password == "tok1" }
    #expect(first.count == 7 * 24)
    #expect(world.wire.connects.last?.password == "tok2")
  }

  @Test func `a token that is refused is renewed once, and the report goes with the next one`()
    throws
  {
    let world = try TokenWorld()
    world.begin(1)
    world.requests.grant("old")
    _ = world.events()
    #expect(world.deliver().contains(.report))
    world.rest(seconds: 1)
    world.begin(2, "second")
    world.wire.tell(.failed(.refused(3)))
    #expect(world.events() == [])
    #expect(world.requests.sent.count == 2)
    world.requests.grant("new")
    #expect(world.events() == [])
    #expect(world.deliver() == [.connected(hasSession: false), .report])
    #expect(world.wire.connects.map(\.password) == ["old", "old", "new"])
    #expect(world.wire.published.map(\.payload) == ["{}", "second"])
    #expect(world.ended == (2, .delivered))
  }

  @Test func `a second refusal ends in a rest of half an hour`() throws {
    let world = try TokenWorld()
    world.begin(1)
    world.requests.grant()
    _ = world.events()
    world.wire.tell(.failed(.refused(3)))
    _ = world.events()
    world.requests.grant("another")
    _ = world.events()
    world.wire.tell(.failed(.refused(3)))
    #expect(world.events() == [.connectFailed, .report])
    #expect(world.failure == .refused(.unavailable) && world.ended == (1, .credentials))
    #expect(world.rest.reason == .unauthenticated)
    #expect(world.rest.left >= Milliseconds(1_800_000))
    #expect(world.requests.sent.count == 2 && world.wire.connects.count == 2)
    // The next one does not begin with a token that was refused.
    world.begin(2)
    #expect(world.events() == [.report] && world.requests.sent.count == 2)
    world.now = world.now + Milliseconds(3_600_000)
    world.begin(3)
    #expect(world.requests.sent.count == 3)
  }

  @Test func `the token and its address outlive the process`() throws {
    var record = SessionRecord()
    do {
      let world = try TokenWorld()
      world.begin(1)
      #expect(!world.keep(in: &record))
      world.requests.grant()
      _ = world.events()
      #expect(world.keep(in: &record) && !world.keep(in: &record))
    }
    let world = try TokenWorld()
    world.restore(record)
    world.begin(1)
    #expect(world.requests.sent.isEmpty)
    #expect(world.wire.connects.map(\.password) == ["tok1"])
    #expect(world.wire.connects.map(\.userName) == ["iot"])
    #expect(world.wire.address == "mqtt.example:1883")
    // One whose time is over is not used.
    let late = try TokenWorld()
    late.restore(record, isUsable: false)
    late.begin(1)
    #expect(late.requests.sent.count == 1)
    let forgetful = try TokenWorld()
    forgetful.restore(record)
    forgetful.forget()
    forgetful.begin(1)
    #expect(forgetful.requests.sent.count == 1)
  }

  @Test(arguments: [
    [], [0], [7, 91, 255], [7, 91, 1, 97], [0, 0, 0, 10], [0, 0, 3, 97, 97, 97],
  ])
  func `a record that has no token is none`(rest: [UInt8]) throws {
    var record = SessionRecord()
    try record.token.replace(with: Array("iot".utf8).span)
    try record.channel.replace(with: rest.span)
    let world = try TokenWorld()
    world.restore(record)
    world.begin(1)
    #expect(world.requests.sent.count == 1 && world.wire.connects.isEmpty)
  }

  @Test(arguments: [
    (UInt32(401), true), (460, true), (500, false), (5_001, true), (6_200, true), (999, false),
  ])
  func `each code has a sentence, and those that would come again a rest`(
    code: UInt32,
    isRefusal: Bool
  ) throws {
    let world = try TokenWorld()
    world.begin(1)
    world.requests.answer(#"{"code":\#(code),"message":"no"}"#)
    #expect(world.events() == [.connectFailed, .report])
    #expect(world.failure == .connection(.authentication(.code(code))))
    #expect("\(world.failure)".contains("code \(code), "))
    #expect(world.ended == (1, isRefusal ? .credentials : .unreachable))
    #expect((world.rest.left >= Milliseconds(1_800_000)) == isRefusal)
    #expect((world.rest.reason == .unauthenticated) == isRefusal)
    #expect(world.wire.connects.isEmpty && world.wire.published.isEmpty)
  }

  @Test(arguments: [
    ("{}", UInt16(200), MQTTAuthenticationFailure.answer), ("<html>", 200, .answer),
    (#"{"code":200,"data":{"iotId":"a"}}"#, 200, .answer),
    (#"{"code":200,"data":{"iotToken":"a"}}"#, 200, .answer),
    (#"{"code":200,"data":{"iotId":"","iotToken":"a"}}"#, 200, .answer),
    (#"{"code":200,"data":{"iotId":"a","iotToken":"b\u0000c"}}"#, 200, .answer),
    (
      #"{"code":200,"data":{"iotId":"a","iotToken":"\#(String(repeating: "x", count: 257))"}}"#,
      200,
      .answer
    ),
    ("", 302, .status(302)), ("<html>", 404, .status(404)), ("", 503, .status(503)),
    (#"{"code":200,"data":{"iotId":"a","iotToken":"b"}}"#, 302, .status(302)),
  ])
  func `an answer without both, or of somebody else, brings no connection`(
    body: String,
    status: UInt16,
    failure: MQTTAuthenticationFailure
  ) throws {
    let world = try TokenWorld()
    world.begin(1)
    world.requests.answer(body, status: status)
    #expect(world.events() == [.connectFailed, .report])
    #expect(world.failure == .connection(.authentication(failure)))
    #expect(world.wire.connects.isEmpty && world.ended == (1, .unreachable))
    var record = SessionRecord()
    #expect(!world.keep(in: &record))
  }

  @Test func `silence goes by the back-off, and a link that ends cancels the request`() throws {
    let world = try TokenWorld()
    world.begin(1)
    world.requests.fail(.timedOut)
    #expect(world.events() == [.connectFailed, .report])
    #expect(world.failure == .connection(.authentication(.transfer(.timedOut))))
    #expect(world.rest.reason == .failed && world.rest.left < Milliseconds(2_000))
    world.now = world.now + Milliseconds(2_000)
    world.begin(2)
    world.link.close()
    #expect(world.requests.cancels == 1 && world.wire.disconnects == 0)
  }

  @Test func `the token goes over TLS alone, and a registration is signed`() throws {
    #expect(throws: MQTTSettingsError.tokenNeedsTLS) {
      _ = try TokenWorld { _, settings in
        settings.connect = MQTTConnectRequest(signMethod: .hmacSHA256, transport: .tcp)
      }
    }
    let world = try TokenWorld()
    #expect(throws: MQTTRegistrationFailure.needsSign) {
      try world.link.register(instanceID: Span(), at: world.now)
    }
  }

  @Test func `what is held is bounded, and what finds no room later is told`() throws {
    let world = try TokenWorld { token, settings in
      token.heldBytes = 1_000
      settings.reportsInFlight = 16
    }
    for id in 1...6 { world.begin(UInt64(id), String(repeating: "x", count: 200)) }
    // Three of 286 bytes fit.
    #expect(world.events() == [.report, .report, .report])
    #expect(world.ended.1 == .later)
    world.requests.grant()
    _ = world.events()
    world.wire.hasRoom = false
    world.wire.tell(.connected(hasSession: false))
    #expect(world.events() == [.connected(hasSession: false), .report, .report, .report])
  }
}
