// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import MQTTLayer
internal import OpenSSLSupport
internal import Platform
internal import PlatformCredentials
internal import PlatformMQTT
internal import ReportLink
internal import SecurityLayer

/// How a connection comes about and ends.
extension MQTTLink where Layer: ~Copyable {
  /// Whether a connection can be asked for now.
  var mayConnect: Bool { connection == .none && now >= policy.notBefore }

  /// Asks the layer for a connection.
  mutating func connect() {
    var request = MQTTConnect()
    defer { request.password.withStorage { wipe(&$0) } }
    request.keepAlive = settings.keepAlive.seconds
    request.isClean = settings.isClean || registration != nil
    request.version = settings.version
    do throws(SecurityError) {
      if let registration {
        try write(registration, into: &request)
      } else {
        try writeLogin(into: &request)
      }
    } catch {
      failure = .signing
      return endTry(.failed)
    }
    wasKicked = false
    isMute = false
    for index in 0..<32 {
      switch subscriptions[index].phase {
      case .asked, .refused: subscriptions[index].phase = .wanted
      case .leaving: subscriptions[index].phase = .free
      case .free, .wanted, .granted: continue
      }
    }
    layer.connect(request, at: now)
    connection = .connecting(until: now + settings.connectTimeout)
    lastActivity = now
  }

  private func writeLogin(into request: inout MQTTConnect) throws(SecurityError) {
    do throws(CapacityError) {
      try request.clientID.write { (writer: inout ByteWriter) throws(CapacityError) in
        try settings.connect.writeClientID(identity, into: &writer)
      }
      try request.userName.write { (writer: inout ByteWriter) throws(CapacityError) in
        try MQTTConnectRequest.writeUserName(identity, into: &writer)
      }
    } catch {
      throw .capacity
    }
    let sign = try settings.connect.signMethod.signature(key: secret.bytes) {
      (writer: inout ByteWriter) throws(CapacityError) in
      try settings.connect.writeSigningContent(identity, into: &writer)
    }
    try writePassword(sign, into: &request)
  }

  private func write(
    _ registration: Registration,
    into request: inout MQTTConnect
  ) throws(SecurityError) {
    do throws(CapacityError) {
      try request.clientID.write { (writer: inout ByteWriter) throws(CapacityError) in
        try registration.request.writeClientID(
          identity.clientID.bytes,
          instanceID: registration.instanceID.bytes,
          into: &writer
        )
      }
      try request.userName.write { (writer: inout ByteWriter) throws(CapacityError) in
        try MQTTConnectRequest.writeUserName(identity, into: &writer)
      }
    } catch {
      throw .capacity
    }
    let signed = registration.request.registration
    let sign = try signed.signMethod.signature(key: secret.bytes) {
      (writer: inout ByteWriter) throws(CapacityError) in
      try signed.writeSigningContent(into: &writer)
    }
    try writePassword(sign, into: &request)
  }

  private func writePassword(
    _ sign: FixedBytes<32>,
    into request: inout MQTTConnect
  ) throws(SecurityError) {
    do throws(CapacityError) {
      try request.password.write { (writer: inout ByteWriter) throws(CapacityError) in
        try writer.append(hexadecimal: sign.bytes)
      }
    } catch {
      throw .capacity
    }
  }

  /// Takes in that the platform has accepted the device; asks for subscriptions that it does not have.
  mutating func takeConnected(hasSession: Bool) {
    connection = .connected
    lastActivity = now
    counters.connections += 1
    policy.handleConnected(at: now)
    let deadline = now + settings.answerTimeout
    for index in 0..<16 where reports[index].phase == .underWay {
      reports[index].deadline = deadline
    }
    if registration != nil {
      registration?.deadline = deadline
      return
    }
    for index in 0..<32 {
      switch subscriptions[index].phase {
      case .granted where !hasSession: subscriptions[index].phase = .wanted
      // Asked for since `connect`, before a report.
      case .asked: subscriptions[index].phase = .asked(until: deadline)
      default: continue
      }
    }
    askForSubscriptions()
  }

  /// Takes in that no connection came about.
  mutating func takeFailure(_ reason: MQTTFailure) {
    switch reason {
    case .refused(let number):
      let code = ConnackCode(rawValue: number)
      failure = .refused(code)
      #if SMALL && !GATEWAY
      endTry(.refused(code))
      #else
      // The layer has tried it with a new token.
      let isToken = layer.usesToken && code == .unavailable
      endTry(isToken ? .unauthenticated : .refused(code))
      #endif
    #if !SMALL || GATEWAY
    case .authentication(let why):
      failure = .connection(reason)
      endTry(why.isRefusal ? .unauthenticated : .failed)
    #endif
    default:
      failure = .connection(reason)
      endTry(.failed)
    }
  }

