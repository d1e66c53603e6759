// SPDX-License-Identifier: Apache-2.0
internal import Alink
public import ConstrainedCore
internal import PayloadCoding

extension SubDeviceSessions {
  /// Takes in that the gateway is connected, and the platform has granted `filters`.
  public mutating func handleConnected(at now: Instant) {
    isConnected = true
    refusesBatches = false
    nextRequest = now
    for place in 0..<book.placeCount {
      guard let entry = book.entry(at: place) else { continue }
      // One that waits for a command or rests goes on doing so.
      guard entry.isWanted, case .offline(let until?) = entry.phase, until < now else { continue }
      // At random, so that after each reconnect other ones come first.
      let turn = Milliseconds(Int64(randomness.nextUInt32() % 1_000))
      entry.phase = .offline(until: now + turn)
    }
  }

  /// Takes in that the gateway's connection has ended: nobody is online.
  public mutating func handleDisconnected(at now: Instant) {
    isConnected = false
    requests.removeAll()
    for place in 0..<book.placeCount {
      guard let entry = book.entry(at: place) else { continue }
      switch entry.phase {
      case .offline: continue
      case .loggingIn where entry.isWanted: break
      // Whoever waits for the end of its session learns of it.
      case .online, .loggingIn, .loggingOut:
        tell(.offline(entry.number, .disconnected, retryAfter: nil))
      }
      entry.phase = .offline(until: entry.isWanted ? now : nil)
    }
  }

  /// Takes in a message; whether it was about sessions, so that it is nobody else's.
  public mutating func handle(topic: Span<UInt8>, payload: Span<UInt8>, at now: Instant) -> Bool {
    // Most messages are about something else.
    guard topic.starts(with: "/ext/") else { return false }
    let isError = errorTopic.span.isEqual(to: topic)
    let isBatch = batchReply.span.isEqual(to: topic)
    guard
      isError || isBatch || loginReply.span.isEqual(to: topic)
        || logoutReply.span.isEqual(to: topic)
    else { return false }
    guard let message = try? AlinkMessageView<JSONReader>(payload), let code = message.code else {
      return true
    }
    let number = Int(clamping: code.rawValue)
    if isError {
      var named: NamedDevice?
      if let data = message.data { named = Self.names(data, in: payload) }
      takeError(number, named, id: message.id ?? 0, at: now)
      return true
    }
    guard let id = message.id, let waiting = takeRequest(id) else { return true }
    // Unverified: that the reply to a batch lists those that are in; without a list all are.
    var listed: [Int]?
    if isBatch, let data = message.data { listed = self.listed(data, in: payload) }
    take(number, listed, of: waiting.numbers, isBatch: isBatch, at: now)
    return true
  }

  /// Takes in that time has passed.
  public mutating func handleTimeout(at now: Instant) {
    lookAhead()
    guard let firstAnswer, firstAnswer <= now else { return }
    for place in 0..<book.placeCount {
      guard let entry = book.entry(at: place) else { continue }
      switch entry.phase {
      case .loggingIn(let id, let until) where until <= now:
        if let waiting = takeRequest(id), waiting.numbers.count > 1 { refusesBatches = true }
        retry(entry, .silence, at: now)
      case .loggingOut(let id, let until) where until <= now:
        _ = takeRequest(id)
        // The session may have ended or not: a report of it would say.
        endLogout(entry, at: now)
      case .offline, .online, .loggingIn, .loggingOut: continue
      }
    }
  }

  /// The request of that id, which waits no more.
  private mutating func takeRequest(_ id: UInt64) -> SessionRequest? {
    for index in requests.indices where requests[index].id == id {
      return requests.remove(at: index)
    }
    return nil
  }

  // MARK: - Answers

  private mutating func take(
    _ code: Int,
    _ listed: [Int]?,
    of waiting: [Int],
    isBatch: Bool,
    at now: Instant
  ) {
    for number in waiting {
      guard let entry = book[number] else { continue }
      switch entry.phase {
      case .loggingOut: endLogout(entry, at: now)
      case .loggingIn:
        if code == 200, !isBatch || (listed?.contains(number) ?? true) {
          entry.phase = .online
          entry.failures = 0
          entry.isSingle = false
          book.noteOpening()
          tell(.online(number))
        } else if isBatch {
          // Its own code comes with a login of its own.
          entry.isSingle = true
          entry.phase = .offline(until: now)
        } else {
          refuse(entry, code, at: now)
        }
      case .offline, .online: continue
      }
    }
  }

  /// The platform refuses a login (device guide 5).
  private mutating func refuse(_ entry: Entry, _ code: Int, at now: Instant) {
    switch code {
    case 460, 521, 522, 6_100, 6_287, 6_401:
      // Nothing changes by itself.
      entry.phase = .offline(until: nil)
      tell(.refused(entry.number, .code(code), retryAfter: nil))
    case 429:
      // Logins that this gateway does not know of, before a restart or of another one.
      let wait = spread(Milliseconds(60_000))
      entry.phase = .offline(until: now + wait)
      tell(.refused(entry.number, .code(code), retryAfter: wait))
    default: retry(entry, .code(code), at: now)
    }
  }

