/// Which exchange of an endpoint; never given twice by the same endpoint.
public struct ExchangeID: Hashable, Sendable {
  let number: UInt32
}

/// What a received message turned out to be.
public enum Reception: Equatable, Sendable {
  /// The answer to a request; the exchange is over. The caller reads the message itself.
  case response(ExchangeID)
  /// An empty acknowledgement: the request arrived, its answer follows in a message of its own
  /// (RFC 7252 Section 5.2.2).
  case acknowledged(ExchangeID)
  /// The peer refused the message with a Reset; the exchange is over.
  case reset(ExchangeID)
  /// Late, duplicate or none of ours: nothing to do. A reply, if one is due, is queued.
  case ignored
}

/// What `pollTransmit` wrote.
public enum Transmission: Equatable, Sendable {
  /// A request, for the `attempt`th time, counted from 1.
  case request(ExchangeID, attempt: Int)
  /// An empty acknowledgement or Reset, 4 bytes.
  case reply
}

/// What happened to an exchange without a message coming in.
public enum ExchangeEvent: Equatable, Sendable {
  /// Nothing came within MAX_TRANSMIT_WAIT, or no separate response after the acknowledgement.
  case timedOut(ExchangeID)
}

/// Why a request was not taken.
public enum ExchangeError: Error, Equatable, Sendable {
  /// All exchanges are in use; wait for one to end or cancel it.
  case tableFull
  /// The message is longer than the endpoint keeps for retransmission.
  case messageTooLong(limit: Int)
  /// The bytes are not a confirmable request.
  case notAConfirmableRequest
}
