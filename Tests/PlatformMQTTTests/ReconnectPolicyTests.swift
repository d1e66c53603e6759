// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import PlatformMQTT
import TestSupport
import Testing

@Suite("Reconnecting: when a device connects again")
struct ReconnectPolicyTests {
  static let minute: Int64 = 60_000

  @Test func `failures wait a second, doubled to five minutes, with a random half`() {
    for random in [0, UInt32.max] {
      var policy = ReconnectPolicy()
      var now = Instant(milliseconds: 0)
      var waits: [Int64] = []
      for _ in 0..<12 {
        policy.handleEnding(.failed, at: now, random: random)
        waits.append((policy.notBefore - now).count)
        now = policy.notBefore
      }
      let doubled: [Int64] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300].map { $0 * 1_000 }
      if random == 0 {
        #expect(waits == doubled)
      } else {
        for (wait, full) in zip(waits, doubled) {
          #expect(wait > full * 149 / 100 && wait <= full * 3 / 2)
        }
      }
    }
  }

  @Test func `the back-off starts over after a connection that lasted, not after a short one`() {
    var policy = ReconnectPolicy()
    let start = Instant(milliseconds: 0)
    for _ in 0..<5 { policy.handleEnding(.failed, at: start, random: 0) }
    policy.handleConnected(at: start)
    let short = start + Milliseconds(59_999)
    policy.handleEnding(.lost, at: short, random: 0)
    #expect(policy.notBefore - short == Milliseconds(32_000))
    policy.handleConnected(at: short)
    let long = short + Milliseconds(60_000)
    policy.handleEnding(.lost, at: long, random: 0)
    #expect(policy.notBefore - long == Milliseconds(1_000))
    #expect(policy.reason == .lost)
  }

  @Test func `an orderly close is answered at once, the next one within the hour is not`() {
    var policy = ReconnectPolicy()
    let first = Instant(milliseconds: 5_000)
    policy.handleConnected(at: Instant(milliseconds: 0))
    policy.handleEnding(.closed, at: first, random: .max)
    #expect(policy.notBefore == first && policy.reason == .closed)
    policy.handleConnected(at: first)
    policy.handleEnding(.closed, at: first + Milliseconds(59 * Self.minute), random: .max)
    let hour = first + Milliseconds(60 * Self.minute)
    #expect(policy.notBefore == hour && policy.reason == .suspectedTwin)
    policy.handleConnected(at: hour)
    policy.handleEnding(.closed, at: hour, random: 0)
    #expect(policy.notBefore == hour && policy.reason == .closed)
    // A topic that the platform does not take is no other device.
    policy.handleEnding(.closedAtReport, at: hour, random: 0)
    #expect(policy.notBefore == hour + Milliseconds(1_000) && policy.reason == .closed)
  }

  @Test(arguments: [
    (ConnectionEnding.malformed, RestReason.malformed), (.oversized, .oversized),
  ])
  func `what the device itself cuts is no other device, and backs off`(
    ending: ConnectionEnding,
    reason: RestReason
  ) {
    var policy = ReconnectPolicy()
    var now = Instant(milliseconds: 0)
    for seconds in [1, 2, 4, 8] as [Int64] {
      policy.handleConnected(at: now)
      policy.handleEnding(ending, at: now, random: 0)
      #expect(policy.reason == reason && !policy.isConnected)
      #expect(policy.notBefore - now == Milliseconds(seconds * 1_000))
      now = policy.notBefore
    }
    // An orderly close after that is the first one.
    policy.handleConnected(at: now)
    policy.handleEnding(.closed, at: now, random: 0)
    #expect(policy.reason == .closed && policy.notBefore == now)
  }

  @Test func `a kick rests half an hour, doubled to four hours, and is forgotten after a day`() {
    var policy = ReconnectPolicy()
    var now = Instant(milliseconds: 0)
    for minutes in [30, 60, 120, 240, 240] as [Int64] {
      policy.handleConnected(at: now)
      policy.handleEnding(.kicked, at: now, random: 0)
      #expect(policy.notBefore - now == Milliseconds(minutes * Self.minute))
      #expect(policy.reason == .kicked)
      now = policy.notBefore
    }
    policy.handleConnected(at: now)
    now = now + Milliseconds(24 * 60 * Self.minute)
    policy.handleEnding(.kicked, at: now, random: .max)
    let wait = (policy.notBefore - now).count
    #expect(wait > 44 * Self.minute && wait <= 45 * Self.minute)
  }

  @Test(arguments: [1, 2, 4, 5, 99] as [UInt8])
  func `a refusal is not repeated for half an hour, doubled to four hours`(number: UInt8) {
    var policy = ReconnectPolicy()
    var now = Instant(milliseconds: 0)
    let code = ConnackCode(rawValue: number)
    for minutes in [30, 60, 120, 240, 240] as [Int64] {
      policy.handleEnding(.refused(code), at: now, random: 0)
      #expect(policy.notBefore - now == Milliseconds(minutes * Self.minute))
      #expect(policy.reason == .refused(code))
      now = policy.notBefore
    }
    policy.handleConnected(at: now)
    policy.handleEnding(.refused(code), at: now, random: 0)
    #expect(policy.notBefore - now == Milliseconds(30 * Self.minute))
  }

  @Test func `3 goes by the back-off`() {
    var policy = ReconnectPolicy()
    policy.handleEnding(.refused(.unavailable), at: Instant(milliseconds: 0), random: 0)
    #expect(policy.notBefore == Instant(milliseconds: 1_000))
  }

  @Test func `a device that is not authenticated over HTTPS rests like one that is refused`() {
    var policy = ReconnectPolicy()
    let now = Instant(milliseconds: 7)
    policy.handleEnding(.unauthenticated, at: now, random: 0)
    #expect(policy.reason == .unauthenticated)
    #expect(policy.notBefore - now == Milliseconds(30 * Self.minute))
    policy.handleEnding(.unauthenticated, at: now, random: 0)
    #expect(policy.notBefore - now == Milliseconds(60 * Self.minute))
  }

  @Test func `every reason has words`() {
    for reason in [
      .none, .failed, .lost, .malformed, .oversized, .closed, .kicked, .suspectedTwin,
      .unauthenticated,
      .refused(.credentials),
    ] as [RestReason] {
      #expect(!reason.description.isEmpty)
    }
  }
}

