// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// The requests that were handed over and are not answered yet, and, as long as there is room, those that were:
/// each is answered once, and one that comes again is known.
///
/// A request that was answered gives its place to a new one when no other is free, the one that is forgotten first
/// before others. About 320 bytes a place.
struct OpenRequests<let capacity: Int>: ~Copyable {
  private var places: InlineArray<capacity, OpenRequest>
  private let firstNumber: UInt32
  private var nextNumber: UInt32

  init(firstNumber: UInt32) {
    places = InlineArray(repeating: OpenRequest())
    self.firstNumber = firstNumber
    nextNumber = firstNumber
  }

  /// How many are not answered.
  var openCount: Int {
    var count = 0
    for index in places.indices where places[index].state == .open { count += 1 }
    return count
  }

  /// When the first of those that are open is over.
  var nextDeadline: Instant? {
    guard let index = firstToEnd(.open) else { return nil }
    return places[index].end
  }

  /// What is wrong with a request that comes now, if it came before.
  ///
  /// Requests of the thing model are the same by topic, id and bytes: a repetition over MQTT is byte for byte the
  /// same, while an id alone may be given anew. Synchronous calls have an id of their own in the topic. Bytes have
  /// none: with the mark of a repetition and the same content they count as one.
  func fault(_ incoming: IncomingDownlink, at now: Instant) -> DownlinkFault? {
    for index in places.indices where places[index].state != .free {
      guard places[index].state == .open || now < places[index].end,
        places[index].topic.bytes.isEqual(to: incoming.topic.bytes)
      else { continue }
      let isSame = places[index].hash == incoming.hash
      if incoming.downlink.kind.isSynchronous { return .repeated }
      if incoming.downlink.id.isEmpty {
        if isSame, incoming.isMarkedAsRepeated { return .repeated }
      } else if places[index].id.bytes.isEqual(to: incoming.downlink.id.bytes) {
        if isSame { return .repeated }
        if places[index].state == .open { return .idInUse }
      }
    }
    return nil
  }

  /// Keeps a request until `end` and returns its number; `nil` when all places are taken by open ones.
  mutating func open(_ incoming: IncomingDownlink, until end: Instant) -> UInt32? {
    guard let index = freePlace() else { return nil }
    let number = nextNumber
    places[index].take(incoming, .open, number, until: end)
    nextNumber = nextNumber == .max ? 1 : nextNumber + 1
    return number
  }

  /// Remembers a request that has been answered, where there is room.
  mutating func remember(_ incoming: IncomingDownlink, until end: Instant) {
    guard let index = freePlace() else { return }
    places[index].take(incoming, .answered, 0, until: end)
  }

  /// Where the open request of that number is.
  func place(of number: UInt32, at now: Instant) throws(DownlinkAnswerError) -> Int {
    guard number != 0 else { throw .unknown }
    for index in places.indices where places[index].number == number {
      switch places[index].state {
      case .free: continue
      case .open:
        guard now < places[index].end else { throw .late }
        return index
      case .answered: throw .answered
      case .expired: throw .late
      }
    }
    // Numbers count on from the first one; one that has lost its place was answered or is over.
    guard number &- firstNumber < nextNumber &- firstNumber else { throw .unknown }
    throw .answered
  }

  /// What is kept at a place.
  subscript(index: Int) -> OpenRequest { places[index] }

  /// Notes that the request there has been answered.
  mutating func close(_ index: Int, rememberedUntil end: Instant) {
    places[index].deadline = places[index].end
    places[index].state = .answered
    places[index].end = end
  }

  /// Opens an answered request again; whether it could be.
  mutating func reopen(_ number: UInt32, at now: Instant) -> Bool {
    for index in places.indices
    where places[index].number == number && places[index].state == .answered && number != 0 {
      guard now < places[index].deadline else { return false }
      places[index].state = .open
      places[index].end = places[index].deadline
      return true
    }
    return false
  }

  /// Ends the open request whose time was over first; `nil` when none is over at `now`.
  mutating func expire(at now: Instant, rememberedUntil end: Instant) -> Int? {
    guard let index = firstToEnd(.open), places[index].end <= now else { return nil }
    places[index].state = .expired
    places[index].end = end
    return index
  }

  private func freePlace() -> Int? {
    for index in places.indices where places[index].state == .free { return index }
    var found: Int?
    for index in places.indices where places[index].state != .open {
      guard let best = found, places[best].end <= places[index].end else {
        found = index
        continue
      }
    }
    return found
  }

  private func firstToEnd(_ state: OpenRequest.State) -> Int? {
    var found: Int?
    for index in places.indices where places[index].state == state {
      guard let best = found, places[best].end <= places[index].end else {
        found = index
        continue
      }
    }
    return found
  }
}

/// One place of the table.
struct OpenRequest {
  enum State {
    case free, open, answered, expired
  }

  fileprivate(set) var state = State.free
  /// What the owner calls it; 0 where it was never handed over to be answered.
  fileprivate(set) var number: UInt32 = 0
  /// Until when it is open, or remembered.
  fileprivate(set) var end = Instant(milliseconds: 0)
  /// Until when it was open before it was answered.
  fileprivate var deadline = Instant(milliseconds: 0)
  /// The kind.
  private(set) var kind = DownlinkKind.service
  /// Whether its answer is bytes.
  private(set) var isBytes = false
  /// The topic of the answer, or of the message where none is due.
  private(set) var topic = FixedBytes<128>()
  /// The platform's id.
  private(set) var id = FixedBytes<32>()
  /// What the message's bytes come to.
  fileprivate var hash: UInt64 = 0

  fileprivate mutating func take(
    _ incoming: IncomingDownlink,
    _ state: State,
    _ number: UInt32,
    until end: Instant
  ) {
    self.state = state
    self.number = number
    self.end = end
    deadline = end
    kind = incoming.downlink.kind
    isBytes = incoming.downlink.isBytes
    topic = incoming.topic
    id = incoming.downlink.id
    hash = incoming.hash
  }
}

/// A message between its check and the verdict.
struct IncomingDownlink {
  var downlink: Downlink
  /// The topic of the answer, or of the message where none is due.
  var topic = FixedBytes<128>()
  /// The hash of the message's bytes, which tells messages apart that their sender gave the same id.
  ///
  /// An attacker could only lose messages of his own.
  var hash: UInt64 = 0
  /// Whether the transport says that it was sent before (MQTT's DUP).
  var isMarkedAsRepeated = false
  /// What is wrong with it.
  var fault: DownlinkFault?
}
