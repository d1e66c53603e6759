public import ConstrainedCore
internal import PayloadValues

extension SubDeviceSessions {
  /// Takes in that the gateway is connected, and the platform has granted `filters`.
  public mutating func handleConnected(at now: Instant) {
    isConnected = true
    refusesBatches = false
    nextRequest = now
    for entry in entries.values where entry.isWanted {
      // One that waits for a command or rests goes on doing so.
      if case .offline(let until?) = entry.phase, until < now {
        // At random, so that after each reconnect other ones come first.
        let turn = Milliseconds(Int64(randomness.nextUInt32() % 1_000))
        entry.phase = .offline(until: now + turn)
      }
    }
  }

  /// Takes in that the gateway's connection has ended: nobody is online.
  public mutating func handleDisconnected(at now: Instant) {
    isConnected = false
    requests = [:]
    for (number, entry) in entries {
      switch entry.phase {
      case .offline: continue
      case .online: events.append(.offline(number, .disconnected, retryAfter: nil))
      case .loggingIn, .loggingOut: break
      }
      entry.phase = .offline(until: entry.isWanted ? now : nil)
    }
  }

  /// Takes in a message; whether it was about sessions, so that it is nobody else's.
  public mutating func handle(topic: [UInt8], payload: [UInt8], at now: Instant) -> Bool {
    let name = String(decoding: topic, as: UTF8.self)
    let isError = name == "/ext/error/\(path)"
    guard isError || filters.contains(name) else { return false }
    guard let value = PayloadValue(payload, .json), let code = Self.number(value["code"]) else {
      return true
    }
    if isError {
      takeError(Int(clamping: code), value, at: now)
    } else if let id = Self.number(value["id"]),
      let waiting = requests.removeValue(forKey: UInt64(clamping: id))
    {
      take(
        Int(clamping: code),
        value["data"],
        of: waiting,
        isBatch: name.contains("batch"),
        at: now
      )
    }
    return true
  }

  /// Takes in that time has passed.
  public mutating func handleTimeout(at now: Instant) {
    for (number, entry) in entries {
      switch entry.phase {
      case .loggingIn(let id, let until) where until <= now:
        if let waiting = requests.removeValue(forKey: id), waiting.count > 1 {
          refusesBatches = true
        }
        retry(number, entry, .silence, at: now)
      case .loggingOut(let id, let until) where until <= now:
        requests[id] = nil
        // The session may have ended or not: a report of it would say.
        endLogout(number, entry, at: now)
      case .offline, .online, .loggingIn, .loggingOut: continue
      }
    }
  }

  // MARK: - Answers

  private mutating func take(
    _ code: Int,
    _ data: PayloadValue?,
    of waiting: [Int],
    isBatch: Bool,
    at now: Instant
  ) {
    // Unverified: that the reply to a batch lists those that are in; without a list all are.
    let listed = data?.elements.map { elements in
      Set(
        elements.compactMap { element in
          element["productKey"]?.string.flatMap { key in
            element["deviceName"]?.string.map { "\(key)/\($0)" }
          }
        }
      )
    }
    for number in waiting {
      guard let entry = entries[number] else { continue }
      switch entry.phase {
      case .loggingOut: endLogout(number, entry, at: now)
      case .loggingIn:
        if code == 200, !isBatch || (listed?.contains(entry.identity.path) ?? true) {
          entry.phase = .online
          entry.failures = 0
          entry.isSingle = false
          events.append(.online(number))
        } else if isBatch {
          // Its own code comes with a login of its own.
          entry.isSingle = true
          entry.phase = .offline(until: now)
        } else {
          refuse(number, entry, code, at: now)
        }
      case .offline, .online: continue
      }
    }
  }

  /// The platform refuses a login (device guide 5).
  private mutating func refuse(_ number: Int, _ entry: Entry, _ code: Int, at now: Instant) {
    switch code {
    case 460, 521, 522, 6_100, 6_287, 6_401:
      // Nothing changes by itself.
      entry.phase = .offline(until: nil)
      events.append(.refused(number, .code(code), retryAfter: nil))
    case 429:
      // Logins that this gateway does not know of, before a restart or of another one.
      let wait = spread(Milliseconds(60_000))
      entry.phase = .offline(until: now + wait)
      events.append(.refused(number, .code(code), retryAfter: wait))
    default: retry(number, entry, .code(code), at: now)
    }
  }

  mutating func retry(_ number: Int, _ entry: Entry, _ reason: SubDeviceReason, at now: Instant) {
    entry.failures += 1
    let doubled = settings.firstRetry * (1 << Int64(min(entry.failures - 1, 20)))
    let wait = spread(min(doubled, settings.longestRetry))
    entry.phase = .offline(until: now + wait)
    events.append(.refused(number, reason, retryAfter: wait))
  }

  private mutating func endLogout(_ number: Int, _ entry: Entry, at now: Instant) {
    // It may have been wanted again meanwhile.
    entry.phase = .offline(until: entry.isWanted ? now : nil)
    events.append(.offline(number, .loggedOut, retryAfter: nil))
  }

  /// A message at `/ext/error` (device guide 5).
  ///
  /// Unverified: `data` with the sub-device's names.
  private mutating func takeError(_ code: Int, _ value: PayloadValue, at now: Instant) {
    guard let key = value["data"]?["productKey"]?.string,
      let name = value["data"]?["deviceName"]?.string
    else {
      let id = value["id"]?.string ?? Self.number(value["id"]).map(String.init) ?? ""
      events.append(.unnamed(.code(code), id: id))
      return
    }
    guard let number = numbers["\(key)/\(name)"] else { return }
    takeError(code, of: number, at: now)
  }

  /// Takes in that the platform has said this of a sub-device, after an event `unnamed` whose message the owner knows.
  public mutating func takeError(_ code: Int, of number: Int, at now: Instant) {
    guard let entry = entries[number], entry.phase == .online else { return }
    switch code {
    case 427:
      entry.kicks += 1
      let rest = spread(settings.kickedRest * (1 << Int64(min(entry.kicks - 1, 6))))
      entry.phase = .offline(until: entry.isWanted ? now + rest : nil)
      events.append(.offline(number, .code(code), retryAfter: entry.isWanted ? rest : nil))
    case 520:
      // The platform has no session of it: another login makes one.
      entry.phase = .offline(until: entry.isWanted ? now : nil)
      events.append(
        .offline(number, .code(code), retryAfter: entry.isWanted ? Milliseconds(0) : nil)
      )
    case 521, 522, 6_401:
      entry.phase = .offline(until: nil)
      events.append(.offline(number, .code(code), retryAfter: nil))
    default: break
    }
  }

  /// A number, also as a text (`id` and `code` come as either).
  private static func number(_ value: PayloadValue?) -> Int64? {
    value?.integer ?? value?.string.flatMap { Int64($0) }
  }
}
