internal import ConstrainedCore

/// Bytes in lower-case hexadecimal.
enum HexText {
  /// The digits in ASCII, two per byte.
  static func digits(_ bytes: Span<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(2 * bytes.count)
    for index in bytes.indices {
      result.append(digit(bytes[index] >> 4))
      result.append(digit(bytes[index] & 0x0F))
    }
    return result
  }

  /// The digits as a `String`.
  static func string(_ bytes: Span<UInt8>) -> String {
    String(decoding: digits(bytes), as: UTF8.self)
  }

  /// Lines of 16 bytes, with offset, hexadecimal digits and the printable ASCII characters.
  static func dump(_ bytes: Span<UInt8>, indent: Int) -> String {
    var result: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 16) {
      result.append(UInt8(ascii: "\n"))
      result.append(contentsOf: repeatElement(UInt8(ascii: " "), count: indent))
      let line = bytes.extracting(start..<min(start + 16, bytes.count))
      result.append(digit(UInt8(truncatingIfNeeded: start >> 12 & 0x0F)))
      result.append(digit(UInt8(truncatingIfNeeded: start >> 8 & 0x0F)))
      result.append(digit(UInt8(truncatingIfNeeded: start >> 4 & 0x0F)))
      result.append(digit(UInt8(truncatingIfNeeded: start & 0x0F)))
      for index in 0..<16 {
        result.append(UInt8(ascii: " "))
        guard index < line.count else {
          result.append(contentsOf: [UInt8(ascii: " "), UInt8(ascii: " ")])
          continue
        }
        result.append(digit(line[index] >> 4))
        result.append(digit(line[index] & 0x0F))
      }
      result.append(contentsOf: [UInt8(ascii: " "), UInt8(ascii: " ")])
      for index in line.indices {
        let isPrintable = line[index] >= 0x20 && line[index] < 0x7F
        result.append(isPrintable ? line[index] : UInt8(ascii: "."))
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }
}
