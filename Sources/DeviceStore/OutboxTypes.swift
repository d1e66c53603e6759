// SPDX-License-Identifier: Apache-2.0
/// How much an outbox keeps.
public struct OutboxSettings: Sendable {
  /// What to do with a new entry for which there is no room.
  public enum Policy: Sendable {
    /// Refuse it.
    case refuse
    /// Drop others of the same or a lower priority, the lowest priority first and the oldest of
    /// that, but never an entry that is on its way; if that does not make enough room, refuse the
    /// new one. One that waits to be sent again may go.
    case dropOldest
  }

  /// The maximum size of waiting entries in bytes, up to 16 MB: each entry's topic and payload and
  /// some 70 bytes.
  ///
  /// The file takes up to twice as much and half a KB. If more than half of that waits when the
  /// file has to be rewritten, both it and its replacement exist for a moment.
  public var maxBytes = 65_536

  /// What to do with a new entry for which there is no room.
  public var whenFull = Policy.refuse

  #if SMALL_REPORTS
  /// The longest payload in bytes.
  public var maxPayload: Int { 1_024 }
  #else
  /// The longest payload in bytes: 1,024, or up to 131,072 over a link that takes it (`ReportLink.payloadLimit`).
  ///
  /// Beyond 1,024 the outbox has memory for one payload of 131,072 bytes, of which the system gives what is used; its
  /// file then is of another version, which programs without this refuse.
  public var maxPayload = 1_024
  #endif

  /// Uses 64 KB, and refuses entries beyond that.
  public init() {}

  /// The size clamped to 16 MB, for calculations.
  var clampedBytes: Int { max(0, min(maxBytes, Self.maxClampedBytes)) }

  private static var maxClampedBytes: Int { 0x100_0000 }

  /// The maximum length of a file with any settings, including an unreadable sector.
  static var maxFileCount: Int { 2 &* maxClampedBytes &+ 4_096 }
}

/// What an outbox found when it was opened.
public struct OutboxFindings: Equatable, Sendable {
  /// Waiting entries from earlier runs.
  public internal(set) var kept = 0

  /// Damaged places in the file: each cost at least one entry, waiting or finished.
  public internal(set) var damaged = 0

  /// Bytes after the last entry that are not an entry.
  ///
  /// They are an entry that was being written when power failed, or the damaged end of the file. If
  /// both of the file's headers are damaged, all entries are lost, and numbers start over.
  public internal(set) var cutBytes = 0

  /// Whether others could read the file; its mode has been corrected.
  public internal(set) var wasReadable = false

  /// Starts without findings.
  public init() {}
}

/// What became of entries since the outbox was opened.
public struct OutboxCounters: Equatable, Sendable {
  /// Entries that were taken.
  public internal(set) var accepted = 0

  /// Entries removed by `remove`.
  public internal(set) var delivered = 0

  /// Entries given up because they had waited too long or been tried too often.
  public internal(set) var givenUp = 0

  /// Entries whose lifetime ended before they were given out.
  public internal(set) var expired = 0

  /// Entries dropped to make room for others.
  public internal(set) var dropped = 0

  /// Entries replaced by a later one with the same key.
  public internal(set) var superseded = 0

  /// Entries that were not taken, for whatever reason.
  public internal(set) var refused = 0

  /// Entries found to be damaged, including those found at the start.
  public internal(set) var damaged = 0

  /// Starts at 0.
  public init() {}
}

/// Why an entry was not accepted.
public enum OutboxError: Error, Equatable, Sendable {
  /// There is no room for it.
  case full
  /// The topic has more than 128 bytes, or the payload more than the outbox or the link takes.
  case tooLong
  /// It could not be made durable.
  case store(StoreError)
}

/// An entry that ended without delivery.
package struct EndedEntry {
  /// The number; 0 if there is none.
  package var id: UInt64 = 0
  /// The reason.
  package var ending = Ending.expired

  /// Why an entry ended.
  package enum Ending {
    /// Its lifetime ended.
    case expired
    /// It waited longer than the limit.
    case tooOld
    /// It was dropped to make room for another one.
    case dropped
    /// A later one with the same key replaced it.
    case superseded
  }
}
