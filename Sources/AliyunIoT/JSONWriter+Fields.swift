internal import ConstrainedCore
internal import PayloadCoding

extension JSONWriter {
  /// Writes a number as a string of its digits.
  mutating func decimalString(_ value: UInt64) throws(CapacityError) {
    var digits = FixedBytes<20>()
    try digits.write { (writer: inout ByteWriter) throws(CapacityError) in
      try writer.append(decimal: value)
    }
    try string(digits.bytes)
  }

  /// Writes at most 32 bytes as a string of hexadecimal digits.
  mutating func hexadecimalString(
    _ bytes: Span<UInt8>,
    uppercase: Bool
  ) throws(CapacityError) {
    var digits = FixedBytes<64>()
    try digits.write { (writer: inout ByteWriter) throws(CapacityError) in
      try writer.append(hexadecimal: bytes, uppercase: uppercase)
    }
    try string(digits.bytes)
  }
}
