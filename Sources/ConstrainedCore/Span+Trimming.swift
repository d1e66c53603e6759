extension Span where Element == UInt8 {
  /// `range` without the white space, line ends and byte order marks that editors, consoles and
  /// shells leave at both ends.
  ///
  /// White space is that of ASCII, and U+00A0, U+200B and U+3000, which web pages contain.
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
    if two == 0xC2A0 { return 2 }
    if count == 2 { return 0 }
    let three = two &<< 8 | UInt32(self[start &+ 2])
    return three == 0xEFBBBF || three == 0xE2808B || three == 0xE38080 ? 3 : 0
  }
}

extension UInt8 {
  /// Whether it is a line feed or a carriage return.
  package var isLineEnd: Bool { self == 0x0A || self == 0x0D }
}
