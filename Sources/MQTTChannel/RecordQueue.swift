// SPDX-License-Identifier: Apache-2.0
internal import CPaho

/// What one side has told the other, in the order in which it was told, in memory of a fixed size.
///
/// Not safe for threads by itself: its owner locks. A record is a head, a topic with a zero byte behind it, and a
/// payload.
@safe
struct RecordQueue: ~Copyable {
  private let memory: UnsafeMutableRawPointer
  private let capacity: Int
  /// Where the first record starts, and the last one ends.
  private var start = 0
  private var end = 0

  /// A queue of so many bytes; `nil` without memory.
  init?(capacity: Int) {
    guard let memory = unsafe malloc(capacity) else { return nil }
    unsafe self.memory = memory
    self.capacity = capacity
  }

  deinit { unsafe free(memory) }

  var isEmpty: Bool { start == end }

  /// How many bytes a record of these lengths takes.
  static func size(_ topicCount: Int, _ payloadCount: Int) -> Int {
    MemoryLayout<RecordHead>.size + topicCount + 1 + payloadCount
  }

  /// Whether a record of that size fits and leaves `reserve` bytes.
  func hasRoom(for size: Int, reserve: Int) -> Bool {
    capacity - (end - start) - reserve >= size
  }

  /// Appends a record; `false` where it does not fit.
  mutating func append(
    _ head: RecordHead,
    _ topic: UnsafeRawBufferPointer,
    _ payload: UnsafeRawBufferPointer,
    reserve: Int = 0
  ) -> Bool {
    var head = head
    let topicCount = topic.count
    let payloadCount = payload.count
    head.topicCount = UInt32(truncatingIfNeeded: topicCount)
    head.payloadCount = UInt32(truncatingIfNeeded: payloadCount)
    let size = Self.size(topicCount, payloadCount)
    guard hasRoom(for: size, reserve: reserve) else { return false }
    if capacity - end < size {
      unsafe memmove(memory, memory + start, end - start)
      end -= start
      start = 0
    }
    // SAFETY: there is room for the whole record behind `end`.
    unsafe (memory + end).copyMemory(from: &head, byteCount: MemoryLayout<RecordHead>.size)
    var offset = end + MemoryLayout<RecordHead>.size
    if topicCount > 0, let bytes = topic.baseAddress {
      unsafe (memory + offset).copyMemory(from: bytes, byteCount: topicCount)
    }
    offset += topicCount
    unsafe (memory + offset).storeBytes(of: 0, as: UInt8.self)
    offset += 1
    if payloadCount > 0, let bytes = payload.baseAddress {
      unsafe (memory + offset).copyMemory(from: bytes, byteCount: payloadCount)
    }
    end += size
    return true
  }

  /// The first record's head; `nil` when there is none.
  var first: RecordHead? {
    guard start < end else { return nil }
    // SAFETY: a head is at the start of each record, at whatever address.
    return unsafe (memory + start).loadUnaligned(as: RecordHead.self)
  }

  /// Removes the first record, whose topic, zero byte and payload go to `target`, which has room for them.
  mutating func removeFirst(into target: UnsafeMutableRawPointer) {
    guard let head = first else { return }
    let count = Int(head.topicCount) + 1 + Int(head.payloadCount)
    // SAFETY: the record has that many bytes behind its head.
    unsafe target.copyMemory(
      from: memory + start + MemoryLayout<RecordHead>.size,
      byteCount: count
    )
    start += MemoryLayout<RecordHead>.size + count
    if start == end {
      start = 0
      end = 0
    }
  }

  /// Removes all records, and overwrites what the memory held, which may have been a secret.
  mutating func removeAll() {
    unsafe explicit_bzero(memory, end)
    start = 0
    end = 0
  }
}

/// What stands before each record.
struct RecordHead {
  /// What the record tells or asks for.
  var kind: RecordKind
  /// A detail of the kind's own.
  var detail: UInt8 = 0
  /// A number of the kind's own.
  var number: UInt32 = 0
  /// Which connection it belongs to.
  var generation: UInt32 = 0
  fileprivate(set) var topicCount: UInt32 = 0
  fileprivate(set) var payloadCount: UInt32 = 0

  init(_ kind: RecordKind, detail: UInt8 = 0, number: UInt32 = 0, generation: UInt32) {
    self.kind = kind
    self.detail = detail
    self.number = number
    self.generation = generation
  }
}

/// What a record tells or asks for.
enum RecordKind: UInt8 {
  // What the owner asks for.
  case connect, publish, subscribe, unsubscribe, disconnect
  // What is told to it.
  case connected, failed, lost, disconnected, delivered, undelivered, subscribed, unsubscribed
  case message, dropped
}
