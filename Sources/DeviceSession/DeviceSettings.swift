public import AliyunIoT
public import CoAPExchange
public import CoAPMessage

/// How a device talks to the platform; the defaults are the guide's.
public struct DeviceSettings: Sendable {
  /// How `/auth` is signed.
  public var signMethod = SignMethod.hmacMD5

  /// The field `ackMode` of `/auth`; not sent when `nil`.
  public var acknowledgementMode: AcknowledgementMode?

  /// The field `timestamp` of `/auth`, milliseconds since 1970; not sent when `nil`.
  public var timestamp: UInt64?

  /// Which option carries the token.
  public var tokenOption = TokenOption.current

  /// The option Accept of a report; `nil` sends none and saves 2 bytes.
  public var accept: ContentFormat? = .json

  /// Retransmission.
  public var timing = TransmissionParameters.standard

  /// Whether the retransmission timeout follows the round trips that are measured, in the manner of
  /// CoCoA, instead of keeping to `timing`.
  public var adaptsTimeout = false

  /// How often a request is made again after 5.00, before the report is given up.
  ///
  /// The waits start at ACK_TIMEOUT and double.
  public var serverErrorRetries = 3

  /// The settings that the guide prints.
  public init() {}
}
