/// How the platform is asked to answer reports: the field `ackMode` of `/auth` (device guide 3.6).
public enum AcknowledgementMode: UInt8, Sendable {
  /// 0: acknowledgement and answer in one message, the platform's default.
  case piggybacked = 0
  /// 1: an empty acknowledgement first, then the answer in a message of its own.
  case separate = 1
}