/// A broker that lets one connection of an identity live, and two devices that have it.
private struct Twins {
  var policies = [ReconnectPolicy(), ReconnectPolicy()]
  /// When each device is switched on.
  var starts: [Instant]
  /// Whether each asked for notices, so that a kick is told.
  let hearsNotices: [Bool]
  var random: SeededRandom
  var connections: [Instant] = []
  private var current: Int?

  init(starts: [Int64], hearsNotices: [Bool], seed: UInt64) {
    self.starts = starts.map(Instant.init(milliseconds:))
    self.hearsNotices = hearsNotices
    random = SeededRandom(seed: seed)
  }

  mutating func run(until end: Instant) {
    while true {
      let waiting = (0..<2).filter { $0 != current }
        .map { (time: max(starts[$0], policies[$0].notBefore), device: $0) }
      guard let next = waiting.min(by: { $0.time < $1.time }), next.time < end else { return }
      // The way to the platform takes 2 to 40 s.
      let now = next.time + Milliseconds(Int64(2_000 + random.nextUInt32() % 38_000))
      guard now < end else { return }
      starts[next.device] = now
      connections.append(now)
      policies[next.device].handleConnected(at: now)
      if let older = current {
        policies[older].handleEnding(
          hearsNotices[older] ? .kicked : .closed,
          at: now,
          random: random.nextUInt32()
        )
        starts[older] = now
      }
      current = next.device
    }
  }
}

@Suite("Reconnecting: two devices with one identity")
struct TwinTests {
  @Test(arguments: [[false, false], [true, true], [true, false], [false, true]])
  func `both together connect at most four times in the first hour`(hearsNotices: [Bool]) throws {
    var most = 0
    for seed in 0..<2_000 as Range<UInt64> {
      var random = SeededRandom(seed: seed)
      let offset = Int64(random.nextUInt32() % 3_600_000)
      var twins = Twins(starts: [0, offset], hearsNotices: hearsNotices, seed: seed)
      twins.run(until: Instant(milliseconds: 24 * 3_600_000))
      let first = try #require(twins.connections.first)
      let second = try #require(twins.connections.dropFirst().first)
      for start in [first, second] {
        let hour = twins.connections.filter { $0 >= start && $0 - start < Milliseconds(3_600_000) }
        #expect(hour.count <= 4, "seed \(seed)")
        most = max(most, hour.count)
      }
    }
    #expect(most >= 2)
  }

  @Test func `each says why it rests`() {
    var told = Twins(starts: [0, 1_000], hearsNotices: [true, true], seed: 1)
    told.run(until: Instant(milliseconds: 600_000))
    #expect(told.policies.contains { $0.reason == .kicked })
    var silent = Twins(starts: [0, 1_000], hearsNotices: [false, false], seed: 1)
    silent.run(until: Instant(milliseconds: 600_000))
    #expect(silent.policies.contains { $0.reason == .suspectedTwin })
  }
}
