public import ConstrainedCore
public import DeviceStore

/// How a device keeps what it must not lose.
public struct DurableSettings: Sendable {
  /// How long a token is good, in seconds; 0 for as long as the platform takes it.
  ///
  /// Unverified: the platform's C SDK v4 says 7 days, its page of 2018 said 48 hours. Too long a time
  /// costs a report that is answered with 4.01 when it is over, too short a time an `/auth` each.
  public var tokenLifetime: UInt64 = 604_800

  /// How many sequence numbers one write to disk reserves.
  public var reservation: UInt64 = 64

  /// The wait before a report that the platform did not take for now is sent again; it doubles each time,
  /// and a random half is added.
  public var retry = Milliseconds(30_000)

  /// The longest such wait, without the random half.
  public var retryLimit = Milliseconds(3_600_000)

  /// How often a report is sent and not taken before it is given up, up to 255; 0 for no limit.
  ///
  /// Only what was on the air counts: without a link nothing is given up for it.
  public var maxAttempts: UInt8 = 0

  /// After how many seconds a report that was not taken is given up; 0 for never.
  public var maxAge: UInt32 = 0

  /// The reports.
  public var outbox = OutboxSettings()

  /// The wait before a disk that refused is written again.
  var storeRetry: Milliseconds { Milliseconds(5_000) }

  /// How long before its end a token is not used any more, in seconds.
  static var tokenMargin: UInt64 { 600 }

  /// The settings that fit most devices.
  public init() {}
}

/// What happened on a device.
public enum DurableEvent: Sendable {
  /// The device has a token, and the disk holds it or will before it is used.
  case authenticated
  /// It has none; the link says why.
  case authenticationFailed
  /// The platform has taken the report of this id, and the disk says so; the link says more.
  case delivered(UInt64)
  /// The platform will never take the report of this id: it is not kept any longer.
  case rejected(UInt64)
  /// The report of this id stays, to be sent again later.
  case postponed(UInt64)
  /// The report of this id is not kept any longer, and may not have been taken.
  case givenUp(UInt64, GiveUpReason)
  /// The lifetime of the report of this id is over before it was taken.
  case expired(UInt64)
  /// The report of this id has made room for another one.
  case dropped(UInt64)
  /// A later report with the same key has taken the place of the one of this id.
  case superseded(UInt64)
  /// The platform has sent something of its own: the link holds it until the next call.
  case downlink
  /// The disk could not be written; nothing is sent until it can.
  case storeFailed(StoreError)
}

/// Why a report is given up.
public enum GiveUpReason: Sendable {
  /// It was sent `DurableSettings.maxAttempts` times.
  case maxAttempts
  /// It has waited for longer than `DurableSettings.maxAge`.
  case maxAge
}
