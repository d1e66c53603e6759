internal import CoAPMessage
internal import ConstrainedCore

/// One request on its way, with its bytes kept for retransmission.
struct Exchange<let maxMessageSize: Int> {
  enum Phase {
    case free, queued, awaitingAcknowledgement, awaitingResponse, timedOut
  }

  var phase = Phase.free
  var isDue = false
  var number: UInt32 = 0
  var messageID: UInt16 = 0
  var token = Token()
  var transmissions = 0
  var parameters = TransmissionParameters.standard
  var timeout = Milliseconds(0)
  var deadline = Instant(milliseconds: 0)
  var givesUpAt = Instant(milliseconds: 0)
  var message = FixedBytes<maxMessageSize>()

  var id: ExchangeID { ExchangeID(number: number) }

  var isWaiting: Bool { phase == .awaitingAcknowledgement || phase == .awaitingResponse }

  /// Keeps a request whose length the caller has checked.
  mutating func keep(_ request: Span<UInt8>, messageID: UInt16, token: Token) {
    do throws(CapacityError) {
      try message.replace(with: request)
    } catch {
      preconditionFailure("the length was checked against maxMessageSize")
    }
    self.messageID = messageID
    self.token = token
    transmissions = 0
    isDue = false
  }

  /// Notes that the message is on the wire, and when to act next.
  mutating func recordTransmission(at now: Instant) {
    isDue = false
    transmissions += 1
    if transmissions == 1 { givesUpAt = now + parameters.maxTransmitWait }
    deadline = now + timeout
    // RFC 7252 Section 4.2: the timeout is doubled. After the last retransmission the whole of
    // MAX_TRANSMIT_WAIT is waited out: it costs no byte, and an answer may still be on its way.
    timeout = timeout + timeout
    if transmissions > parameters.maxRetransmit { deadline = max(deadline, givesUpAt) }
  }

  /// Notes that the request has arrived: no retransmission any more, and for the answer the same
  /// patience as for the acknowledgement.
  mutating func awaitResponse(at now: Instant) {
    phase = .awaitingResponse
    isDue = false
    deadline = now + parameters.maxTransmitWait
  }
}
