// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
internal import PayloadCoding
public import Platform
internal import PlatformCredentials
internal import SecurityLayer

/// A request to be published with QoS 0, which alone the guide allows (6.4).
public struct SubDeviceTransmission: Equatable, Sendable {
  /// The topic.
  public let topic: [UInt8]
  /// The payload.
  public let payload: [UInt8]
}

extension SubDeviceSessions {
  /// The next request that is due; `nil` while there is none, and without a connection.
  ///
  /// `timestamp` is the time in milliseconds since 1970.
  public mutating func pollTransmit(timestamp: UInt64, at now: Instant) -> SubDeviceTransmission? {
    while isConnected, now >= nextRequest, requests.count < settings.requestsInFlight {
      lookAhead()
      guard let firstDue, firstDue <= now, let entry = nextDue(at: now) else { return nil }
      let id = newRequest()
      guard entry.isWanted else {
        entry.phase = .loggingOut(id, until: now + settings.answerTimeout)
        return transmission("logout", id, [entry], logout(id, entry), at: now)
      }
      let batch = batch(with: entry, at: now)
      let payload =
        batch.count > 1 ? batchLogin(id, batch, timestamp) : login(id, entry, timestamp)
      guard let payload else {
        retry(entry, .signing, at: now)
        continue
      }
      for entry in batch {
        entry.logins.append(now)
        entry.phase = .loggingIn(id, until: now + settings.answerTimeout)
      }
      return transmission(batch.count > 1 ? "batch_login" : "login", id, batch, payload, at: now)
    }
    return nil
  }

  /// When `handleTimeout` and `pollTransmit` are to be called next; `nil` while nothing is due.
  public mutating func pollTimeout() -> Instant? {
    lookAhead()
    guard isConnected, requests.count < settings.requestsInFlight, let firstDue else {
      return firstAnswer
    }
    return earlier(firstAnswer, max(firstDue, nextRequest))
  }

  /// Finds out what is due first, unless nothing has changed since.
  mutating func lookAhead() {
    guard book.tally.hasChanged else { return }
    book.tally.hasChanged = false
    firstAnswer = nil
    firstDue = nil
    for place in 0..<book.placeCount {
      guard let entry = book.entry(at: place) else { continue }
      switch entry.phase {
      case .loggingIn(_, let until), .loggingOut(_, let until):
        firstAnswer = earlier(firstAnswer, until)
      case .offline, .online: firstDue = earlier(firstDue, due(entry))
      }
    }
  }

  /// What happened since the last call, in order; `nil` when that is all.
  public mutating func pollEvent() -> SubDeviceEvent? { events.next() }

  // MARK: - Whose turn it is

  /// The sub-device whose request has been due for the longest time.
  private func nextDue(at now: Instant) -> Entry? {
    var next: Entry?
    var earliest = now
    for place in 0..<book.placeCount {
      guard let entry = book.entry(at: place), let due = due(entry), due <= earliest else {
        continue
      }
      if next != nil, due == earliest { continue }
      next = entry
      earliest = due
    }
    return next
  }

  /// When a request of a sub-device is due; `nil` where none is.
  private func due(_ entry: Entry) -> Instant? {
    switch entry.phase {
    case .online: return entry.isWanted ? nil : Instant(milliseconds: .min)
    case .loggingIn, .loggingOut: return nil
    case .offline(let until):
      guard entry.isWanted, let until else { return nil }
      guard entry.logins.count >= settings.loginsPerMinute else { return until }
      // The sixth within a minute would be refused (429); a second more, for the way there differs.
      let oldest = entry.logins[entry.logins.count - settings.loginsPerMinute]
      return max(until, oldest + Milliseconds(61_000))
    }
  }

  /// The sub-device with others that are due, as many as a batch takes.
  private func batch(with first: Entry, at now: Instant) -> [Entry] {
    var batch = [first]
    guard settings.batchSize > 1, !refusesBatches, !first.isSingle else { return batch }
    for place in 0..<book.placeCount where batch.count < settings.batchSize {
      guard let entry = book.entry(at: place), entry !== first, entry.isWanted, !entry.isSingle,
        entry.signMethod == first.signMethod, let due = due(entry), due <= now
      else { continue }
      batch.append(entry)
    }
    return batch
  }

