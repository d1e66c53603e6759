// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import MQTTLayer
import MQTTLink
import Platform
import PlatformMQTT
import ReportLink
import TestSupport
import Testing

@Suite("A link over MQTT: connecting and reports")
struct MQTTLinkTests {
  @Test func `CONNECT carries what the device guide prints`() throws {
    let world = try World {
      $0.connect = MQTTConnectRequest(signMethod: .hmacSHA1, transport: .tcp, timestamp: 789)
      $0.version = .v3_1
      $0.isClean = false
    }
    #expect(world.begin(1))
    #expect(
      world.wire.connects == [
        Wire.Connect(
          clientID: "12345|securemode=3,signmethod=hmacsha1,timestamp=789|",
          userName: "device&pk",
          password: "fafd82a3d602b37fb0fa8b7892f24a477f851a14",
          keepAlive: 300,
          isClean: false,
          version: .v3_1
        )
      ]
    )
  }

  @Test func `a client id with a bar makes no link`() {
    #expect(throws: MQTTSettingsError.clientIDBar(offset: 1)) { _ = try World(clientID: "a|b") }
  }

  @Test func `a report is with the layer at once and ends with its acknowledgement`() throws {
    let world = try World()
    #expect(world.isFree && world.isIdle)
    #expect(world.begin(7, "{\"a\":1}"))
    #expect(!world.isFree && !world.isIdle)
    #expect(world.wire.published.count == 1 && world.wire.published[0].quality == .atLeastOnce)
    #expect(world.events() == [])
    world.accept()
    #expect(world.events() == [.connected(hasSession: false)])
    world.advance(40)
    world.wire.tell(.delivered(world.wire.published[0].number))
    #expect(world.events() == [.report])
    #expect(world.ended() == (7, .delivered))
    #expect(world.isFree && world.isIdle && world.isConnected)
  }

  @Test func `several reports are under way, each ends under its id`() throws {
    let world = try World { $0.reportsInFlight = 16 }
    #expect(world.link.capacity == 16)
    for id in 1...16 as ClosedRange<UInt64> {
      #expect(world.isFree)
      world.begin(id)
    }
    #expect(!world.isFree)
    #expect(world.wire.connects.count == 1)
    world.accept()
    #expect(world.events() == [.connected(hasSession: false)])
    for published in world.wire.published.reversed() {
      world.wire.tell(.delivered(published.number))
    }
    var ended: [UInt64] = []
    while let event = world.next() {
      #expect(event == .report && world.link.ending.verdict == .delivered)
      ended.append(world.link.endedID)
    }
    #expect(ended == Array((1...16).reversed()))
  }

  @Test(arguments: [(-3, 1), (0, 1), (5, 5), (17, 16), (1_000, 16)])
  func `the number in flight is 1 to 16`(asked: Int, capacity: Int) throws {
    let world = try World { $0.reportsInFlight = asked }
    #expect(world.link.capacity == capacity)
  }

  @Test func `a lost connection ends what is under way, to be kept`() throws {
    let world = try World { $0.reportsInFlight = 2 }
    world.begin(1)
    world.begin(2)
    world.accept()
    _ = world.events()
    world.wire.tell(.lost(.broken))
    #expect(world.next() == .disconnected)
    for id in 1...2 as ClosedRange<UInt64> {
      #expect(world.next() == .report)
      #expect(world.ended() == (id, .unreachable))
      #expect(world.link.ending.wasSent && world.link.ending.retryAfter == Milliseconds(0))
    }
    #expect(world.isFree && world.next() == nil)
  }

  @Test func `an acknowledgement that does not come in time means a dead connection`() throws {
    let world = try World()
    world.begin(1)
    world.accept()
    _ = world.events()
    world.advance(59)
    #expect(world.events() == [])
    world.advance(1)
    #expect(world.events() == [.disconnected, .report])
    #expect(world.wire.disconnects == 1)
    #expect(world.link.rest.reason == .lost)
    // What the old connection brings is not the new one's.
    world.wire.tell(.delivered(world.wire.published[0].number))
    #expect(world.events() == [])
  }

  private static let bad = "/pk/device/user/bad"

  /// Connects once the link may, with a report to that topic under way, and has `end` end the connection; how the
  /// report ended.
  private func verdict(
    _ world: World,
    topic: String = Self.bad,
    isDelivered: Bool = false,
    _ end: (World) -> Void
  ) -> ReportVerdict {
    world.advance(400)
    _ = world.events()
    #expect(world.begin(1, topic: topic))
    world.accept()
    #expect(world.events() == [.connected(hasSession: false)])
    if let number = world.wire.published.last?.number, isDelivered {
      world.wire.tell(.delivered(number))
      _ = world.events()
    }
    end(world)
    _ = world.events()
    return world.link.ending.verdict
  }

  @Test(arguments: [MQTTLoss.closed, .broken])
  func `a topic at which connections end steps aside, and is no other device`(loss: MQTTLoss) throws
  {
    let world = try World()
    let end = { (world: World) in world.wire.tell(.lost(loss)) }
    // A broken one may be the network's, and the report is the next one's.
    #expect(verdict(world, end) == (loss == .closed ? .later : .unreachable))
    for _ in 0..<4 {
      #expect(verdict(world, end) == .later && world.link.ending.wasSent)
      #expect(world.link.rest.reason == (loss == .closed ? .closed : .lost))
      // Others go over the next connection first, however soon the owner would try this one again.
      #expect(world.now + world.link.ending.retryAfter > world.link.rest.until)
      #expect(world.link.rest.until <= world.now + Milliseconds(450_000))
    }
  }

  @Test func `a topic at which the platform closes is known until it is acknowledged`() throws {
    let world = try World()
    let close = { (world: World) in world.wire.tell(.lost(.closed)) }
    // The network's end first, then the platform's.
    #expect(verdict(world) { $0.wire.tell(.lost(.broken)) } == .unreachable)
    #expect(verdict(world, close) == .later)
    #expect(world.link.ending.retryAfter == Milliseconds(120_000))
    // Other connections come and go meanwhile.
    for _ in 0..<3 {
      #expect(verdict(world, topic: "/pk/device/user/good") { $0.advance(60) } != .delivered)
      #expect(verdict(world, close) == .later)
      #expect(world.link.rest.reason == .closed)
    }
    #expect(verdict(world, isDelivered: true) { $0.wire.tell(.lost(.broken)) } == .delivered)
    // It is a topic like others again: this is the second close within an hour that no topic explains.
    #expect(verdict(world, close) == .later)
    #expect(world.link.rest.reason == .suspectedTwin)
  }

  @Test func `a delivery on another topic says nothing of one at which the platform closes`() throws
  {
    func place(_ topic: String) -> UInt64 {
      topic.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 } & 15
    }
    // One that has its place in the table.
    let other = try #require(
      (0..<1_000).map { "/pk/device/user/\($0)" }.first { place($0) == place(Self.bad) }
    )
    let world = try World()
    let close = { (world: World) in world.wire.tell(.lost(.closed)) }
    #expect(verdict(world, close) == .later)
    let ended = verdict(world, topic: other, isDelivered: true) { $0.wire.tell(.lost(.broken)) }
    #expect(ended == .delivered)
    #expect(verdict(world, close) == .later)
    #expect(world.link.rest.reason == .closed)
  }

  /// Two devices of one identity, each with a report under way whenever it may send one: the worst case.
  @Test(arguments: 0..<30 as Range<UInt64>)
  func `two devices with reports under way connect four times in the first hour`(
    seed: UInt64
  )
    throws
  {
    var random = SeededRandom(seed: seed)
    let worlds = [try World(), try World()]
    // What the outbox does: a topic that steps aside waits.
    var held = worlds.map(\.now)
    held[1] = held[1] + Milliseconds(Int64(random.next() % 600_000))
    let start = worlds[0].now
    var connections = 0
    var current: Int?
    for second in 0..<3_600 as Range<Int64> {
      for (index, world) in worlds.enumerated() {
        world.now = start + Milliseconds(second * 1_000)
        world.link.handleTimeout(at: world.now)
        _ = world.events()
        if world.isFree, world.now >= held[index], world.link.rest.until <= world.now {
          let count = world.wire.connects.count
          world.begin(1)
          if world.isConnected { world.sent = second }
          if world.wire.connects.count > count {
            world.arrival = second + 2 + Int64(random.next() % 38)
          }
        }
        // Its acknowledgement comes sooner than another device connects, and the next one follows at once.
        if let last = world.wire.published.last, let sent = world.sent, second > sent {
          world.sent = nil
          world.wire.tell(.delivered(last.number))
          _ = world.events()
        }
        guard let arrival = world.arrival, second >= arrival else { continue }
        world.arrival = nil
        connections += 1
        world.accept()
        _ = world.events()
        world.sent = second
        if let older = current, older != index {
          worlds[older].sent = nil
          worlds[older].wire.tell(.lost(.closed))
          _ = worlds[older].events()
          held[older] = max(held[older], worlds[older].now + worlds[older].link.ending.retryAfter)
        }
        current = index
      }
    }
    #expect(connections <= 4 && connections > 1)
  }

  @Test func `a topic that is not acknowledged for the second time steps aside`() throws {
    let world = try World()
    #expect(verdict(world) { $0.advance(60) } == .unreachable)
    #expect(verdict(world) { $0.advance(60) } == .later)
    // One that is acknowledged meanwhile is none.
    #expect(verdict(world, isDelivered: true) { $0.wire.tell(.lost(.broken)) } == .delivered)
    #expect(verdict(world) { $0.advance(60) } == .unreachable)
  }

  @Test func `what ends without having to do with a report blames none`() throws {
    let world = try World()
    for topic in ["a", "b", "a", "b"] {
      let ended = verdict(world, topic: "/pk/device/user/" + topic) {
        $0.wire.tell(.lost(.broken))
      }
      #expect(ended == .unreachable)
    }
    for _ in 0..<3 {
      let ended = verdict(world) {
        $0.advance(20)
        $0.wire.tell(.lost(.broken))
      }
      #expect(ended == .unreachable)
    }
  }

  @Test func `two orderly closes without a report are another device still`() throws {
    let world = try World()
    for reason in [RestReason.closed, .suspectedTwin] {
      #expect(verdict(world, isDelivered: true) { $0.wire.tell(.lost(.closed)) } == .delivered)
      #expect(world.link.rest.reason == reason)
    }
  }

  @Test func `a connection that does not come about in time is given up`() throws {
    let world = try World()
    world.begin(1)
    world.advance(70)
    #expect(world.events() == [.connectFailed, .report])
    #expect(world.link.failure == .connection(.timedOut))
    #expect(!world.link.ending.wasSent)
  }

  @Test(
    arguments: [
      (1, .credentials, 1_800_000), (2, .credentials, 1_800_000), (4, .credentials, 1_800_000),
      (5, .credentials, 1_800_000), (3, .unreachable, 0),
    ] as [(UInt8, ReportVerdict, Int64)]
  )
  func `a refusal ends reports, and is not repeated at once`(
    number: UInt8,
    verdict: ReportVerdict,
    least: Int64
  ) throws {
    let world = try World()
    world.begin(1)
    world.wire.tell(.failed(.refused(number)))
    #expect(world.events() == [.connectFailed, .report])
    #expect(world.link.failure == .refused(ConnackCode(rawValue: number)))
    #expect(world.link.ending.verdict == verdict)
    #expect(world.link.ending.retryAfter >= Milliseconds(least))
    world.begin(2)
    #expect(world.wire.connects.count == 1)
    #expect(world.events() == [.report])
    #expect(world.ended() == (2, verdict))
  }

  @Test func `a kick rests half an hour and more, whatever is to be sent`() throws {
    let world = try World { $0.staysConnected = true }
    world.link.handleTimeout(at: world.now)
    world.accept()
    _ = world.events()
    world.wire.message("/ext/notify", #"{"title":"kick","content":"Kicked by the same device"}"#)
    world.wire.tell(.lost(.closed))
    #expect(world.events() == [.disconnected])
    #expect(world.link.rest.reason == .kicked)
    world.begin(1)
    #expect(world.events() == [.report])
    #expect(world.link.ending.verdict == .unreachable)
    #expect(world.link.ending.retryAfter >= Milliseconds(1_800_000))
    world.advance(29 * 60)
    #expect(world.wire.connects.count == 1)
    world.advance(17 * 60)
    #expect(world.wire.connects.count == 2)
  }

  @Test func `an orderly close is answered at once, a second one within the hour is not`() throws {
    let world = try World { $0.staysConnected = true }
    world.link.handleTimeout(at: world.now)
    world.accept()
    _ = world.events()
    world.wire.tell(.lost(.closed))
    #expect(world.events() == [.disconnected])
    world.advance(0)
    #expect(world.wire.connects.count == 2)
    world.accept()
    _ = world.events()
    world.advance(60)
    world.wire.tell(.lost(.closed))
    #expect(world.events() == [.disconnected])
    #expect(world.link.rest.reason == .suspectedTwin)
    world.advance(58 * 60)
    #expect(world.wire.connects.count == 2)
    world.advance(60)
    #expect(world.wire.connects.count == 3)
  }

  @Test func `a device that does not stay says goodbye when there is nothing to do`() throws {
    let world = try World()
    world.begin(1)
    world.accept()
    _ = world.events()
    world.wire.tell(.delivered(world.wire.published[0].number))
    _ = world.events()
    #expect(world.link.pollTimeout() == world.now + Milliseconds(30_000))
    world.advance(30)
    #expect(world.wire.disconnects == 1 && world.isClosing)
    world.wire.tell(.disconnected)
    #expect(world.events() == [.closed])
    #expect(world.link.pollTimeout() == nil && world.isIdle)
  }

  @Test func `a device that stays connects again after a failure, by the back-off`() throws {
    let world = try World { $0.staysConnected = true }
    world.link.handleTimeout(at: world.now)
    for _ in 0..<5 {
      world.wire.tell(.failed(.unreachable))
      #expect(world.events() == [.connectFailed])
      let count = world.wire.connects.count
      #expect(world.link.pollTimeout() == world.link.rest.until)
      world.now = world.link.rest.until
      world.advance(0)
      #expect(world.wire.connects.count == count + 1)
    }
    #expect(world.link.rest.until - world.now <= Milliseconds(0))
  }

  @Test func `a network that failed interrupts, and what was asked for is told`() throws {
    let world = try World()
    world.begin(1)
    world.accept()
    _ = world.events()
    world.link.interrupt(at: world.now)
    #expect(world.events() == [.disconnected, .report])
    #expect(world.link.ending.wasInterrupted && world.link.ending.verdict == .unreachable)
  }

  @Test func `topics that cannot be and a layer without room`() throws {
    let world = try World()
    #expect(!world.begin(3, topic: "no/slash"))
    #expect(world.ended() == (3, .final))
    #expect(world.wire.connects.isEmpty)
    world.wire.hasRoom = false
    #expect(world.begin(4))
    #expect(world.events() == [.report])
    #expect(world.ended() == (4, .later))
  }

  @Test func `a report for which there is no place is not begun, and may come later`() throws {
    let world = try World { $0.reportsInFlight = 16 }
    for id in 1...16 as ClosedRange<UInt64> { #expect(world.begin(id)) }
    #expect(!world.isFree)
    #expect(!world.begin(17))
    #expect(world.ended() == (17, .later))
    world.accept()
    _ = world.events()
    world.wire.tell(.delivered(world.wire.published[0].number))
    #expect(world.events() == [.report])
    #expect(world.ended() == (1, .delivered) && world.begin(17))
  }
}
