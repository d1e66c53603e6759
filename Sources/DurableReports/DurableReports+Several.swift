// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import DeviceStore
internal import ReportLink

/// Several reports under way, over a link that takes them.
///
/// Each is the current report when it begins and when it ends; meanwhile it is in `taken`. Over a link
/// that has one at a time all of this is constant, and none of it is in the program.
extension DurableReports where Link: ~Copyable {
  /// Whether the link has several reports at a time.
  var hasSeveral: Bool { Link.Taken.places > 0 }

  /// Whether a report is under way.
  var isUnderWay: Bool { delivery == .underWay || !taken.isEmpty }

  /// The highest priority under way.
  var priorityUnderWay: UInt8 { hasSeveral ? taken.highestPriority : outbox.inFlightPriority }

  /// Whether a report waits beside those under way, and the link takes it.
  var mayStart: Bool { !hasSeveral || link.isFree && outbox.count > taken.count }

  /// Whether reports have ended that are still to be told.
  var hasTold: Bool { hasSeveral && taken.endedPlace != nil }

  /// Handles the end of the report that the link names.
  mutating func endTaken(at now: Instant) -> DurableEvent? {
    guard let entry = outbox.recall(link.endedID, from: &taken) else { return nil }
    reportID = entry.id
    let event = end(at: now, isLate: entry.pauses != taken.outlook.pauses)
    guard event != nil else { return nil }
    outbox.reconsider()
    return outbox.endReplaced() ? takeEnded() : event
  }

  /// Keeps the report that has ended and is marked, until those that ended with it are as well.
  mutating func keepEnded() {
    let state: TakenEntry.State =
      switch delivery {
      case .delivered: .delivered
      case .givenUp: .givenUp
      default: .rejected
      }
    taken.keep(reportID, as: state)
  }

  /// Makes the marks of all that ended together durable, with one sync, where they must be.
  mutating func settleEnded() -> StoreResult {
    var isDue = false
    for place in 0..<Link.Taken.places {
      let entry = taken[place]
      if entry.state != .none, entry.state != .underWay, outbox.isKept(entry.id) { isDue = true }
    }
    return outbox.settleMarks(isLast: isDue)
  }

  /// Tells of the next report that has ended.
  mutating func tellEnded() -> DurableEvent? {
    guard let place = taken.endedPlace else { return nil }
    let entry = taken[place]
    taken[place] = TakenEntry()
    return switch entry.state {
    case .delivered: .delivered(entry.id)
    case .givenUp: .givenUp(entry.id, .maxAttempts)
    default: .rejected(entry.id)
    }
  }
}
