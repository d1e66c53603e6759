// SPDX-License-Identifier: Apache-2.0
public import CoAPMessage

/// Identifies an exchange of an endpoint; never reused by the same endpoint.
public struct ExchangeID: Hashable, Sendable {
  let number: UInt32
}

/// The result of handling a message.
public enum Reception: Equatable, Sendable {
  /// The answer to a request, which the caller reads from the message; the exchange is over,
  /// including an observation.
  case response(ExchangeID)
  /// A newer state of an observed resource, in the message; the observation continues (RFC 7641
  /// Section 3.4).
  case notification(ExchangeID)
  /// An empty acknowledgement: the request has arrived, and a separate response follows (RFC 7252
  /// Section 5.2.2) unless No-Response declined it.
  case acknowledged(ExchangeID)
  /// The peer rejected the message with a Reset, or answered a ping; the exchange is over.
  case reset(ExchangeID)
  /// The server checks that the request is fresh: it is sent again with the value of the server's
  /// Echo option (RFC 9175 Section 2.3).
  case challenged(ExchangeID)
  /// Late, duplicate or unrelated: nothing to do. A reply, if necessary, is queued.
  case ignored
}

/// The message written by `pollTransmit`.
public enum Transmission: Equatable, Sendable {
  /// A request, for the `attempt`th time, counted from 1.
  case request(ExchangeID, attempt: Int)
  /// An immediate answer to one of the server's messages, 4 to 12 bytes.
  case reply
}

/// An event of an exchange that is not caused by a message.
public enum ExchangeEvent: Equatable, Sendable {
  /// No answer came within MAX_TRANSMIT_WAIT, or no separate response after the acknowledgement.
  ///
  /// If this ends the renewal of an observation, the observation is over.
  case timedOut(ExchangeID)
  /// The request ended without an answer, as its No-Response option asked for (RFC 7967).
  ///
  /// Whether a non-confirmable one arrived is unknown.
  case concluded(ExchangeID)
  /// Max-Age has passed since the last notification, so the known state is no longer fresh.
  ///
  /// Unless it is cancelled, the observation is registered again 5 to 15 seconds later (RFC 7641
  /// Section 3.3.1). With a server that sends a short Max-Age this is expensive.
  case stale(ExchangeID)
}

/// Why a request was not accepted.
public enum ExchangeError: Error, Equatable, Sendable {
  /// All exchanges are in use; wait for one to end or cancel it.
  case tableFull
  /// The message could not be written: it exceeds the endpoint's message size, or has an invalid
  /// part.
  case message(MessageWriterError)
  /// The code is not a request method.
  case notARequest(Code)
  /// Another exchange uses the token (RFC 7252 Section 5.3.1).
  case tokenInUse
  /// The exchange is over, or is not an observation.
  case notAnObservation
}
