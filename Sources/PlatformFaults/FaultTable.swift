// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
internal import RadioModel

/// The faults of a simulated platform while it runs.
///
/// One seed gives the same faults for the same datagrams and requests in the same order. Fronts of several protocols
/// share a table, each call after the other.
public final class FaultTable {
  /// A fault in the table.
  public struct Entry: Sendable {
    /// The number by which it is removed.
    public let id: Int
    /// What it is.
    public let rule: FaultRule
    /// How often it has happened.
    public fileprivate(set) var count = 0
    /// How many datagrams or requests were within its scope.
    fileprivate(set) var seen = 0
    /// When it ends; `nil` without an end.
    public fileprivate(set) var end: Instant?
    /// What made it, where that was not the rule itself.
    fileprivate var cause: FaultRule?

    /// The fault as it was given.
    public var description: String { (cause ?? rule).description }
  }

  /// The faults that last.
  public private(set) var entries: [Entry] = []
  /// What happens once and has not been carried out yet.
  private var moments: [FaultRule] = []
  private var hasForgotten = false
  /// How far the platform's clock has jumped.
  public private(set) var clockOffset = Milliseconds(0)
  private var random: SplitMix
  private var lastID = 0

  /// The most faults that there may be at once.
  public static let limit = 1_000

  /// A table without faults.
  public init(seed: UInt64 = 1) { random = SplitMix(seed: seed) }

  /// Adds a fault at `now`; its number, 0 for one that is over at once, `nil` if the table is full.
  public func add(_ rule: FaultRule, at now: Instant) -> Int? {
    removeEnded(at: now)
    if rule.isMomentary {
      switch rule.effect {
      case .clockJump(let time): clockOffset = clockOffset + time
      case .restart(let time):
        if time > Milliseconds(0) {
          var silence = FaultRule(.drop)
          silence.duration = time
          guard add(silence, at: now) != nil else { return nil }
          entries[entries.count - 1].cause = rule
        }
        hasForgotten = true
      case .forgetSessions: hasForgotten = true
      default: break
      }
      moments.append(rule)
      return 0
    }
    guard entries.count < Self.limit else { return nil }
    lastID += 1
    var entry = Entry(id: lastID, rule: rule)
    entry.end = rule.duration.map { now + $0 }
    entries.append(entry)
    return lastID
  }

  /// Removes the fault with that number; `false` if there is none.
  public func remove(_ id: Int) -> Bool {
    guard let index = entries.firstIndex(where: { $0.id == id }) else { return false }
    entries.remove(at: index)
    return true
  }

  /// Removes all of them.
  public func removeAll() { entries = [] }

  /// Drops those that are over.
  public func removeEnded(at now: Instant) {
    entries.removeAll { entry in
      entry.end.map { $0 <= now } ?? false
        || entry.rule.times.map { $0 <= entry.count } ?? false
    }
  }

  /// Whether the platform has been told to forget its tokens since the last call.
  package func takeForgotten() -> Bool {
    defer { hasForgotten = false }
    return hasForgotten
  }

  /// What has happened at once since the last call, for the network and what waits on it.
  package func takeMoments() -> [FaultRule] {
    defer { moments = [] }
    return moments
  }

  /// The answer to a request in place of the platform's, with the number of the fault; `nil` if there is none.
  package func answer(
    to request: FaultedRequest,
    takesCodes: Bool,
    device: String?,
    topic: String?,
    at now: Instant
  ) -> (status: Int, retryAfter: UInt32?, id: Int)? {
    for index in entries.indices {
      guard case .answer(let status, let wait, let kind) = entries[index].rule.effect,
        kind ?? request == request, takesCodes || status < 1_000,
        matches(entries[index].rule.topic, topic), happens(index, to: device, at: now)
      else { continue }
      return (status, wait, entries[index].id)
    }
    return nil
  }

  /// Whether there is a fault of answers that depends on who asks.
  package var asksForDevices: Bool {
    entries.contains { $0.rule.concernsRequests && $0.rule.device != nil }
  }

  /// Whether the table can touch a datagram.
  var touchesDatagrams: Bool { entries.contains { !$0.rule.concernsRequests } }

  /// Whether a fault happens to a datagram or request that is within its kind.
  func happens(_ index: Int, to device: String?, at now: Instant) -> Bool {
    let rule = entries[index].rule
    guard entries[index].end.map({ now < $0 }) ?? true, matches(rule.device, device),
      rule.times.map({ entries[index].count < $0 }) ?? true
    else { return false }
    entries[index].seen += 1
    guard entries[index].seen > rule.after else { return false }
    if rule.share < 1, random.fraction() >= rule.share { return false }
    entries[index].count += 1
    return true
  }

  /// A number from `range`.
  func number(in range: ClosedRange<Int64>) -> Int64 {
    range.lowerBound
      + Int64(random.next() % UInt64(range.upperBound - range.lowerBound + 1))
  }

  private func matches(_ pattern: String?, _ text: String?) -> Bool {
    guard let pattern else { return true }
    return text.map { FaultRule.matches(pattern, $0) } ?? false
  }
}
