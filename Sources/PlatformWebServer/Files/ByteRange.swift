// SPDX-License-Identifier: Apache-2.0
/// What a field Range asks of a file (RFC 9110 Section 14).
enum ByteRange: Equatable {
  /// All of it: the field is missing, names another unit or several ranges, or cannot be read.
  case whole
  /// These bytes.
  case part(offset: Int64, count: Int64)
  /// Bytes that the file does not have: 416.
  case unsatisfiable

  /// Reads the values of the field for a file of `size` bytes.
  init(_ values: [String], size: Int64) {
    self = .whole
    // RFC 9110 Section 14.2: a server may ignore the field, and so serves one range only.
    guard values.count == 1, let equals = values[0].firstIndex(of: "="),
      values[0][..<equals].lowercased() == "bytes"
    else { return }
    let range = values[0][values[0].index(after: equals)...]
    let parts = range.split(separator: "-", omittingEmptySubsequences: false).map {
      $0.drop { $0 == " " || $0 == "\t" }
    }
    guard parts.count == 2 else { return }
    let last = parts[1].isEmpty ? nil : Self.number(parts[1])
    guard parts[1].isEmpty || last != nil else { return }
    if parts[0].isEmpty {
      // The last bytes.
      guard let last else { return }
      let count = min(last, size)
      self = count > 0 ? .part(offset: size - count, count: count) : .unsatisfiable
    } else if let first = Self.number(parts[0]), first <= last ?? first {
      let end = min(last ?? size - 1, size - 1)
      self = first < size ? .part(offset: first, count: end - first + 1) : .unsatisfiable
    }
  }

  /// Digits; a number beyond what a file can have becomes the largest one.
  private static func number(_ text: Substring) -> Int64? {
    guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
    return Int64(text) ?? .max
  }
}
