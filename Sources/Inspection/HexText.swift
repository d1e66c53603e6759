// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// Bytes as lines of hexadecimal digits.
enum HexText {
  /// Lines of 16 bytes, with offset, hexadecimal digits and the printable ASCII characters.
  static func dump(_ bytes: Span<UInt8>, indent: Int) -> String {
    var result: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 16) {
      result.append(UInt8(ascii: "\n"))
      result.append(contentsOf: repeatElement(UInt8(ascii: " "), count: indent))
      let line = bytes.extracting(start..<min(start + 16, bytes.count))
      let offset = [UInt8(truncatingIfNeeded: start >> 8), UInt8(truncatingIfNeeded: start)]
      result += [UInt8](hexadecimal: offset.span)
      for index in 0..<16 {
        result.append(UInt8(ascii: " "))
        guard index < line.count else {
          result.append(contentsOf: [UInt8(ascii: " "), UInt8(ascii: " ")])
          continue
        }
        result += [UInt8](hexadecimal: line.extracting(index..<index + 1))
      }
      result.append(contentsOf: [UInt8(ascii: " "), UInt8(ascii: " ")])
      for index in line.indices {
        let isPrintable = line[index] >= 0x20 && line[index] < 0x7F
        result.append(isPrintable ? line[index] : UInt8(ascii: "."))
      }
    }
    return String(decoding: result, as: UTF8.self)
  }
}
