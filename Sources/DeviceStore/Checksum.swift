/// The CRC-32 of IEEE 802.3 over `bytes`, continued from that of what stands before them.
///
/// Bit by bit: a table would cost more flash than the time is worth. It finds every change within
/// 32 bits in a row, so that no single byte is changed unseen.
@inline(never)
func checksum(_ bytes: RawSpan, after previous: UInt32 = 0) -> UInt32 {
  var value = ~previous
  for offset in bytes.byteOffsets {
    // SAFETY: the offset is one of the span's.
    let byte = unsafe bytes.unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self)
    value ^= UInt32(truncatingIfNeeded: byte)
    for _ in 0..<8 { value = value &>> 1 ^ (value & 1 == 0 ? 0 : 0xEDB8_8320) }
  }
  return ~value
}
