internal import ConstrainedCore

/// The CRC-32 of IEEE 802.3 over `bytes`, continued from that of what stands before them.
///
/// Bit by bit: a table would cost more flash than the time is worth. It finds every change within
/// 32 bits in a row, so that no single byte is changed unseen.
@inline(never)
func checksum(_ bytes: Span<UInt8>, after previous: UInt32 = 0) -> UInt32 {
  var value = ~previous
  for index in bytes.indices {
    value ^= UInt32(truncatingIfNeeded: bytes[index])
    for _ in 0..<8 { value = value &>> 1 ^ (value & 1 == 0 ? 0 : 0xEDB8_8320) }
  }
  return ~value
}

/// The number whose lowest byte stands at `offset`.
@inline(never)
func number(_ count: Int, at offset: Int, of bytes: Span<UInt8>) -> UInt64 {
  var value: UInt64 = 0
  var index = offset + count
  while index > offset {
    index -= 1
    value = value &<< 8 | UInt64(widening: bytes[index])
  }
  return value
}

/// Writes a number, the lowest byte first.
@inline(never)
func put(_ value: UInt64, _ count: Int, at offset: Int, in bytes: inout MutableSpan<UInt8>) {
  var rest = value
  for index in offset..<offset + count {
    bytes[index] = UInt8(truncatingIfNeeded: rest)
    rest = rest &>> 8
  }
}
