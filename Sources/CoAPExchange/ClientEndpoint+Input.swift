// SPDX-License-Identifier: Apache-2.0
public import CoAPMessage
public import ConstrainedCore

extension ClientEndpoint {
  /// Handles a message from the server.
  @inline(never)
  public mutating func handle(_ message: borrowing MessageView, at now: Instant) -> Reception {
    switch message.type {
    case .acknowledgement: handleAcknowledgement(message, at: now)
    case .reset: handleReset(message)
    case .confirmable, .nonConfirmable: handleSeparate(message, at: now)
    }
  }

  /// Handles a datagram that is not a message.
  ///
  /// A confirmable one is rejected with a Reset (RFC 7252 Section 4.2); anything else, and any
  /// unknown version, is ignored (Sections 3 and 4.3).
  public mutating func handleMalformed(
    _ datagram: Span<UInt8>,
    _ error: MessageFormatError,
    at now: Instant
  ) {
    switch error {
    // conformance: 7252-3-e
    case .truncatedHeader, .unknownVersion: return
    default: break
    }
    // conformance: 7252-4.3-b
    guard datagram.count >= 4, datagram[0] >> 4 & 0x03 == MessageType.confirmable.rawValue else {
      return
    }
    // conformance: 7252-4.2-c
    let messageID = UInt16(datagram[2]) << 8 | UInt16(datagram[3])
    replies.appendBounded(Reply(messageID: messageID), at: now)
  }

  /// Handles the timers that have expired; call it at or after `pollTimeout`.
  @inline(never)
  public mutating func handleTimeout(at now: Instant) {
    for index in slots.indices
    where slots[index].hasDeadline && slots[index].deadline <= now {
      slots[index].handleTimeout(at: now)
    }
  }
}

// MARK: - Messages

extension ClientEndpoint {
  private mutating func handleAcknowledgement(
    _ message: borrowing MessageView,
    at now: Instant
  ) -> Reception {
    // conformance: 7252-4.2-e 7252-4.4-a
    // RFC 7252 Section 4.2: an acknowledgement is matched by its message ID. A late or repeated one
    // matches nothing and is silently ignored.
    let (messageID, token) = (message.messageID, message.token)
    guard
      let index = firstSlot(where: {
        $0.messageID == messageID && $0.isConfirmable && !$0.isAnswered && $0.transmissions > 0
          && ($0.isWaiting || $0.isObserving && $0.token == token)
      })
    else { return .ignored }
    let id = slots[index].id
    if message.code == .empty {
      guard slots[index].phase == .awaitingAcknowledgement else { return .ignored }
      noteAnswer(index, isMeasured: true, at: now)
      if slots[index].isPing {
        // RFC 7252 Section 4.3 demands a Reset; it also shows that the server is reachable.
        slots[index].release()
        return .reset(id)
      }
      slots[index].awaitResponse(at: now)
      return .acknowledged(id)
    }
    // conformance: 7252-5.3.2-b 7252-5.4.1-c
    // RFC 7252 Section 5.3.2: in a piggybacked response both message ID and token must match.
    guard message.code.isResponse, token == slots[index].token, !slots[index].isPing,
      message.unrecognizedCriticalOption == nil
    else { return .ignored }
    slots[index].isAnswered = true
    return handleResponse(message, of: index, isPiggybacked: true, at: now)
  }

  private mutating func handleReset(_ message: borrowing MessageView) -> Reception {
    let messageID = message.messageID
    guard message.code == .empty,
      let index = firstSlot(where: {
        // A message that is already acknowledged can no longer be rejected.
        $0.messageID == messageID && $0.transmissions > 0 && $0.isOutstanding
      })
    else { return .ignored }
    probingUntil = Instant(milliseconds: .min)
    slots[index].release()
    return .reset(slots[index].id)
  }

  private mutating func handleSeparate(
    _ message: borrowing MessageView,
    at now: Instant
  ) -> Reception {
    let isConfirmable = message.type == .confirmable
    let messageID = message.messageID
    // conformance: 7252-4.5-a
    // RFC 7252 Section 4.5: each copy of a confirmable message is acknowledged, but processed only
    // once.
    if duplicates.contains(messageID, at: now) {
      if isConfirmable {
        replies.appendBounded(Reply(type: .acknowledgement, messageID: messageID), at: now)
      }
      return .ignored
    }
    let token = message.token
    // conformance: 7252-5.2.1-a 7252-5.3.2-c
    guard message.code.isResponse,
      let index = firstSlot(where: { $0.takesResponses && !$0.isPing && $0.token == token })
    else {
      reject(message, at: now)
      return .ignored
    }
    guard message.unrecognizedCriticalOption == nil else {
      // conformance: 7252-5.4.1-d
      // RFC 7252 Section 5.4.1: such a response is rejected, a non-confirmable one silently.
      if isConfirmable { replies.appendBounded(Reply(messageID: messageID), at: now) }
      return .ignored
    }
    let lifetime = slots[index].parameters.lifetime(isConfirmable: isConfirmable)
    duplicates.insert(messageID, until: now + lifetime)
    // conformance: 7252-4.2-a 7252-4.3-c
    if isConfirmable { replies.append(Reply(type: .acknowledgement, messageID: messageID)) }
    return handleResponse(message, of: index, isPiggybacked: false, at: now)
  }

