// SPDX-License-Identifier: Apache-2.0
/// Entries of an outbox that are on their way together.
///
/// The link decides which type an outbox gets: over one that has a single report at a time it is
/// `NoTakenEntries`, which takes neither memory nor code. At most one entry of a topic is on its way, so
/// that the order within a topic is kept.
///
/// Public only because a link names the type.
public protocol TakenEntries {
  /// Starts without entries.
  init()

  /// The maximum number of entries.
  static var places: Int { get }

  /// The entry at a place, from 0 up to `places`.
  subscript(place: Int) -> TakenEntry { get set }

  /// What is known of the entries that wait beside them.
  var outlook: TakenOutlook { get set }

  /// Whether there are topics that open and shut.
  static var hasGate: Bool { get }

  /// Whether entries of that topic may be given out now.
  func isOpen(_ topic: Span<UInt8>) -> Bool

  /// Whether a topic has opened since the last call.
  mutating func takeOpened() -> Bool

  /// Notes that entries of a topic, of that checksum, may be given out although a search has found none.
  mutating func noteReopened(_ topic: UInt32)

  /// Whether that was noted since `forgetReopened`, or may have been.
  func isReopened(_ topic: UInt32) -> Bool

  /// Forgets these topics, because a search has found none.
  mutating func forgetReopened()
}

// A table without a gate; this costs it nothing.
extension TakenEntries {
  /// No.
  @inlinable
  public static var hasGate: Bool { false }

  /// Yes.
  @inlinable
  public func isOpen(_ topic: Span<UInt8>) -> Bool { true }

  /// No.
  @inlinable
  public mutating func takeOpened() -> Bool { false }

  /// Nothing is noted.
  @inlinable
  public mutating func noteReopened(_ topic: UInt32) {}

  /// It may have been.
  @inlinable
  public func isReopened(_ topic: UInt32) -> Bool { true }

  /// Nothing is noted.
  @inlinable
  public mutating func forgetReopened() {}
}

/// An entry that is on its way, or has ended and is still to be told.
public struct TakenEntry: Sendable {
  package var id: UInt64 = 0
  package var state = State.none
  package var priority: UInt8 = 0
  /// Whether a later entry with the same key has come since it was given out.
  var isReplaced = false
  /// How often all sending had paused when it was given out.
  package var pauses: UInt32 = 0
  /// The topic's checksum.
  var topic: UInt32 = 0
  /// Its place in a file with that nonce, and what it takes.
  var offset = 0
  var size = 0
  var nonce: UInt64 = 0

  /// What became of it.
  package enum State: UInt8 {
    case none
    case underWay
    /// It is marked in the file.
    case delivered
    case rejected
    case givenUp
  }

  /// Creates a free place.
  public init() {}
}

/// What is known of entries whose topics are on their way.
public struct TakenOutlook: Sendable {
  /// The highest priority of those that a search has passed over.
  var passed: UInt8 = 0
  /// Whether every entry that waits was found to be held, or to have its topic on its way.
  var isRestBlocked = false
  /// The number of topics of which that may no longer be true.
  var reopened = 0
  /// How often all sending has paused.
  package var pauses: UInt32 = 0

  /// Nothing is known.
  public init() {}
}

/// The table of a link that has one report at a time: none.
public struct NoTakenEntries: TakenEntries {
  /// Starts without entries.
  public init() {}

  /// None.
  public static var places: Int { 0 }

  /// There is no place.
  public subscript(place: Int) -> TakenEntry {
    get { preconditionFailure("there is no place") }
    set { preconditionFailure("there is no place") }
  }

  /// Nothing is kept.
  public var outlook: TakenOutlook {
    get { TakenOutlook() }
    set {}
  }
}

/// A table of so many entries.
public struct TakenTable<let count: Int>: TakenEntries {
  private var entries = InlineArray<count, TakenEntry>(repeating: TakenEntry())
  /// What is known of the entries that wait beside them.
  public var outlook = TakenOutlook()

  /// Starts without entries.
  public init() {}

  /// The maximum number of entries.
  public static var places: Int { count }

  /// The entry at a place.
  public subscript(place: Int) -> TakenEntry {
    get { entries[place] }
    set { entries[place] = newValue }
  }
}

extension TakenEntries {
  /// The number of entries on their way.
  package var count: Int {
    var count = 0
    for place in 0..<Self.places where self[place].state == .underWay { count &+= 1 }
    return count
  }

  /// Whether any entry is on its way.
  package var isEmpty: Bool { Self.places == 0 || count == 0 }

  /// The highest priority of the entries on their way.
  package var highestPriority: UInt8 {
    var highest: UInt8 = 0
    for place in 0..<Self.places where self[place].state == .underWay {
      highest = max(highest, self[place].priority)
    }
    return highest
  }

  /// The place of the entry that has ended and is to be told next: the one accepted first.
  package var endedPlace: Int? {
    var first: Int?
    for place in 0..<Self.places {
      switch self[place].state {
      case .none, .underWay: continue
      case .delivered, .rejected, .givenUp:
        if first.map({ self[place].id < self[$0].id }) ?? true { first = place }
      }
    }
    return first
  }

  /// Keeps that an entry has ended, until it is told.
  package mutating func keep(_ id: UInt64, as state: TakenEntry.State) {
    guard let place = freePlace else {
      preconditionFailure("an entry that has ended left its place")
    }
    var entry = TakenEntry()
    entry.id = id
    entry.state = state
    self[place] = entry
  }

  /// The first free place.
  var freePlace: Int? {
    for place in 0..<Self.places where self[place].state == .none { return place }
    return nil
  }

  /// The place of an entry on its way.
  func place(of id: UInt64) -> Int? {
    for place in 0..<Self.places where self[place].state == .underWay && self[place].id == id {
      return place
    }
    return nil
  }

  /// Whether the entry of that number is on its way.
  func has(_ id: UInt64) -> Bool { Self.places > 0 && place(of: id) != nil }

  /// Whether an entry of that topic is on its way, so that one of that priority has to wait.
  mutating func blocks(_ topic: UInt32, _ priority: UInt8) -> Bool {
    for place in 0..<Self.places where self[place].state == .underWay {
      if self[place].topic == topic {
        outlook.passed = max(outlook.passed, priority)
        return true
      }
    }
    return false
  }

  /// Keeps that a later entry has the key of this one; `false` unless it is on its way.
  mutating func replace(_ id: UInt64) -> Bool {
    guard Self.places > 0, let place = place(of: id) else { return false }
    self[place].isReplaced = true
    return true
  }
}
