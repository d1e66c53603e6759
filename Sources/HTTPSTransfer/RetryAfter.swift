internal import CCurl

/// The field Retry-After (RFC 9110 Section 10.2.3): how long a server asks not to be asked again.
enum RetryAfter {
  /// The longest wait that is obeyed, in seconds.
  static let limit = 3_600

  /// The wait in seconds, at most `limit`; `nil` when the field is neither seconds nor a date.
  ///
  /// A date counts from the server's own, the field Date, where it has sent that: this machine's clock may be
  /// wrong.
  static func seconds(_ field: String, serverDate: String?) -> Int? {
    if !field.isEmpty, field.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) {
      return min(Int(field) ?? limit, limit)
    }
    guard let until = date(field) else { return nil }
    let now = serverDate.flatMap(date) ?? time(nil)
    return min(max(0, until - now), limit)
  }

  /// An HTTP-date in one of its three forms (RFC 9110 Section 5.6.7), in seconds since 1970.
  private static func date(_ text: String) -> Int? {
    // libcurl takes a great deal more, such as a number of digits for a day.
    guard text.utf8.first.map({ $0 >= 0x41 }) == true, text.contains(":") else { return nil }
    let value = unsafe curl_getdate(text, nil)
    return value < 0 ? nil : value
  }
}