  /// Answers a message that no exchange waits for.
  private mutating func reject(_ message: borrowing MessageView, at now: Instant) {
    let isConfirmable = message.type == .confirmable
    if isConfirmable, message.code.isRequest, message.unrecognizedCriticalOption != nil {
      // conformance: 7252-5.4.1-b
      // RFC 7252 Section 5.4.1: "Unrecognized options of class "critical" that occur in a
      // Confirmable request MUST cause the return of a 4.02 (Bad Option) response."
      replies.appendBounded(
        Reply(
          type: .acknowledgement,
          code: .badOption,
          messageID: message.messageID,
          // conformance: 7252-5.3.1-c
          token: message.token
        ),
        at: now
      )
      return
    }
    // RFC 7252 Sections 4.2 and 4.3: a ping, a request to this client, which has no server, an
    // unexpected response and a reserved code are rejected with a Reset if confirmable, otherwise
    // ignored. RFC 7641 Section 3.6: an unwanted notification is rejected in either form.
    let isUnwantedNotification = message.code.isResponse && message.first(.observe) != nil
    // conformance: 7252-4.2-b 7641-3.5-a
    if isConfirmable || isUnwantedNotification {
      replies.appendBounded(Reply(messageID: message.messageID), at: now)
    }
  }
}

// MARK: - Responses

extension ClientEndpoint {
  private mutating func handleResponse(
    _ message: borrowing MessageView,
    of index: Int,
    isPiggybacked: Bool,
    at now: Instant
  ) -> Reception {
    let id = slots[index].id
    let sequence = observes && message.code.isSuccess ? message.uint(.observe) : nil
    if slots[index].isCancelling, sequence != nil, !isPiggybacked {
      // A notification that crossed the cancellation.
      return .ignored
    }
    let isNotification =
      sequence != nil && slots[index].observation != nil && !slots[index].isCancelling
    let isRegistered = slots[index].observation?.isRegistered == true
    if let sequence, isNotification {
      // RFC 7641 Section 3.4 orders notifications. The answer to the request just sent, the renewal
      // of an unchanged state or of a rebooted server, is not a notification.
      let comparison: Observation.Comparison =
        switch slots[index].phase {
        case .awaitingAcknowledgement: isPiggybacked ? .none : .renewal
        case .awaitingResponse: .none
        default: .reordering
        }
      guard slots[index].observation?.isNewer(sequence, comparison, at: now) == true else {
        return .ignored
      }
    }
    noteAnswer(index, isMeasured: !isNotification || isPiggybacked || !isRegistered, at: now)
    if isNotification {
      // conformance: 7252-5.4.4-a
      // RFC 7252 Section 5.10.5: 60 seconds when the option is absent.
      slots[index].observe(maxAge: message.uint(.maxAge) ?? 60, at: now)
      return .notification(id)
    }
    if answersEcho, message.code == .unauthorized, !slots[index].hasEchoed,
      answerEcho(message, of: index)
    {
      return .challenged(id)
    }
    slots[index].release()
    return .response(id)
  }

  /// Queues the request again with the server's Echo value; returns `false` if there is none, or no
  /// room for it.
  private mutating func answerEcho(_ message: borrowing MessageView, of index: Int) -> Bool {
    guard let echo = message.first(.echo), echo.value.count >= 1 else { return false }
    var changes = OptionChanges()
    do throws(CapacityError) {
      try changes.set(.echo, echo.value)
    } catch {
      return false
    }
    // Under a new token, so that a second answer to the first request is not mistaken for its
    // answer (RFC 9175 Section 4); an observation keeps its token.
    let token = slots[index].observation == nil ? tokens.next() : slots[index].token
    guard requests[index].change(changes, token: token) else { return false }
    slots[index].token = token
    slots[index].hasEchoed = true
    slots[index].queue()
    return true
  }

  /// Records that the server is reachable, and the round-trip time.
  private mutating func noteAnswer(_ index: Int, isMeasured: Bool, at now: Instant) {
    probingUntil = Instant(milliseconds: .min)
    guard knowsRoundTrips, isMeasured, slots[index].phase == .awaitingAcknowledgement,
      slots[index].transmissions > 0
    else {
      return
    }
    adaptiveTimeout?.measure(
      now - slots[index].startedAt,
      transmissions: slots[index].transmissions,
      at: now
    )
  }
}
