// SPDX-License-Identifier: Apache-2.0
/// The type of a message, two bits of its first byte (RFC 7252 Section 3).
@frozen
public enum MessageType: UInt8, Sendable {
  /// CON: requires an acknowledgement.
  case confirmable = 0
  /// NON: requires no acknowledgement.
  case nonConfirmable = 1
  /// ACK: acknowledges a confirmable message.
  case acknowledgement = 2
  /// RST: the receiver could not process a message.
  case reset = 3
}
