// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// Several entries on their way at once.
extension Outbox {
  /// Leaves the entry given out last on its way, so that `findNext` gives out another one.
  package mutating func park<Taken: TakenEntries>(in taken: inout Taken) {
    guard let place = taken.freePlace else { preconditionFailure("the link has fewer places") }
    var entry = TakenEntry()
    entry.id = inFlight
    entry.state = .underWay
    entry.priority = inFlightPriority
    entry.isReplaced = isInFlightSuperseded
    entry.pauses = taken.outlook.pauses
    entry.topic = inFlightTopic
    entry.offset = inFlightOffset
    entry.size = inFlightSize
    entry.nonce = header.nonce
    taken[place] = entry
    inFlight = 0
    isInFlightSuperseded = false
    guard taken.outlook.isRestBlocked else { return }
    taken.outlook.reopened &-= 1
    // So not all that waits is gone through to find nothing.
    if taken.outlook.reopened == 0 { search.isVain = true }
  }

  /// Makes an entry on its way the one given out last, because it has ended; `nil` unless it is one.
  package mutating func recall<Taken: TakenEntries>(
    _ id: UInt64,
    from taken: inout Taken
  ) -> TakenEntry? {
    guard let place = taken.place(of: id) else { return nil }
    let entry = taken[place]
    taken[place] = TakenEntry()
    inFlight = id
    isInFlightSuperseded = entry.isReplaced
    // After entries have moved it is searched for.
    inFlightOffset = entry.nonce == header.nonce ? entry.offset : 0
    inFlightSize = entry.size
    inFlightTopic = entry.topic
    inFlightPriority = entry.priority
    // With priorities, those that wait may be before it in the file: all are gone through.
    if inFlightOffset == 0 || max(taken.outlook.passed, entry.priority) > 0 || search.highest > 1 {
      search.forget()
    } else if search.isVain || search.highest > 0 {
      // It and those of its topic, which are behind it, may be sent again.
      search.resume = search.isVain ? inFlightOffset : min(search.resume, inFlightOffset)
      search.highest = 1
      search.isVain = false
      taken.outlook.reopened &+= 1
      taken.noteReopened(entry.topic)
    }
    return entry
  }

  /// Has `findNext` go through all that waits, because an entry has come back whose time may be over.
  package mutating func reconsider() {
    search.forget()
    search.nextExpiry = Instant(milliseconds: .min)
  }

  /// Takes back all entries on their way, which then wait as before.
  package mutating func releaseAll<Taken: TakenEntries>(_ taken: inout Taken) {
    for place in 0..<Taken.places where taken[place].state == .underWay {
      taken[place] = TakenEntry()
      search.forget()
    }
  }

  /// Ends the entry given out last if a later one has its key, once it has come back; returns
  /// whether it has ended it.
  ///
  /// A mark that cannot be written leaves an entry too many.
  package mutating func endReplaced() -> Bool {
    guard isInFlightSuperseded else { return false }
    let isEnded = find(inFlight) && supersede()
    inFlight = 0
    isInFlightSuperseded = false
    return isEnded
  }

  /// Marks the entry given out last as ended, as `remove` does, but leaves it to `settleMarks` to make
  /// that durable, so that several share a sync.
  package mutating func markRemoved(_ id: UInt64, isGivenUp: Bool) -> StoreResult {
    removing = id
    removingStatus = isGivenUp ? OutboxStatus.givenUp : OutboxStatus.delivered
    let result = markRemoval()
    if !result.isGood { return result }
    endRemoval()
    return .good
  }

  /// Whether the mark of an entry must be durable before it is told: it is from an earlier run, and
  /// would be sent a third time.
  package func isKept(_ id: UInt64) -> Bool { id <= lastKeptID }
}