  private mutating func transmission(
    _ method: StaticString,
    _ id: UInt64,
    _ entries: [Entry],
    _ payload: [UInt8],
    at now: Instant
  ) -> SubDeviceTransmission {
    requests.append(SessionRequest(id: id, numbers: entries.map { $0.number }))
    nextRequest = now + settings.interval
    for entry in entries where entry.logins.count > settings.loginsPerMinute {
      entry.logins.removeFirst(entry.logins.count - settings.loginsPerMinute)
    }
    return SubDeviceTransmission(
      topic: Self.sessionTopic(method, of: gateway, isReply: false),
      payload: payload
    )
  }

  // MARK: - Requests

  private func login(_ id: UInt64, _ entry: Entry, _ timestamp: UInt64) -> [UInt8]? {
    guard let signature = sign(entry, timestamp) else { return nil }
    let request = request(entry, timestamp)
    return Self.message(id) { (writer: inout JSONWriter) throws(CapacityError) in
      try request.writeLogin(
        entry.identity,
        signature: signature.bytes,
        cleansSession: settings.isClean,
        name: entry.signMethod.name,
        into: &writer
      )
    }
  }

  private func batchLogin(_ id: UInt64, _ entries: [Entry], _ timestamp: UInt64) -> [UInt8]? {
    var signed: [(entry: Entry, signature: FixedBytes<32>)] = []
    for entry in entries {
      guard let signature = sign(entry, timestamp) else { return nil }
      signed.append((entry, signature))
    }
    guard let first = signed.first else { return nil }
    return Self.message(id, count: entries.count) {
      (writer: inout JSONWriter) throws(CapacityError) in
      try writer.beginObject()
      try writer.key("signMethod")
      try writer.string(first.entry.signMethod.name)
      try writer.key("deviceList")
      try writer.beginArray()
      for (entry, signature) in signed {
        try request(entry, timestamp).writeLogin(
          entry.identity,
          signature: signature.bytes,
          cleansSession: settings.isClean,
          name: nil,
          into: &writer
        )
      }
      try writer.endArray()
      try writer.endObject()
    }
  }

  private func logout(_ id: UInt64, _ entry: Entry) -> [UInt8] {
    Self.message(id) { (writer: inout JSONWriter) throws(CapacityError) in
      try writer.beginObject()
      try writer.key("productKey")
      try writer.string(entry.identity.productKey.bytes)
      try writer.key("deviceName")
      try writer.string(entry.identity.deviceName.bytes)
      try writer.endObject()
    }
  }

  /// Signs a request with the sub-device's secret; `nil` where OpenSSL refuses, or there is no such sub-device.
  public func sign(_ request: SubDeviceRequest, by number: Int) -> FixedBytes<32>? {
    book[number].flatMap { sign(request, by: $0) }
  }

  private func request(_ entry: Entry, _ timestamp: UInt64) -> SubDeviceRequest {
    SubDeviceRequest(signMethod: entry.signMethod.hmac, timestamp: timestamp)
  }

  private func sign(_ entry: Entry, _ timestamp: UInt64) -> FixedBytes<32>? {
    sign(request(entry, timestamp), by: entry)
  }

  private func sign(_ request: SubDeviceRequest, by entry: Entry) -> FixedBytes<32>? {
    do throws(SecurityError) {
      return try entry.withSecret { secret throws(SecurityError) in
        try request.signMethod.signature(key: secret) {
          (output: inout ByteWriter) throws(CapacityError) in
          try request.writeSigningContent(entry.identity, into: &output)
        }
      }
    } catch {
      return nil
    }
  }

  /// `{"id","params"}`, as the guide prints it (6.4).
  private static func message(
    _ id: UInt64,
    count: Int = 1,
    _ parameters: (inout JSONWriter) throws(CapacityError) -> Void
  ) -> [UInt8] {
    // Three names of 64 bytes at most, each of which JSON may write as six, and 300 bytes around them.
    var buffer = [UInt8](repeating: 0, count: 64 + 1_600 * count)
    var writer = JSONWriter(buffer.mutableSpan)
    do throws(CapacityError) {
      try writer.beginObject()
      try writer.key("id")
      try writer.decimalString(id)
      try writer.key("params")
      try parameters(&writer)
      try writer.endObject()
    } catch {
      preconditionFailure("the buffer has room for the longest names")
    }
    let written = writer.count
    buffer.removeLast(buffer.count - written)
    return buffer
  }
}

extension SubDeviceSignMethod {
  /// The name in the guide's list (6.4).
  var name: StaticString {
    switch self {
    case .hmacMD5: "hmacMd5"
    case .hmacSHA1: "hmacSha1"
    case .hmacSHA256: "hmacSha256"
    case .sha256: "Sha256"
    }
  }
}
