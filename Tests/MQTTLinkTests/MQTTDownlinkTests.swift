// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import MQTTLayer
import MQTTLink
import Platform
import PlatformMQTT
import ReportLink
import TestSupport
import Testing

@Suite("A link over MQTT: what the platform says")
struct MQTTDownlinkTests {
  private func connected(_ change: (inout MQTTLinkSettings) -> Void = { _ in }) throws -> World {
    let world = try World {
      $0.staysConnected = true
      change(&$0)
    }
    world.link.handleTimeout(at: world.now)
    world.accept()
    #expect(world.events() == [.connected(hasSession: false)])
    return world
  }

  @Test func `a message is handed over with its bytes, and answered`() throws {
    let world = try connected()
    world.wire.message("/sys/pk/device/thing/service/property/set", #"{"id":"1"}"#)
    #expect(world.next() == .downlink)
    #expect(world.downlink() == ("/sys/pk/device/thing/service/property/set", #"{"id":"1"}"#))
    #expect(world.send("/sys/pk/device/thing/service/property/set_reply", "{}", .atMostOnce))
    #expect(world.wire.published.last?.quality == .atMostOnce)
    #expect(!world.isIdle)
    world.wire.tell(.delivered(world.wire.published.last?.number ?? 0))
    #expect(world.events() == [] && world.isIdle)
  }

  @Test func `nothing is sent where there is no connection`() throws {
    let world = try World()
    #expect(!world.send("/pk/device/user/update", "{}"))
    #expect(world.wire.connects.isEmpty)
    let other = try connected()
    #expect(!other.send("/pk/+/user", "{}"))
  }

  @Test func `notices are the link's own`() throws {
    let world = try connected()
    world.wire.message("/ext/notify", "{}")
    #expect(world.events() == [])
    world.wire.tell(.lost(.closed))
    #expect(world.events() == [.disconnected])
    #expect(world.link.rest.reason == .closed)
  }

  @Test func `a message that was sent before is marked`() throws {
    let world = try connected()
    for isRepeated in [true, false] {
      world.wire.message("/sys/pk/device/thing/model/down_raw", "1", isRepeated: isRepeated)
      #expect(world.next() == .downlink)
      #expect(world.link.isDownlinkRepeated == isRepeated)
    }
  }

  @Test func `a drop is told`() throws {
    let world = try connected()
    world.wire.tell(.dropped(.tooLong))
    #expect(world.events() == [.dropped(.tooLong)])
    world.wire.tell(.dropped(.tooLong, count: 298))
    #expect(world.events() == [.dropped(.tooLong, count: 298)])
    #expect(world.link.counters.dropped == 299 && world.link.lastDrop == .tooLong)
  }

  @Test func `subscriptions are asked for after each connect`() throws {
    let world = try World { $0.staysConnected = true }
    let first = try world.subscribe("/sys/pk/device/thing/service/property/set")
    let second = try world.subscribe("/ota/device/upgrade/pk/device")
    #expect(try world.subscribe("/ota/device/upgrade/pk/device") == second)
    #expect(world.wire.subscribed.isEmpty)
    world.link.handleTimeout(at: world.now)
    world.accept()
    _ = world.events()
    #expect(
      world.wire.subscribed.map(\.filter) == [
        "/sys/pk/device/thing/service/property/set", "/ota/device/upgrade/pk/device",
      ]
    )
    world.wire.tell(.subscribed(world.wire.subscribed[0].number, .atLeastOnce))
    world.wire.tell(.subscribed(world.wire.subscribed[1].number, nil))
    #expect(
      world.events() == [
        .subscription(first, isGranted: true), .subscription(second, isGranted: false),
      ]
    )
    #expect(!world.hasSubscriptions)
    world.wire.tell(.lost(.closed))
    _ = world.events()
    world.advance(0)
    world.accept()
    _ = world.events()
    #expect(world.wire.subscribed.count == 4)
  }

  @Test func `where the platform kept the session only those not granted are asked for`() throws {
    let world = try World {
      $0.staysConnected = true
      $0.isClean = false
    }
    _ = try world.subscribe("a")
    _ = try world.subscribe("b")
    world.link.handleTimeout(at: world.now)
    world.accept()
    _ = world.events()
    world.wire.tell(.subscribed(world.wire.subscribed[0].number, .atLeastOnce))
    world.wire.tell(.lost(.closed))
    _ = world.events()
    world.advance(0)
    world.accept(hasSession: true)
    _ = world.events()
    #expect(world.wire.subscribed.map(\.filter) == ["a", "b", "b"])
  }

  @Test func `a subscription that is not answered means a dead connection`() throws {
    let world = try connected()
    _ = try world.subscribe("a")
    #expect(world.link.pollTimeout() == world.now + Milliseconds(60_000))
    world.advance(60)
    #expect(world.events() == [.disconnected])
  }

  @Test func `a subscription ends, and its place is free`() throws {
    let world = try connected()
    for number in 0..<32 { _ = try world.subscribe("t/\(number)") }
    #expect(throws: SubscriptionError.tooMany) { _ = try world.subscribe("one more") }
    for asked in world.wire.subscribed { world.wire.tell(.subscribed(asked.number, .atLeastOnce)) }
    _ = world.events()
    #expect(world.hasSubscriptions)
    world.unsubscribe("t/7")
    #expect(world.wire.unsubscribed.map(\.filter) == ["t/7"])
    world.wire.tell(.unsubscribed(world.wire.unsubscribed[0].number))
    #expect(world.events() == [])
    #expect(try world.subscribe("one more") == 7)
  }

  @Test(arguments: [
    "", "a/#/b", "a#", "a/+b", "b+/a", "\u{0}", "a\nb", String(repeating: "a", count: 161),
  ])
  func `what is no topic filter is refused`(filter: String) throws {
    let world = try World()
    #expect(throws: SubscriptionError.filter) { _ = try world.subscribe(filter) }
  }

  @Test(arguments: ["#", "+", "a/#", "+/+/a", "/a/+", String(repeating: "a", count: 160)])
  func `wildcards where they may be are taken`(filter: String) throws {
    let world = try World()
    _ = try world.subscribe(filter)
  }

  @Test func `an end that was asked for is no event for what was under way`() throws {
    let world = try connected { $0.reportsInFlight = 2 }
    world.begin(1)
    world.link.close()
    #expect(world.isClosing && world.events() == [])
    world.wire.tell(.disconnected)
    #expect(world.events() == [.closed])
    #expect(!world.isClosing)
    world.advance(3_600)
    #expect(world.wire.connects.count == 1)
  }

  @Test func `a goodbye that nothing answers is over after ten seconds`() throws {
    let world = try connected()
    world.link.close()
    world.advance(10)
    #expect(world.events() == [.closed] && !world.isClosing)
  }

  @Test func `a filter that the platform refuses is told once for each connection`() throws {
    let world = try World()
    #expect(world.listen("/sys/pk/device/thing/service/+"))
    #expect(!world.listen("/sys/#/thing"))
    #expect(world.begin(1))
    world.accept()
    _ = world.events()
    #expect(world.refusedFilter() == nil)
    world.wire.tell(.subscribed(world.wire.subscribed[0].number, nil))
    _ = world.events()
    #expect(world.refusedFilter() == "/sys/pk/device/thing/service/+")
    #expect(world.refusedFilter() == nil)
  }
}