  mutating func retry(_ entry: Entry, _ reason: SubDeviceReason, at now: Instant) {
    entry.failures += 1
    let doubled = settings.firstRetry * (1 << Int64(min(entry.failures - 1, 20)))
    let wait = spread(min(doubled, settings.longestRetry))
    entry.phase = .offline(until: now + wait)
    tell(.refused(entry.number, reason, retryAfter: wait))
  }

  private mutating func endLogout(_ entry: Entry, at now: Instant) {
    // It may have been wanted again meanwhile.
    entry.phase = .offline(until: entry.isWanted ? now : nil)
    tell(.offline(entry.number, .loggedOut, retryAfter: nil))
  }

  /// A message at `/ext/error` (device guide 5).
  ///
  /// Unverified: `data` with the sub-device's names.
  private mutating func takeError(
    _ code: Int,
    _ named: NamedDevice?,
    id: UInt64,
    at now: Instant
  ) {
    guard let named else { return tell(.unnamed(.code(code), id: id)) }
    guard let entry = book.entry(named.productKey.bytes, named.deviceName.bytes) else { return }
    takeError(code, of: entry.number, at: now)
  }

  /// Takes in that the platform has said this of a sub-device, after an event `unnamed` whose message the owner knows.
  public mutating func takeError(_ code: Int, of number: Int, at now: Instant) {
    guard let entry = book[number], entry.phase == .online else { return }
    switch code {
    case 427:
      entry.kicks += 1
      let rest = spread(settings.kickedRest * (1 << Int64(min(entry.kicks - 1, 6))))
      entry.phase = .offline(until: entry.isWanted ? now + rest : nil)
      tell(.offline(number, .code(code), retryAfter: entry.isWanted ? rest : nil))
    case 520:
      // The platform has no session of it: another login makes one.
      entry.phase = .offline(until: entry.isWanted ? now : nil)
      tell(.offline(number, .code(code), retryAfter: entry.isWanted ? Milliseconds(0) : nil))
    case 521, 522, 6_401:
      entry.phase = .offline(until: nil)
      tell(.offline(number, .code(code), retryAfter: nil))
    default: break
    }
  }

  /// Takes in that the platform has enabled a sub-device again, which logs in if it is wanted online.
  public mutating func takeEnabled(_ number: Int, at now: Instant) {
    guard let entry = book[number], entry.isWanted, case .offline(nil) = entry.phase else { return }
    entry.phase = .offline(until: now)
  }

  /// The sub-devices that a message at `thing/topo/add/notify` names (device guide 6.3).
  package func numbers(addedBy payload: Span<UInt8>) -> [Int] {
    guard let message = try? AlinkMessageView<JSONReader>(payload),
      let list = message.parameters
    else { return [] }
    return listed(list, in: payload) ?? []
  }

  mutating func tell(_ event: SubDeviceEvent) {
    switch event {
    case .online(let number): book[number]?.reason = nil
    case .offline(let number, let reason, _), .refused(let number, let reason, _):
      book[number]?.reason = reason
    case .unnamed: break
    }
    events.append(event)
  }

  // MARK: - Names in a message

  /// The names in the object that comes next.
  private static func names(_ start: JSONReader, in text: Span<UInt8>) -> NamedDevice? {
    var reader = start
    do throws(JSONError) {
      guard try reader.next() == .beginObject else { return nil }
      return try names(in: &reader, of: text)
    } catch {
      return nil
    }
  }

  /// The names in the object that has begun, up to its end.
  ///
  /// Names have no character that JSON writes in another way; one with an escape is no name.
  private static func names(
    in reader: inout JSONReader,
    of text: Span<UInt8>
  ) throws(JSONError) -> NamedDevice? {
    var named = NamedDevice()
    while case .key(let name)? = try reader.next() {
      guard let value = try reader.next() else { break }
      guard case .string(let range) = value else {
        try reader.skip(value)
        continue
      }
      let key = text.extracting(name)
      if key.isEqual(to: "productKey") {
        try? named.productKey.replace(with: text.extracting(range))
      } else if key.isEqual(to: "deviceName") {
        try? named.deviceName.replace(with: text.extracting(range))
      }
    }
    return named.productKey.isEmpty || named.deviceName.isEmpty ? nil : named
  }

  /// The numbers of the sub-devices in the list that comes next; `nil` where it is none.
  private func listed(_ start: JSONReader, in text: Span<UInt8>) -> [Int]? {
    var reader = start
    var numbers: [Int] = []
    do throws(JSONError) {
      guard try reader.next() == .beginArray else { return nil }
      while let token = try reader.next(), token != .endArray {
        guard token == .beginObject else {
          try reader.skip(token)
          continue
        }
        guard let named = try Self.names(in: &reader, of: text),
          let entry = book.entry(named.productKey.bytes, named.deviceName.bytes)
        else { continue }
        numbers.append(entry.number)
      }
      return numbers
    } catch {
      return nil
    }
  }
}

/// The names that a message has of a device.
struct NamedDevice {
  var productKey = FixedBytes<64>()
  var deviceName = FixedBytes<32>()
}
