// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// Topics that the platform has put off, each with the instant until which it is held.
///
/// They are in memory only, so after a restart each is tried again. Thirty-two topics have an entry
/// each. The others are marks in a filter, all removed when the last of them is due. A topic that
/// was not put off may match the marks: with 300 marks, one in two hundred does. It waits as long
/// as they do; the next time other topics match.
struct HeldTopics {
  // Separate arrays, because memory that is all zeros is initialised by less code.

  /// The topics' checksums.
  private var topics = InlineArray<32, UInt32>(repeating: 0)
  /// The time until which each topic is held, in milliseconds.
  private var ends = InlineArray<32, Int64>(repeating: 0)
  /// The highest priority held.
  private var priorities = InlineArray<32, UInt8>(repeating: 0)
  /// How often in a row the topic was put off; 0 for a free entry.
  private var counts = InlineArray<32, UInt8>(repeating: 0)

  /// The topics without an entry, two bits each.
  private var marks = InlineArray<256, UInt32>(repeating: 0)
  /// The time until which all of these are held, in milliseconds.
  private var marksEnd: Int64 = 0
  /// The highest of their priorities.
  private var marksPriority: UInt8 = 0
  /// Varies the bits of a topic each time.
  private var salt: UInt32 = 0

  /// Whether any topic is or was held, so that a walk has to check.
  private(set) var isUsed = false

  /// The index of the topic's entry; -1 if it has none.
  @inline(never)
  private func place(of topic: UInt32) -> Int {
    for index in topics.indices where counts[index] > 0 && topics[index] == topic { return index }
    return -1
  }

  /// The time until which reports of that topic and priority are held; the distant past if they are
  /// not.
  func end(_ topic: UInt32, _ priority: UInt8) -> Instant {
    let place = place(of: topic)
    if place < 0 {
      let isHeld = marksEnd > 0 && priority <= marksPriority && isMarked(topic)
      return Instant(milliseconds: isHeld ? marksEnd : .min)
    }
    return Instant(milliseconds: priority <= priorities[place] ? ends[place] : .min)
  }

  /// How often in a row the topic was put off.
  func count(_ topic: UInt32) -> UInt8 {
    let place = place(of: topic)
    return place < 0 ? 0 : counts[place]
  }

  /// Holds a topic up to a priority until `until`.
  ///
  /// If the table is full, the topic that is due first gives up its entry.
  @inline(never)
  mutating func hold(_ topic: UInt32, upTo priority: UInt8, until: Instant, at now: Instant) {
    isUsed = true
    var place = place(of: topic)
    if place < 0 {
      place = 0
      for index in topics.indices where ends[index] < ends[place] { place = index }
      if ends[place] > now.milliseconds { mark(place, at: now) }
      topics[place] = topic
      ends[place] = 0
      counts[place] = 0
    }
    if ends[place] <= now.milliseconds || priority > priorities[place] {
      priorities[place] = priority
    }
    ends[place] = max(ends[place], until.milliseconds)
    if counts[place] < .max { counts[place] &+= 1 }
  }

  /// Marks the topic of that entry in the filter, to free the entry.
  private mutating func mark(_ place: Int, at now: Instant) {
    if marksEnd <= now.milliseconds {
      for index in marks.indices { marks[index] = 0 }
      marksPriority = 0
      salt &+= 0x6A09_E667
    }
    marksEnd = max(marksEnd, ends[place])
    marksPriority = max(marksPriority, priorities[place])
    let bits = bits(of: topics[place])
    marks[Int(truncatingIfNeeded: bits &>> 24)] |= 1 &<< (bits &>> 19)
    marks[Int(truncatingIfNeeded: bits &>> 11 & 255)] |= 1 &<< (bits &>> 6)
  }

  private func isMarked(_ topic: UInt32) -> Bool {
    let bits = bits(of: topic)
    let first = marks[Int(truncatingIfNeeded: bits &>> 24)] &>> (bits &>> 19)
    let second = marks[Int(truncatingIfNeeded: bits &>> 11 & 255)] &>> (bits &>> 6)
    return first & second & 1 == 1
  }

  /// The bits of a topic: the upper 13 give the position of one, the next 13 that of the other.
  private func bits(of topic: UInt32) -> UInt32 { (topic ^ salt) &* 0x9E37_79B1 }

  /// Records that the platform accepted a report on the topic; returns whether it was held.
  mutating func release(_ topic: UInt32) -> Bool {
    let place = place(of: topic)
    if place < 0 { return false }
    counts[place] = 0
    ends[place] = 0
    return true
  }
}
