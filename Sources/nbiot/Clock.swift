internal import Foundation

/// The calendar's time, for the field `timestamp` and for log lines.
enum Clock {
  static func millisecondsSince1970() -> UInt64 {
    UInt64(max(0, Date().timeIntervalSince1970 * 1_000))
  }

  /// Now as 2026-11-21T09:39:00.123Z.
  static func timestamp() -> String {
    Date().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
  }
}