  /// Ends a try to connect that failed, with all that waits for it.
  private mutating func endTry(_ how: ConnectionEnding) {
    let isRegistering = registration != nil
    end(how, isInterrupted: false)
    waiting = .connectFailed
    if isRegistering {
      registration = nil
      registrationFailure = .connecting(failure)
      waiting = .registrationFailed
    }
  }

  /// Takes in that the connection has ended without having been asked to.
  mutating func takeLoss(_ loss: MQTTLoss) {
    let how: ConnectionEnding =
      switch loss {
      case _ where wasKicked: .kicked
      case .closed: .closed
      case .broken: .lost
      case .malformed: .malformed
      case .oversized: .oversized
      }
    let isRegistering = registration != nil
    end(how, isInterrupted: false)
    waiting = .disconnected
    if isRegistering { failRegistration(.disconnected) }
  }

  /// Ends the connection, or the try to make one, in the link's own books.
  mutating func end(_ how: ConnectionEnding, isInterrupted: Bool) {
    let wasConnected = connection == .connected
    let culprit = wasConnected && !isInterrupted && how != .kicked ? culprit : nil
    var how = how
    var key: UInt64 = 0
    if let culprit {
      key = reports[culprit].topicKey
      let isClosed = how == .closed
      if isClosed {
        let place = Int(truncatingIfNeeded: key & 15)
        if closers[place] == key { how = .closedAtReport }
        closers[place] = key
      }
      if isClosed || key == suspect {
        // Another device of this identity is back before: should it close the next connection, it is not at this topic.
        let wait = isClosed ? settings.reconnecting.suspicion : Milliseconds(0)
        reports[culprit].phase = .ended(ReportEnding(.later, retryAfter: wait, wasSent: true))
      }
    }
    suspect = key
    connection = .none
    sendsUnderWay = 0
    policy.handleEnding(how, at: now, random: randomness.nextUInt32())
    // Others go first over the next connection, however soon the owner would try this one again.
    if let culprit, case .ended(var ending) = reports[culprit].phase {
      ending.retryAfter = max(ending.retryAfter, policy.notBefore - now + Milliseconds(10_000))
      reports[culprit].phase = .ended(ending)
    }
    endReports(wasSent: wasConnected, isInterrupted: isInterrupted)
  }

  /// The report that the connection's end may be due to: the oldest one that is not acknowledged, if its time is over, or
  /// if the end came within 10 s of it.
  ///
  /// A second end in a row at its topic has that step aside, and so does the first orderly close: others would wait for it
  /// for ever.
  private var culprit: Int? {
    var oldest: Int?
    for index in 0..<16 where reports[index].phase == .underWay {
      if let oldest, reports[oldest].number < reports[index].number { continue }
      oldest = index
    }
    guard let oldest else { return nil }
    let deadline = reports[oldest].deadline
    let isPrompt = deadline - now > settings.answerTimeout - Milliseconds(10_000)
    return isPrompt || now >= deadline ? oldest : nil
  }

  /// Ends all reports under way because of the connection; an acknowledged one is with the platform.
  mutating func endReports(wasSent: Bool, isInterrupted: Bool) {
    var how = restingEnding
    how.wasSent = wasSent
    how.wasInterrupted = isInterrupted
    for index in 0..<16 {
      switch reports[index].phase {
      case .underWay: reports[index].phase = .ended(how)
      case .acknowledged:
        reports[index].phase = .ended(ReportEnding(.delivered, wasSent: true))
      case .free, .ended: continue
      }
    }
  }

  /// How a report ends for which there is no connection.
  ///
  /// A rest that the platform has brought about is one that it asks for; the back-off is left to whoever tries the
  /// report again.
  var restingEnding: ReportEnding {
    let left = max(policy.notBefore - now, Milliseconds(0))
    return switch policy.reason {
    case .refused(.unavailable): ReportEnding(.unreachable)
    case .refused, .unauthenticated: ReportEnding(.credentials, retryAfter: left)
    case .kicked, .suspectedTwin: ReportEnding(.unreachable, retryAfter: left)
    case .none, .failed, .lost, .malformed, .oversized, .closed: ReportEnding(.unreachable)
    }
  }

  /// Says goodbye.
  mutating func sayGoodbye() {
    layer.disconnect()
    connection = .closing(until: now + Milliseconds(10_000))
    sendsUnderWay = 0
  }

  /// Gives up a connection that does not answer.
  mutating func giveUp() {
    layer.disconnect()
    let isRegistering = registration != nil
    let wasConnecting = connection != .connected
    if wasConnecting { failure = .connection(.timedOut) }
    end(wasConnecting ? .failed : .lost, isInterrupted: false)
    waiting = wasConnecting ? .connectFailed : .disconnected
    if isRegistering { failRegistration(.timedOut) }
  }
}
