internal import ConstrainedCore

/// Topics that the platform has put off, with the instant before which they are not asked for again.
///
/// Thirty-two of them, in memory alone: a restart asks once more.
struct HeldTopics {
  // An array each, for memory that is all zeros is made by less code.

  /// The topics' checksums.
  private var topics = InlineArray<32, UInt32>(repeating: 0)
  /// Until when each is held, in milliseconds.
  private var ends = InlineArray<32, Int64>(repeating: 0)
  /// The highest priority that is held.
  private var priorities = InlineArray<32, UInt8>(repeating: 0)
  /// How often in a row the topic was put off; 0 where there is none.
  private var counts = InlineArray<32, UInt8>(repeating: 0)

  /// Whether any topic is or was in the table, so that a walk has to ask.
  private(set) var isUsed = false

  /// The topic's place in the table; -1 where it has none.
  @inline(never)
  private func place(of topic: UInt32) -> Int {
    for index in topics.indices where counts[index] > 0 && topics[index] == topic { return index }
    return -1
  }

  /// Until when reports of that topic and priority are held; the distant past where they are not.
  func end(_ topic: UInt32, _ priority: UInt8) -> Instant {
    let place = place(of: topic)
    return Instant(milliseconds: place >= 0 && priority <= priorities[place] ? ends[place] : .min)
  }

  /// How often in a row the topic was put off.
  func count(_ topic: UInt32) -> UInt8 {
    let place = place(of: topic)
    return place < 0 ? 0 : counts[place]
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
    isUsed = true
    var due = Instant(milliseconds: .min)
    var place = place(of: topic)
    if place < 0 {
      place = 0
      for index in topics.indices where ends[index] < ends[place] { place = index }
      if counts[place] > 0 { due.milliseconds = ends[place] }
      topics[place] = topic
      ends[place] = 0
      counts[place] = 0
    }
    if ends[place] <= now.milliseconds || priority > priorities[place] {
      priorities[place] = priority
    }
    ends[place] = max(ends[place], until.milliseconds)
    if counts[place] < .max { counts[place] &+= 1 }
    return due
  }

  /// Takes in that the platform took a report of the topic; says whether it was held.
  mutating func release(_ topic: UInt32) -> Bool {
    let place = place(of: topic)
    if place < 0 { return false }
    counts[place] = 0
    ends[place] = 0
    return true
  }
}
