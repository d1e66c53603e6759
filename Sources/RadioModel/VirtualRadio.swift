// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore

/// A device's radio and the network behind it on a virtual clock: it delays and loses datagrams as a `RadioModel`
/// says, and meters each.
///
/// `send` for either direction, then `receive` at or after `nextArrival`.
public struct VirtualRadio<Random: RandomSource & Sendable>: Sendable {
  /// Which way a datagram goes.
  public enum Direction: Sendable {
    /// From the device.
    case up
    /// To the device.
    case down
  }

  /// A datagram at the end of its way.
  public struct Arrival: Sendable {
    /// When it arrives.
    public let time: Instant
    /// Which way it went.
    public let direction: Direction
    /// The payload of UDP.
    public let bytes: [UInt8]
    let number: Int
  }

  private struct Underway {
    var arrival: Arrival
    /// What an answer is for, while it has not reached the base station.
    var purpose: TrafficPurpose?
  }

  /// The radio's account.
  public var meter: RadioMeter
  /// Datagrams that the network lost.
  public private(set) var lost = 0
  /// Datagrams for a device that was asleep.
  public private(set) var unreachable = 0

  private var path: RadioPath<Random>
  private var underway: [Underway] = []
  private var count = 0

  /// A radio that has been idle since `start`.
  public init(_ model: RadioModel, _ habits: RadioHabits, random: Random, at start: Instant) {
    self.init(RadioKind(model, habits), random: random, at: start)
  }

  /// The same as one of many; without `countsTraffic` its account has the energy alone.
  public init(
    _ kind: RadioKind,
    countsTraffic: Bool = true,
    random: Random,
    at start: Instant
  ) {
    meter = RadioMeter(kind, countsTraffic: countsTraffic, at: Double(start.milliseconds))
    path = RadioPath(kind, random: random)
  }

  /// Sends a datagram of the device.
  public mutating func sendUp(
    _ bytes: [UInt8],
    for purpose: TrafficPurpose,
    _ hint: ReleaseHint,
    at now: Instant
  ) {
    let sent = meter.send(bytes.count, for: purpose, hint, at: Double(now.milliseconds))
    guard !isLost() else { return }
    add(bytes, .up, at: sent + path.delay(), nil)
  }

  /// Sends a datagram to the device, from the far end of the network.
  public mutating func sendDown(_ bytes: [UInt8], for purpose: TrafficPurpose, at now: Instant) {
    guard !isLost() else { return }
    add(bytes, .down, at: Double(now.milliseconds) + path.delay(), purpose)
  }

  /// When `receive` has something to do.
  public var nextArrival: Instant? { underway.map(\.arrival.time).min() }

  /// The next datagram that has arrived by `now`.
  public mutating func receive(by now: Instant) -> Arrival? {
    while let index = next(by: now) {
      let datagram = underway.remove(at: index)
      // Most radios have nothing on its way most of the time: no memory for it then.
      if underway.isEmpty { underway = [] }
      guard let purpose = datagram.purpose else { return datagram.arrival }
      let (bytes, time) = (datagram.arrival.bytes, Double(datagram.arrival.time.milliseconds))
      guard let received = meter.receive(bytes.count, for: purpose, at: time) else {
        unreachable += 1
        continue
      }
      // At the base station until now; the device has it when the last block has come.
      add(bytes, .down, at: received, nil)
    }
    return nil
  }

  private func next(by now: Instant) -> Int? {
    underway.indices.filter { underway[$0].arrival.time <= now }.min {
      let (left, right) = (underway[$0].arrival, underway[$1].arrival)
      return (left.time, left.number) < (right.time, right.number)
    }
  }

  private mutating func add(
    _ bytes: [UInt8],
    _ direction: Direction,
    at time: Double,
    _ purpose: TrafficPurpose?
  ) {
    count += 1
    let instant = Instant(milliseconds: Int64(time.rounded(.up)))
    let arrival = Arrival(time: instant, direction: direction, bytes: bytes, number: count)
    underway.append(Underway(arrival: arrival, purpose: purpose))
  }

  private mutating func isLost() -> Bool {
    guard path.isLost() else { return false }
    lost += 1
    return true
  }
}

/// SplitMix64 (Steele, Lea and Flood 2014): the same numbers from the same seed.
public struct SplitMix: RandomSource, Sendable {
  private var state: UInt64

  /// Begins at `seed`.
  public init(seed: UInt64) { state = seed }

  /// The next 64 bits.
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }
}
