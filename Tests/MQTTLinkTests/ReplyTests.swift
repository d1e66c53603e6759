// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import MQTTLayer
import MQTTLink
import Platform
import ReportLink
import Testing

@Suite("A link over MQTT: the platform's replies to reports")
struct ReplyTests {
  private static let topic = "/sys/pk/device/thing/event/property/post"
  private static let request = #"{"id":"7","version":"1.0","params":{},"method":"x"}"#

  /// A link with a report under way that the platform has acknowledged unless `isAcknowledged` is `false`.
  private func world(
    _ topic: String = Self.topic,
    _ payload: String = Self.request,
    isAcknowledged: Bool = true,
    _ change: (inout MQTTLinkSettings) -> Void = { _ in }
  ) throws -> World {
    let world = try World {
      $0.readsReplies = true
      change(&$0)
    }
    world.begin(1, payload, topic: topic)
    world.accept()
    #expect(world.events() == [.connected(hasSession: false)])
    if isAcknowledged { world.wire.tell(.delivered(world.wire.published[0].number)) }
    return world
  }

  @Test func `the reply is subscribed to before the report, once in each connection`() throws {
    let world = try world()
    #expect(world.wire.subscribed.map(\.filter) == [Self.topic + "_reply"])
    #expect(world.wire.subscribed[0].number < world.wire.published[0].number)
    _ = world.events()
    world.wire.message(Self.topic + "_reply", #"{"id":"7","code":200,"data":{}}"#)
    #expect(world.events() == [.report])
    world.begin(2, Self.request, topic: Self.topic)
    #expect(world.wire.subscribed.count == 1)
    world.wire.tell(.lost(.broken))
    _ = world.events()
    world.advance(10)
    world.begin(3, Self.request, topic: Self.topic)
    world.accept()
    _ = world.events()
    #expect(world.wire.subscribed.count == 2)
  }

  @Test(
    arguments: [
      (#"{"id":"7","code":200}"#, .delivered, nil), (#"{"id":7,"code":"200"}"#, .delivered, nil),
      (#"{"id":"7","code":460,"message":"no"}"#, .final, 460),
      (#"{"code":6106,"id":7}"#, .final, 6_106), (#"{"id":"7","code":429}"#, .later, 429),
      (#"{"id":"7","code":6313}"#, .later, 6_313), (#"{"id":"7"}"#, .delivered, nil),
    ] as [(String, ReportVerdict, UInt64?)]
  )
  func `a report ends with its reply`(reply: String, verdict: ReportVerdict, code: UInt64?) throws {
    for isAcknowledged in [true, false] {
      let world = try world(isAcknowledged: isAcknowledged)
      #expect(world.events() == [])
      world.wire.message(Self.topic + "_reply", reply)
      #expect(world.events() == [.report])
      #expect(world.ended() == (1, verdict) && world.link.ending.wasSent)
      #expect(world.link.replyCode(of: 1) == code)
      // An acknowledgement that comes behind the reply is of no report.
      world.wire.tell(.delivered(world.wire.published[0].number))
      #expect(world.events() == [] && world.isFree)
    }
  }

  @Test(
    arguments: [
      (Self.topic + "_reply", #"{"id":"8","code":460}"#),
      (Self.topic + "_reply", #"{"code":460}"#), (Self.topic + "_reply", "{"),
      ("/sys/pk/device/thing/event/alarm/post_reply", #"{"id":"7","code":460}"#),
    ]
  )
  func `what is no reply to it leaves a report as it is`(topic: String, reply: String) throws {
    let world = try world()
    _ = world.events()
    world.wire.message(topic, reply)
    #expect(!world.events().contains(.report) && !world.isFree)
  }

  @Test func `without a reply the acknowledgement counts, and no other is waited for`() throws {
    let world = try world()
    _ = world.events()
    #expect(world.link.pollTimeout() == world.now + Milliseconds(5_000))
    world.advance(4)
    #expect(world.events() == [])
    world.advance(1)
    #expect(world.events() == [.report] && world.isConnected)
    #expect(world.ended() == (1, .delivered))
    world.begin(2, Self.request, topic: Self.topic)
    world.wire.tell(.delivered(world.wire.published[1].number))
    #expect(world.events() == [.report])
    // A platform that replies after all.
    world.wire.message(Self.topic + "_reply", #"{"id":"7","code":200}"#)
    #expect(world.events() == [])
    world.begin(3, Self.request, topic: Self.topic)
    world.wire.tell(.delivered(world.wire.published[2].number))
    #expect(world.events() == [])
    world.wire.message(Self.topic + "_reply", #"{"id":"7","code":460}"#)
    #expect(world.events() == [.report] && world.ended() == (3, .final))
  }

  @Test func `a lost connection leaves an acknowledged report delivered`() throws {
    let world = try world()
    _ = world.events()
    world.wire.tell(.lost(.broken))
    #expect(world.events() == [.disconnected, .report])
    #expect(world.ended() == (1, .delivered))
  }

  @Test func `a refused subscription is told, and costs the next report no wait`() throws {
    let world = try world(isAcknowledged: false)
    world.wire.tell(.subscribed(world.wire.subscribed[0].number, nil))
    _ = world.events()
    #expect(world.refusedFilter() == Self.topic + "_reply")
    world.advance(5)
    world.wire.tell(.delivered(world.wire.published[0].number))
    _ = world.events()
    world.advance(5)
    #expect(world.events() == [.report])
    world.begin(2, Self.request, topic: Self.topic)
    world.wire.tell(.delivered(world.wire.published[1].number))
    #expect(world.events() == [.report])
  }

  @Test(
    arguments: [
      ("/pk/device/user/update", Self.request), (Self.topic, #"{"params":{}}"#), (Self.topic, "x"),
      ("/sys/pk/device/thing/service/property/set_reply", #"{"id":"7","code":200}"#),
      ("/sys/pk/device/rrpc/response/7", #"{"id":"7","code":200}"#),
      ("/ota/device/inform/pk/device", #"{"id":"7","params":{}}"#),
    ]
  )
  func `no reply is waited for where none comes`(topic: String, payload: String) throws {
    let world = try world(topic, payload)
    #expect(world.wire.subscribed.isEmpty && world.events() == [.report])
    #expect(world.ended() == (1, .delivered))
  }

  @Test func `without the setting the acknowledgement counts`() throws {
    let world = try world { $0.readsReplies = false }
    #expect(world.wire.subscribed.isEmpty && world.events() == [.report])
  }

  @Test func `the owner's own subscription to a reply keeps its messages`() throws {
    let world = try World { $0.readsReplies = true }
    let topic = "/sys/pk/device/thing/property/desired/get"
    #expect(world.listen(topic + "_reply"))
    world.begin(1, Self.request, topic: topic)
    world.accept()
    _ = world.events()
    world.wire.message(topic + "_reply", #"{"id":"7","code":200,"data":{}}"#)
    #expect(world.events() == [.report, .downlink] || world.isFree)
    #expect(world.link.counters.downlinks == 1)
  }

  @Test func `more topics than there is room for are reported without their replies`() throws {
    let world = try World { $0.readsReplies = true }
    for number in 1...40 as ClosedRange<UInt64> {
      let topic = "/sys/pk/device/thing/event/e\(number)/post"
      world.begin(number, Self.request, topic: topic)
      if number == 1 { world.accept() }
      _ = world.events()
      world.wire.tell(.delivered(world.wire.published[Int(number) - 1].number))
      world.wire.message(topic + "_reply", #"{"id":"7","code":200}"#)
      #expect(world.events().contains(.report))
    }
    #expect(world.wire.subscribed.count == 32)
  }
}
