// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
internal import RadioModel

/// The network between devices and a simulated platform, with the faults of a `FaultTable`, NAT, and a radio that
/// loses and delays datagrams.
///
/// A state machine without I/O. Order of calls: `receive` what comes from a device, `send` what the platform sends;
/// then `poll` until it gives `nil`, again at `pollTimeout`. Memory: at most 100,000 datagrams on their way and
/// 200,000 addresses; beyond that a datagram is lost, and the addresses silent longest are forgotten.
public struct FaultyNetwork<Peer: Hashable & Sendable> {
  /// A device's address as the platform sees it.
  public struct Address: Hashable, Sendable, CustomStringConvertible {
    /// The address that it really has.
    public let peer: Peer
    /// How often NAT has changed it.
    public let binding: UInt32

    /// The address, and behind it which one in a row.
    public var description: String { binding == 0 ? "\(peer)" : "\(peer)#\(binding)" }
  }

  /// A datagram at the end of its way.
  public enum Arrival {
    /// For the platform.
    case up([UInt8], from: Address)
    /// For the device.
    case down([UInt8], to: Peer)
  }

  private struct Known {
    var binding: UInt32 = 0
    var device: String?
    var lastSeen: Instant
    /// What waits for the next datagram of the same way.
    var held: [Held] = []
  }

  /// A datagram on its way that the next one of the same way passes.
  private struct Held {
    let number: UInt64
    let way: FaultRule.Way
    let time: Instant
  }

  private struct Underway {
    var arrival: Arrival
    var time: Instant
    var number: UInt64

    static func < (left: Underway, right: Underway) -> Bool {
      (left.time, left.number) < (right.time, right.number)
    }
  }

  /// The faults.
  public let table: FaultTable
  /// How long NAT keeps an address of a silent device; `nil` for ever.
  public var natLifetime: Milliseconds?
  /// How many datagrams the network has lost.
  public private(set) var lost = 0
  private var radio: RadioPath<SplitMix>?
  private var known: [Peer: Known] = [:]
  private var underway: [Underway] = []
  private var count: UInt64 = 0

  private static var maxUnderway: Int { 100_000 }
  private static var maxKnown: Int { 200_000 }
  /// How long a datagram is held for another one to pass it, in milliseconds.
  private static var longestHold: Int64 { 2_000 }

  /// A network with those faults, over radios of a coverage class if one is given.
  public init(_ table: FaultTable, coverage: Int? = nil, seed: UInt64 = 1) {
    self.table = table
    radio = coverage.map {
      RadioPath(RadioModel(), RadioHabits(coverage: $0), random: SplitMix(seed: seed))
    }
  }

  // MARK: Input

  /// Takes a datagram of a device.
  public mutating func receive(_ bytes: [UInt8], from peer: Peer, at now: Instant) {
    var entry = known[peer] ?? Known(lastSeen: now)
    if let lifetime = lifetime(of: entry.device, at: now), now - entry.lastSeen > lifetime {
      entry.binding &+= 1
    }
    entry.lastSeen = now
    if known.count >= Self.maxKnown, known[peer] == nil { forgetSilent() }
    known[peer] = entry
    let address = Address(peer: peer, binding: entry.binding)
    carry(bytes, .up, peer, at: now) { .up($0, from: address) }
  }

  /// Takes a datagram of the platform.
  public mutating func send(_ bytes: [UInt8], to address: Address, at now: Instant) {
    // NAT knows the earlier address no longer.
    if let entry = known[address.peer], entry.binding != address.binding {
      lost += 1
      return
    }
    carry(bytes, .down, address.peer, at: now) { .down($0, to: address.peer) }
  }

  /// Records which device uses that address.
  public mutating func learn(_ device: String, at address: Address) {
    known[address.peer]?.device = device
  }

  /// Records which device will use that address.
  public mutating func expect(_ device: String, at peer: Peer, since now: Instant) {
    known[peer] = Known(device: device, lastSeen: now)
  }

  /// Gives the devices that match other addresses, all of them if `pattern` is `nil`.
  public mutating func rebind(_ pattern: String?) {
    for peer in known.keys {
      if let pattern {
        guard let device = known[peer]?.device, FaultRule.matches(pattern, device) else { continue }
      }
      known[peer]?.binding &+= 1
    }
  }

  // MARK: Output

  /// The time of the next arrival; `nil` if nothing is on its way.
  public var pollTimeout: Instant? { underway.first?.time }

