public import CoAPMessage

/// Which exchange of an endpoint; never given twice by the same endpoint.
public struct ExchangeID: Hashable, Sendable {
  let number: UInt32
}

/// What a received message turned out to be.
public enum Reception: Equatable, Sendable {
  /// The answer to a request; the exchange is over, an observation too. The caller reads the message
  /// itself.
  case response(ExchangeID)
  /// A newer state of an observed resource, in the message itself; the observation goes on (RFC
  /// 7641 Section 3.4).
  case notification(ExchangeID)
  /// An empty acknowledgement: the request arrived, its answer follows in a message of its own
  /// (RFC 7252 Section 5.2.2) unless No-Response asked for none.
  case acknowledged(ExchangeID)
  /// The peer refused the message with a Reset, or answered a ping; the exchange is over.
  case reset(ExchangeID)
  /// The server wants to know that the request is fresh: it goes again with the value of the
  /// server's Echo option (RFC 9175 Section 2.3).
  case challenged(ExchangeID)
  /// Late, duplicate or none of ours: nothing to do. A reply, if one is due, is queued.
  case ignored
}

/// What `pollTransmit` wrote.
public enum Transmission: Equatable, Sendable {
  /// A request, for the `attempt`th time, counted from 1.
  case request(ExchangeID, attempt: Int)
  /// A message that answers one of the server's at once, 4 to 12 bytes.
  case reply
}

/// What happened to an exchange without a message coming in.
public enum ExchangeEvent: Equatable, Sendable {
  /// Nothing came within MAX_TRANSMIT_WAIT, or no separate response after the acknowledgement. An
  /// observation whose renewal ends so is dead.
  case timedOut(ExchangeID)
  /// The request is over without an answer, as its No-Response option asked for (RFC 7967).
  case concluded(ExchangeID)
  /// Max-Age has passed since the last notification, so that the state that is known is no longer
  /// fresh. Unless it is cancelled, the observation is registered again 5 to 15 seconds later (RFC
  /// 7641 Section 3.3.1).
  case stale(ExchangeID)
}

/// Why a request was not taken.
public enum ExchangeError: Error, Equatable, Sendable {
  /// All exchanges are in use; wait for one to end or cancel it.
  case tableFull
  /// The message could not be written: it has more bytes than the endpoint keeps, or a part that no
  /// message may have.
  case message(MessageWriterError)
  /// The code is not that of a request.
  case notARequest(Code)
  /// The exchange is over, or observes nothing.
  case notAnObservation
}
