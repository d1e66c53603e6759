// SPDX-License-Identifier: Apache-2.0
package import ConstrainedCore

extension PayloadWriter where Self: ~Copyable & ~Escapable {
  /// Writes a member whose value is a text.
  @inline(never)  // A request makes many calls.
  package mutating func field(
    _ name: StaticString,
    _ text: Span<UInt8>
  ) throws(CapacityError) {
    try key(name)
    try string(text)
  }

  /// Writes a number as a text in decimal.
  package mutating func decimalString(_ value: UInt64) throws(CapacityError) {
    var digits = FixedBytes<20>()
    try digits.write { (writer: inout ByteWriter) throws(CapacityError) in
      try writer.append(decimal: value)
    }
    try string(digits.bytes)
  }

  /// Writes at most 32 bytes as a text in hexadecimal.
  package mutating func hexadecimalString(
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
