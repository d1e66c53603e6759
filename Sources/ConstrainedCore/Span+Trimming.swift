// SPDX-License-Identifier: Apache-2.0
extension Span where Element == UInt8 {
  /// `range` without the white space, line ends and byte order marks that editors, consoles and
  /// shells leave at both ends.
  ///
  /// White space is Unicode's (property White_Space), and U+200B, which web pages contain.
  @inline(never)
  package func trimmed(_ range: Range<Int>) -> Range<Int> {
    var (start, end) = (range.lowerBound, range.upperBound)
    while true {
      let count = blankCount(start..<end)
      if count == 0 { break }
      start &+= count
    }
    var length = 1
    while length <= 3, end &- length >= start {
      if blankCount(end &- length..<end) == length {
        end &-= length
        length = 1
      } else {
        length &+= 1
      }
    }
    return start..<end
  }

  /// The text without white space, line ends and byte order marks at both ends.
  package var trimmed: Span<UInt8> {
    @_lifetime(copy self)
    get { extracting(trimmed(0..<count)) }
  }

  /// The first line of `range` that is not blank, trimmed.
  @inline(never)
  package func firstLine(of range: Range<Int>) -> Range<Int> {
    let range = trimmed(range)
    var end = range.lowerBound
    while end < range.upperBound, !self[end].isLineEnd { end &+= 1 }
    return trimmed(range.lowerBound..<end)
  }

  /// The number of bytes of the blank character at the start of `range`; 0 if there is none.
  @inline(never)
  private func blankCount(_ range: Range<Int>) -> Int {
    let start = range.lowerBound
    let count = range.count
    if count == 0 { return 0 }
    let first = self[start]
    if first == 0x20 || first &- 0x09 < 5 { return 1 }
    if first < 0xC2 || count == 1 { return 0 }
    let two = UInt32(first) &<< 8 | UInt32(self[start &+ 1])
    if two == 0xC2A0 || two == 0xC285 { return 2 }
    if count == 2 { return 0 }
    // From U+2000 on: 2000 to 200B, 2028, 2029, 202F, 205F, 3000, FEFF, and before it 1680.
    switch two &<< 8 &+ UInt32(self[start &+ 2]) &- 0xE28080 {
    case 0..<0x0C, 0x28, 0x29, 0x2F, 0x11F, 0x1_0000, 0xD_3B3F, 0xFFFF_1A00: return 3
    default: return 0
    }
  }
}

extension UInt8 {
  /// Whether it is a line feed or a carriage return.
  package var isLineEnd: Bool { self == 0x0A || self == 0x0D }
}
