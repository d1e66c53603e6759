// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import SystemClocks

/// The calendar's time, for the field `timestamp` and for what is printed.
enum Clock {
  static func millisecondsSince1970() -> UInt64 { WallClock.milliseconds() }

  static func now() -> Date {
    Date(timeIntervalSince1970: Double(WallClock.milliseconds()) / 1_000)
  }

  /// Now as 2026-11-21T09:39:00.123Z.
  static func timestamp() -> String {
    now().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
  }
}