  /// The next datagram that has arrived by `now`.
  public mutating func poll(at now: Instant) -> Arrival? {
    guard let first = underway.first, first.time <= now else { return nil }
    let last = underway.removeLast()
    if !underway.isEmpty {
      underway[0] = last
      sink()
    }
    return first.arrival
  }

  // MARK: Private

  private func lifetime(of device: String?, at now: Instant) -> Milliseconds? {
    for entry in table.entries {
      guard case .bindingLifetime(let time) = entry.rule.effect,
        entry.end.map({ now < $0 }) ?? true
      else { continue }
      guard let pattern = entry.rule.device else { return time }
      if let device, FaultRule.matches(pattern, device) { return time }
    }
    return natLifetime
  }

  /// Sends a datagram on its way, through radio and faults.
  private mutating func carry(
    _ bytes: [UInt8],
    _ way: FaultRule.Way,
    _ peer: Peer,
    at now: Instant,
    _ arrival: ([UInt8]) -> Arrival
  ) {
    var bytes = bytes
    var wait: Int64 = 0
    var copies = 1
    var isHeld = false
    if radio?.isLost() ?? false { copies = 0 }
    if copies > 0, let delay = radio?.delay() { wait += Int64(delay.rounded(.up)) }
    if table.touchesDatagrams {
      let device = known[peer]?.device
      for index in table.entries.indices {
        let rule = table.entries[index].rule
        guard !rule.concernsRequests, rule.way == .both || rule.way == way else { continue }
        if case .bindingLifetime = rule.effect { continue }
        guard copies > 0 else { break }
        guard table.happens(index, to: device, at: now) else { continue }
        switch rule.effect {
        case .drop: copies = 0
        case .duplicate: copies += 1
        case .corrupt: flip(&bytes)
        case .reorder: isHeld = true
        case .delay(let range): wait += table.number(in: range)
        default: break
        }
      }
    }
    guard copies > 0 else {
      lost += 1
      return
    }
    let time = now + Milliseconds(wait)
    // Those that no other one has passed have arrived by now.
    if isHeld { known[peer]?.held.removeAll { $0.time <= now } }
    let end = isHeld ? time + Milliseconds(Self.longestHold) : time
    for _ in 0..<copies { add(arrival(bytes), way, peer, at: end, isHeld: isHeld) }
    if !isHeld { release(peer, way, behind: time) }
  }

  private mutating func add(
    _ arrival: Arrival,
    _ way: FaultRule.Way,
    _ peer: Peer,
    at time: Instant,
    isHeld: Bool
  ) {
    guard underway.count < Self.maxUnderway else {
      lost += 1
      return
    }
    count += 1
    let datagram = Underway(arrival: arrival, time: time, number: count)
    if isHeld { known[peer]?.held.append(Held(number: count, way: way, time: time)) }
    push(datagram)
  }

  /// Lets what was held arrive right behind a datagram of the same way.
  private mutating func release(_ peer: Peer, _ way: FaultRule.Way, behind time: Instant) {
    guard let held = known[peer]?.held, !held.isEmpty else { return }
    known[peer]?.held = held.filter { $0.way != way }
    let numbers = Set(held.filter { $0.way == way }.map(\.number))
    var rest: [Underway] = []
    for var datagram in underway {
      if numbers.contains(datagram.number) {
        datagram.time = min(datagram.time, time)
        count += 1
        datagram.number = count
      }
      rest.append(datagram)
    }
    underway = []
    for datagram in rest { push(datagram) }
  }

  private func flip(_ bytes: inout [UInt8]) {
    guard !bytes.isEmpty else { return }
    let bit = Int(table.number(in: 0...Int64(bytes.count * 8 - 1)))
    bytes[bit / 8] ^= 1 << UInt8(bit % 8)
  }

  private mutating func forgetSilent() {
    let oldest = known.sorted { $0.value.lastSeen < $1.value.lastSeen }.prefix(Self.maxKnown / 10)
    for (peer, _) in oldest { known[peer] = nil }
  }

  // A binary heap, the earliest first.

  private mutating func push(_ datagram: Underway) {
    underway.append(datagram)
    var child = underway.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard underway[child] < underway[parent] else { return }
      underway.swapAt(child, parent)
      child = parent
    }
  }

  private mutating func sink() {
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < underway.count && underway[child] < underway[least] { least = child }
      guard least != parent else { return }
      underway.swapAt(parent, least)
      parent = least
    }
  }
}
