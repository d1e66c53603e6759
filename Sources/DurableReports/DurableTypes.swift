// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import DeviceStore

/// The settings of a device that keeps its state on disk.
public struct DurableSettings: Sendable {
  /// How long a token is valid, in seconds; 0 for as long as the platform accepts it.
  ///
  /// Unverified: 7 days in the platform's C SDK v4, 48 hours on its page of 2018. Too long a time
  /// costs a report answered with 4.01 at the end, too short a time additional `/auth`.
  public var tokenLifetime: UInt64 = 604_800

  /// The number of sequence numbers that one write to the disk reserves.
  public var reservation: UInt64 = 64

  /// The wait before a report that the platform did not accept is sent again; it doubles each time,
  /// and up to half of it is added at random.
  public var retry = Milliseconds(30_000)

  /// The maximum of that wait, without the random part.
  public var retryLimit = Milliseconds(3_600_000)

  /// The number of attempts without acceptance after which a report is given up, up to 255; 0 for
  /// no limit.
  ///
  /// Only attempts that were sent count: without a link no report is given up for this reason.
  public var maxAttempts: UInt8 = 0

  /// The age in seconds at which a report that was not accepted is given up; 0 for never.
  public var maxAge: UInt32 = 0

  /// The settings of the outbox.
  public var outbox = OutboxSettings()

  /// The wait before a failed write to the disk is retried.
  var storeRetry: Milliseconds { Milliseconds(5_000) }

  /// How long before its end a token is no longer used, in seconds.
  static var tokenMargin: UInt64 { 600 }

  /// The settings that fit most devices.
  public init() {}
}

/// An event of a device.
public enum DurableEvent: Sendable {
  /// The device has a token, which is on disk, or will be before it is used.
  case authenticated
  /// The device could not get a token; the link has the reason.
  case authenticationFailed
  /// The platform has accepted the report with this id, and this is recorded on disk; the link has
  /// the details.
  case delivered(UInt64)
  /// The platform refuses the report with this id for good; it was deleted.
  case rejected(UInt64)
  /// The report with this id was kept, to be sent again later.
  case postponed(UInt64)
  /// The report with this id was deleted, and may not have been accepted.
  case givenUp(UInt64, GiveUpReason)
  /// The lifetime of the report with this id ended before it was accepted.
  case expired(UInt64)
  /// The report with this id was dropped to make room for another one.
  case dropped(UInt64)
  /// A later report with the same key has replaced the one with this id.
  case superseded(UInt64)
  /// The platform has sent a message of its own, which the link holds until the next call.
  case downlink
  /// The disk could not be written; nothing is sent until writes succeed.
  case storeFailed(StoreError)
}

/// Why a report is given up.
public enum GiveUpReason: Sendable {
  /// It was sent `DurableSettings.maxAttempts` times.
  case maxAttempts
  /// It is older than `DurableSettings.maxAge`.
  case maxAge
}
