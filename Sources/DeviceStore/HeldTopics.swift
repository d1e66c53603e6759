internal import ConstrainedCore

/// Topics that the platform has put off, with the instant before which they are not asked for again.
///
/// Thirty-two of them, in memory alone: a restart asks once more.
struct HeldTopics {
  private struct Hold {
    /// The topic's checksum.
    var topic: UInt32 = 0
    /// The highest priority that is held.
    var priority: UInt8 = 0
    /// How often in a row the topic was put off; 0 where there is none.
    var count: UInt8 = 0
    var until = Instant(milliseconds: .min)
  }

  private var holds = InlineArray<32, Hold>(repeating: Hold())

  /// Whether any topic is in the table, so that a walk has to ask.
  private(set) var isEmpty = true

  /// Until when reports of that topic and priority are held; the distant past where they are not.
  @inline(never)
  func end(_ topic: UInt32, _ priority: UInt8) -> Instant {
    for index in holds.indices
    where holds[index].count > 0 && holds[index].topic == topic
      && priority <= holds[index].priority
    {
      return holds[index].until
    }
    return Instant(milliseconds: .min)
  }

  /// How often in a row the topic was put off.
  @inline(never)
  func count(_ topic: UInt32) -> UInt8 {
    for index in holds.indices where holds[index].topic == topic { return holds[index].count }
    return 0
  }

  /// Holds a topic up to a priority until `until`.
  ///
  /// Where the table is full the topic that is due first makes room, and nothing at all is to be sent
  /// before it is due: that instant is returned.
  @inline(never)
  mutating func hold(
    _ topic: UInt32,
    upTo priority: UInt8,
    until: Instant,
    at now: Instant
  ) -> Instant {
    var place = 0
    for index in holds.indices {
      if holds[index].count > 0, holds[index].topic == topic {
        place = index
        break
      }
      if holds[index].until < holds[place].until { place = index }
    }
    isEmpty = false
    let old = holds[place]
    var new = Hold(topic: topic, priority: priority, count: 1, until: until)
    var due = Instant(milliseconds: .min)
    if old.count > 0, old.topic == topic {
      new.count = old.count == .max ? .max : old.count &+ 1
      if old.until > now {
        new.priority = max(priority, old.priority)
        new.until = max(until, old.until)
      }
    } else if old.count > 0 {
      due = old.until
    }
    holds[place] = new
    return due
  }

  /// Takes in that the platform took a report of the topic; says whether it was held.
  @inline(never)
  mutating func release(_ topic: UInt32) -> Bool {
    if isEmpty { return false }
    isEmpty = true
    var wasHeld = false
    for index in holds.indices {
      if holds[index].count > 0, holds[index].topic == topic {
        holds[index] = Hold()
        wasHeld = true
      }
      if holds[index].count > 0 { isEmpty = false }
    }
    return wasHeld
  }
}
