// SPDX-License-Identifier: Apache-2.0
/// The bytes of hexadecimal digits; spaces are skipped.
///
/// Traps on anything else: it reads literals.
package func hex(_ text: String) -> [UInt8] {
  let digits = text.utf8.filter { $0 != UInt8(ascii: " ") }
  precondition(digits.count % 2 == 0, "hex digits come in pairs")
  func value(_ digit: UInt8) -> UInt8 {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): return digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): return digit - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): return digit - UInt8(ascii: "A") + 10
    default: preconditionFailure("\(digit) is not a hex digit")
    }
  }
  return stride(from: 0, to: digits.count, by: 2).map {
    value(digits[$0]) << 4 | value(digits[$0 + 1])
  }
}

/// The bytes as lower-case hexadecimal digits.
package func hexText(_ bytes: Span<UInt8>) -> String {
  var text = ""
  for index in bytes.indices {
    let byte = bytes[index]
    text += (byte < 16 ? "0" : "") + String(byte, radix: 16)
  }
  return text
}

/// The bytes in an array that a test can compare.
package func array(_ bytes: Span<UInt8>) -> [UInt8] {
  var result: [UInt8] = []
  for index in bytes.indices { result.append(bytes[index]) }
  return result
}
