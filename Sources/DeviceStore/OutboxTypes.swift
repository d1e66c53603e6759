/// How much an outbox keeps.
public struct OutboxSettings: Sendable {
  /// What happens to a new entry that has no room.
  public enum Policy: Sendable {
    /// It is refused.
    case refuse
    /// Others of the same or a lower priority are dropped, the lowest priority first and of that the
    /// oldest, but never the one given out last; where that does not make room, the new one is refused.
    case dropOldest
  }

  /// How many bytes wait at most, 16 MB or less: each entry's topic and payload and some 70 bytes.
  ///
  /// The file takes up to twice as much and half a KB. Where more than half of that waits when it has to
  /// be written anew, both it and its successor are there for a moment.
  public var maxBytes = 65_536

  /// What happens to a new entry that has no room.
  public var whenFull = Policy.refuse

  /// 64 KB, and refusal beyond.
  public init() {}

  /// A size that can be reckoned with: at most 16 MB.
  var clampedBytes: Int { max(0, min(maxBytes, Self.maxClampedBytes)) }

  private static var maxClampedBytes: Int { 0x100_0000 }

  /// The longest file that any settings make, with a sector that could not be read.
  static var maxFileCount: Int { 2 &* maxClampedBytes &+ 4_096 }
}

/// What an outbox found when it was opened.
public struct OutboxFindings: Equatable, Sendable {
  /// Entries that wait from before.
  public internal(set) var kept = 0

  /// Places in the file that are damaged: each cost an entry or more, that waited or was done.
  public internal(set) var damaged = 0

  /// Bytes behind the last entry that were no entry.
  ///
  /// One that was being written when the power went, or the damaged end of the file. With both of the
  /// file's headers damaged all is lost, and numbers start over.
  public internal(set) var cutBytes = 0

  /// Whether others could read the file; they cannot any more.
  public internal(set) var wasReadable = false

  /// Nothing found.
  public init() {}
}

/// What became of entries since the outbox was opened.
public struct OutboxCounters: Equatable, Sendable {
  /// Entries that were taken.
  public internal(set) var accepted = 0

  /// Entries that were removed by `remove`.
  public internal(set) var delivered = 0

  /// Entries that were given up, for they had waited or been tried too long.
  public internal(set) var givenUp = 0

  /// Entries whose lifetime was over before they were given out.
  public internal(set) var expired = 0

  /// Entries that made room for others.
  public internal(set) var dropped = 0

  /// Entries in whose place a later one with the same key came.
  public internal(set) var superseded = 0

  /// Entries that were not taken, for whatever reason.
  public internal(set) var refused = 0

  /// Entries whose contents turned out to be damaged, those found at the start included.
  public internal(set) var damaged = 0

  /// Nothing yet.
  public init() {}
}

/// Why an entry was not accepted.
public enum OutboxError: Error, Equatable, Sendable {
  /// There is no room for it.
  case full
  /// The topic has more than 128 bytes or the payload more than 1,024.
  case tooLong
  /// It could not be made durable.
  case store(StoreError)
}

/// An entry that has ended without having been delivered.
package struct EndedEntry {
  /// Its number; 0 where there is none.
  package var id: UInt64 = 0
  /// Why.
  package var ending = Ending.expired

  /// Why an entry has ended.
  package enum Ending {
    /// Its lifetime is over.
    case expired
    /// It has waited longer than entries wait.
    case tooOld
    /// It made room for another one.
    case dropped
    /// A later one with the same key has come.
    case superseded
  }
}
