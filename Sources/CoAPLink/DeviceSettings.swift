// SPDX-License-Identifier: Apache-2.0
public import CoAPExchange
public import CoAPMessage
public import Platform
public import PlatformCoAP

/// The device's settings for the platform; the defaults are the guide's.
public struct DeviceSettings: Sendable {
  /// The sign method of `/auth`.
  public var signMethod = SignMethod.hmacMD5

  /// Which option carries the token.
  public var tokenOption = TokenOption.current

  /// The option Accept of a report; `nil` omits it and saves 2 bytes.
  ///
  /// A thing-model request asks for its own format instead, unless this is `nil`.
  public var accept: ContentFormat? = .json

  /// Retransmission.
  public var timing = TransmissionParameters.standard

  #if DEVICE_ONLY
  // Neither the agent nor the C library exposes these settings, or a durable device fixes them; the compiler drops
  // the code for other values.
  package var acknowledgementMode: AcknowledgementMode? { nil }
  package var timestamp: UInt64? { nil }
  package var firstRequestID: UInt32? { nil }
  package var allowsPull: Bool { false }
  package var adaptsTimeout: Bool { false }
  package var serverErrorRetries: Int {
    get { 0 }
    set { precondition(newValue == 0, "the outbox tries again") }
  }
  package var isKept: Bool {
    get { true }
    set { precondition(newValue, "the outbox's owner keeps token and numbers") }
  }
  #else
  /// The field `ackMode` of `/auth`; not sent when `nil`.
  public var acknowledgementMode: AcknowledgementMode?

  /// The field `timestamp` of `/auth`, milliseconds since 1970; not sent when `nil`.
  public var timestamp: UInt64?

  /// The id of the first request of the thing model; the next ones count on.
  ///
  /// The guide wants ids to be unique for the device (6.1). Where this is `nil` a session begins at 1, for it
  /// has no clock, and each digit is a byte up and one down; a `DeviceClient` begins with the time, see
  /// `RequestIDs`. A device that keeps `nextRequestID` over its restarts gives it here. An answer comes in the
  /// response to its request, so that nothing is mixed up where ids come again.
  public var firstRequestID: UInt32?

  /// Whether `pull` may request messages from the platform.
  ///
  /// Unverified: `/pull` is not in the device guide, but in the platform's C SDK v4.
  public var allowsPull = false

  /// Whether the retransmission timeout follows the round trips that are measured, in the manner of
  /// CoCoA, instead of keeping to `timing`; without effect in a SMALL build.
  public var adaptsTimeout = false

  /// The number of retries after 5.00 before the report is given up.
  ///
  /// The waits start with ACK_TIMEOUT and double.
  public var serverErrorRetries = 3

  /// Whether the owner keeps token and sequence numbers over a restart: the session then waits at
  /// `unkept` until the owner has written them down.
  public var isKept = false
  #endif

  /// The settings that the guide prints.
  public init() {}

  /// Whether a request that was retried `count` times is retried after another 5.00.
  func allows(retry count: Int) -> Bool { serverErrorRetries > 0 && count < serverErrorRetries }
}
