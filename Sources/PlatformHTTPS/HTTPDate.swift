// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// A time in the head of an answer (RFC 9110 Sections 5.6.7 and 10.2.3), parsed from untrusted bytes.
public enum HTTPDate {
  /// The longest wait that Retry-After can ask for, in seconds: an hour.
  public static var longestWait: UInt32 { 3_600 }

  /// Seconds since 1970 of an HTTP-date in one of its three forms; `nil` for anything else, and before 1970.
  ///
  /// `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` or `Sun Nov  6 08:49:37 1994`. The name of the
  /// day is not compared with the date. A year of two digits is one of 1970 to 2069.
  public static func seconds(_ field: Span<UInt8>) -> UInt64? {
    var cursor = DateCursor(text: field)
    let (day, month, year, time): (UInt32, UInt32, UInt32, UInt32)
    guard cursor.skipWord() else { return nil }
    if cursor.skip(",") {
      guard cursor.skip(" "), let first = cursor.number(2) else { return nil }
      let isObsolete = cursor.skip("-")
      guard isObsolete || cursor.skip(" "), let second = cursor.month(),
        isObsolete ? cursor.skip("-") : cursor.skip(" "),
        let third = cursor.number(isObsolete ? 2 : 4), cursor.skip(" "), let last = cursor.time(),
        cursor.skip(" "), cursor.skip("GMT")
      else { return nil }
      (day, month, time) = (first, second, last)
      year = isObsolete ? (third < 70 ? 2_000 : 1_900) + third : third
    } else {
      guard cursor.skip(" "), let first = cursor.month(), cursor.skip(" ") else { return nil }
      let isPadded = cursor.skip(" ")
      guard let second = cursor.number(isPadded ? 1 : 2), cursor.skip(" "),
        let third = cursor.time(), cursor.skip(" "), let last = cursor.number(4)
      else { return nil }
      (month, day, time, year) = (first, second, third, last)
    }
    guard cursor.isAtEnd, year >= 1_970, day >= 1, day <= days(in: month, of: year) else {
      return nil
    }
    // Days since 1 March of the year 0, then since 1970.
    let (early, from): (UInt32, UInt32) = month < 3 ? (year - 1, month + 9) : (year, month - 3)
    let count = early * 365 + early / 4 - early / 100 + early / 400 + (from * 153 + 2) / 5 + day - 1
    return UInt64(widening: count - 719_468) * 86_400 + UInt64(widening: time)
  }

  /// The wait in seconds that Retry-After asks for, at most `longestWait`; `nil` where it is neither seconds nor a date.
  ///
  /// A date counts from `now`, in seconds since 1970: the server's time where that is known, because this machine's
  /// clock may be wrong. Without any time a date is no wait.
  public static func wait(_ field: Span<UInt8>, now: UInt64?) -> UInt32? {
    guard !field.isEmpty else { return nil }
    var number: UInt32 = 0
    var hasDigitsAlone = true
    for index in field.indices {
      let digit = field[index] &- 0x30
      guard digit < 10 else {
        hasDigitsAlone = false
        break
      }
      number = min(number * 10 + UInt32(digit), longestWait)
    }
    if hasDigitsAlone { return number }
    guard let now, let until = seconds(field) else { return nil }
    guard until > now else { return 0 }
    let left = until - now
    return left > UInt64(widening: longestWait) ? longestWait : UInt32(truncatingIfNeeded: left)
  }

  private static func days(in month: UInt32, of year: UInt32) -> UInt32 {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }
}

/// Reads the parts of a date from its start.
private struct DateCursor: ~Escapable {
  let text: Span<UInt8>
  var offset = 0

  @_lifetime(copy text)
  init(text: Span<UInt8>) { self.text = text }

  var isAtEnd: Bool { offset == text.count }

  /// Skips letters; whether there were any.
  @_lifetime(self: copy self)
  mutating func skipWord() -> Bool {
    let start = offset
    while offset < text.count, text[offset] | 0x20 >= UInt8(ascii: "a"),
      text[offset] | 0x20 <= UInt8(ascii: "z")
    { offset += 1 }
    return offset > start
  }

  @_lifetime(self: copy self)
  mutating func skip(_ literal: StaticString) -> Bool {
    let bytes = Span(literal)
    guard text.count - offset >= bytes.count,
      text.extracting(offset..<offset + bytes.count).isEqual(to: literal)
    else { return false }
    offset += bytes.count
    return true
  }

  /// A number of exactly so many digits, at most 4.
  @_lifetime(self: copy self)
  mutating func number(_ digits: Int) -> UInt32? {
    guard text.count - offset >= digits else { return nil }
    var value: UInt32 = 0
    for index in offset..<offset + digits {
      let digit = text[index] &- 0x30
      guard digit < 10 else { return nil }
      value = value * 10 + UInt32(digit)
    }
    offset += digits
    return value
  }

  /// `08:49:37` in seconds; a leap second counts as the one before it.
  @_lifetime(self: copy self)
  mutating func time() -> UInt32? {
    guard let hours = number(2), hours < 24, skip(":"), let minutes = number(2), minutes < 60,
      skip(":"), let seconds = number(2), seconds <= 60
    else { return nil }
    return hours * 3_600 + minutes * 60 + min(seconds, 59)
  }

  /// 1 to 12 by its name of three letters.
  @_lifetime(self: copy self)
  mutating func month() -> UInt32? {
    let names = Span("JanFebMarAprMayJunJulAugSepOctNovDec" as StaticString)
    guard text.count - offset >= 3 else { return nil }
    let name = text.extracting(offset..<offset + 3)
    for index in 0..<12 where names.extracting(index * 3..<index * 3 + 3).isEqual(to: name) {
      offset += 3
      return UInt32(index) + 1
    }
    return nil
  }
}
