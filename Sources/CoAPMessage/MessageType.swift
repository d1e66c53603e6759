/// The type of a message, two bits of its first byte (RFC 7252 Section 3).
@frozen
public enum MessageType: UInt8, Sendable {
  /// CON: asks for an acknowledgement.
  case confirmable = 0
  /// NON: asks for none.
  case nonConfirmable = 1
  /// ACK: answers a confirmable message.
  case acknowledgement = 2
  /// RST: says that a message could not be processed.
  case reset = 3
}
