// SPDX-License-Identifier: Apache-2.0
internal import CCurl
internal import SystemClocks

/// The field Retry-After (RFC 9110 Section 10.2.3): the time to wait before the next request.
enum RetryAfter {
  /// The longest wait that is honoured, in seconds.
  static let limit = 3_600

  /// The wait in seconds, at most `limit`; `nil` if the field is neither seconds nor a date.
  ///
  /// A date is taken relative to the server's field Date, if it was sent: this machine's clock may
  /// be wrong.
  static func seconds(_ field: String, serverDate: String?) -> Int? {
    if !field.isEmpty, field.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) {
      return min(Int(field) ?? limit, limit)
    }
    guard let until = date(field) else { return nil }
    let now = serverDate.flatMap(date) ?? Int(WallClock.milliseconds() / 1_000)
    return min(max(0, until - now), limit)
  }

  /// Parses an HTTP-date in one of its three forms (RFC 9110 Section 5.6.7), into seconds since
  /// 1970.
  private static func date(_ text: String) -> Int? {
    // libcurl accepts much more, such as a day as a number of digits.
    guard text.utf8.first.map({ $0 >= 0x41 }) == true, text.contains(":") else { return nil }
    let value = unsafe curl_getdate(text, nil)
    return value < 0 ? nil : value
  }
}
