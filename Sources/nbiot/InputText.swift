// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// Normalises texts from options, variables and files.
enum InputText {
  /// The text without the white space and the byte order mark that copying leaves at its ends.
  static func trimmed(_ text: String) -> String {
    String(decoding: trimmed(Array(text.utf8)), as: UTF8.self)
  }

  /// As above, for bytes.
  static func trimmed(_ bytes: [UInt8]) -> [UInt8] {
    Array(bytes[bytes.span.trimmed(0..<bytes.count)])
  }

  /// A text file's bytes, trimmed.
  static func read(_ path: String) throws -> [UInt8] {
    let path = trimmed(path)
    let (bytes, status) = try PrivateFile.readWithStatus(path)
    try check(bytes, path)
    PrivateFile.warnIfWritable(path, status)
    return trimmed(bytes)
  }

  /// Rejects data that is not text in UTF-8 or ASCII by its first bytes, or has a zero byte.
  static func check(_ bytes: [UInt8], _ path: String) throws {
    if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
      throw Complaint("\(path) is UTF-16: save it as UTF-8")
    }
    if bytes.contains(0) { throw Complaint("\(path) has a zero byte in it: give a text file") }
  }
}
