// SPDX-License-Identifier: Apache-2.0
/// The CRC-32 of IEEE 802.3 over `bytes`, continuing the checksum of the preceding bytes.
///
/// It is computed bit by bit: a table would cost more flash than the time saved. It detects every
/// change within 32 consecutive bits, and so every change of a single byte.
func checksum(_ bytes: RawSpan, after previous: UInt32 = 0) -> UInt32 {
  var value = ~previous
  for offset in bytes.byteOffsets {
    // SAFETY: the offset is within the span.
    let byte = unsafe bytes.unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self)
    value ^= UInt32(truncatingIfNeeded: byte)
    for _ in 0..<8 { value = value &>> 1 ^ (value & 1 == 0 ? 0 : 0xEDB8_8320) }
  }
  return ~value
}
