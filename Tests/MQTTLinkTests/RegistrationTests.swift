// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import MQTTLayer
import MQTTLink
import OpenSSLSupport
import PlatformMQTT
import TestSupport
import Testing

@Suite("A link over MQTT: dynamic registration")
struct MQTTRegistrationTests {
  private func registering(
    _ kind: MQTTRegistrationRequest.Kind = .preregistered,
    instanceID: String = ""
  ) throws -> World {
    let world = try World(secret: "product secret")
    let instance = Array(instanceID.utf8)
    try world.link.register(kind: kind, instanceID: instance.span, at: world.now)
    return world
  }

  private func secret(_ world: World) -> String { world.link.withSecret { text($0) } }

  @Test func `CONNECT asks for it, signed with the product secret`() throws {
    let world = try registering(instanceID: "iot-1")
    let connect = world.wire.connects[0]
    let random = try #require(connect.clientID.firstMatch(of: /random=([0-9A-F]{24}),/)).1
    #expect(
      connect.clientID
        == "12345|securemode=2,authType=register,random=\(random),signmethod=hmacsha256,instanceId=iot-1|"
    )
    #expect(connect.userName == "device&pk" && connect.isClean)
    let content = Array("deviceNamedeviceproductKeypkrandom\(random)".utf8)
    let key = Array("product secret".utf8)
    let sign = try Hash.sha256.hmac(key: key.span, content: content.span)
    #expect(connect.password == hexText(sign.bytes))
  }

  @Test func `the secret that comes is the link's from then on`() throws {
    let world = try registering()
    world.accept()
    #expect(world.events() == [])
    world.wire.message(
      "/ext/register",
      #"{"productKey":"pk","deviceName":"device","deviceSecret":"own"}"#
    )
    // A second push comes too late.
    world.wire.message(
      "/ext/register",
      #"{"productKey":"pk","deviceName":"device","deviceSecret":"other"}"#
    )
    #expect(world.events() == [.registered])
    #expect(secret(world) == "own")
    #expect(world.wire.disconnects == 1)
    world.wire.tell(.disconnected)
    #expect(world.events() == [.closed])
    world.begin(1)
    #expect(world.wire.connects[1].clientID.hasPrefix("12345|securemode=2,signmethod="))
  }

  @Test func `another device's secret, and what is none, change nothing`() throws {
    for (json, error) in [
      (#"{"productKey":"pk","deviceName":"twin1","deviceSecret":"s"}"#, .otherDevice),
      (#"{"productKey":"pk","deviceName":"device","deviceSecret":""}"#, .secret),
      (#"[]"#, .notAnObject),
    ] as [(String, MQTTRegistrationAnswerError)] {
      let world = try registering()
      world.accept()
      world.wire.message("/ext/register", json)
      #expect(world.events() == [.registrationFailed])
      #expect(world.link.registrationFailure == .unusableAnswer(error))
      #expect(secret(world) == "product secret")
    }
  }

  @Test func `a device that was not known gets a token and a client id`() throws {
    let world = try registering(.unregistered)
    #expect(world.wire.connects[0].clientID.contains("securemode=-2,authType=regnwl,"))
    world.accept()
    world.wire.message(
      "/ext/register",
      #"{"clientId":"c","productKey":"pk","deviceName":"device","deviceToken":"t"}"#
    )
    #expect(world.events() == [.registered])
    #expect(secret(world) == "t" && text(world.link.registeredClientID.bytes) == "c")
  }

  @Test func `it fails with its reason`() throws {
    let refused = try registering()
    refused.wire.tell(.failed(.refused(4)))
    #expect(refused.events() == [.registrationFailed])
    #expect(refused.link.registrationFailure == .connecting(.refused(.credentials)))
    let lost = try registering()
    lost.accept()
    lost.wire.tell(.lost(.closed))
    #expect(lost.events() == [.registrationFailed])
    #expect(lost.link.registrationFailure == .disconnected)
    let silent = try registering()
    silent.accept()
    #expect(silent.events() == [])
    silent.advance(60)
    #expect(silent.events() == [.registrationFailed])
    #expect(silent.link.registrationFailure == .timedOut)
  }

  @Test func `it is asked for over TLS alone, and alone`() throws {
    let plain = try World { $0.connect.transport = .tcp }
    #expect(throws: MQTTRegistrationFailure.needsTLS) {
      try plain.link.register(instanceID: Span(), at: plain.now)
    }
    let busy = try registering()
    #expect(!busy.isFree)
    #expect(throws: MQTTRegistrationFailure.busy) {
      try busy.link.register(instanceID: Span(), at: busy.now)
    }
    let long = [UInt8](repeating: 0x61, count: 65)
    let world = try World()
    #expect(throws: MQTTRegistrationFailure.instanceID) {
      try world.link.register(instanceID: long.span, at: world.now)
    }
  }
}
