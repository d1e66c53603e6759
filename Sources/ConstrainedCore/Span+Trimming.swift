extension Span where Element == UInt8 {
  /// A part of a text without what editors, consoles and shells leave at its ends: white space, line ends
  /// and byte order marks.
  ///
  /// White space is that of ASCII and, as web pages have it, U+00A0, U+200B and U+3000.
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

  /// The text without what stands at its ends and is not part of it.
  package var trimmed: Span<UInt8> {
    @_lifetime(copy self)
    get { extracting(trimmed(0..<count)) }
  }

  /// The first line of a text without what stands at its ends; empty lines and marks before it are passed
  /// over.
  @inline(never)
  package func firstLine(of range: Range<Int>) -> Range<Int> {
    let range = trimmed(range)
    var end = range.lowerBound
    while end < range.upperBound, !self[end].isLineEnd { end &+= 1 }
    return trimmed(range.lowerBound..<end)
  }

  /// How many bytes the blank at the start of a range has; 0 where there is none.
  @inline(never)
  private func blankCount(_ range: Range<Int>) -> Int {
    let start = range.lowerBound
    if start == range.upperBound { return 0 }
    let first = self[start]
    if first == 0x20 || first >= 0x09 && first <= 0x0D { return 1 }
    if first < 0xC2 || range.upperBound &- start < 2 { return 0 }
    let second = self[start &+ 1]
    if first == 0xC2 { return second == 0xA0 ? 2 : 0 }
    if range.upperBound &- start < 3 { return 0 }
    let third = self[start &+ 2]
    let isMark = first == 0xEF && second == 0xBB && third == 0xBF
    let isZeroWidth = first == 0xE2 && second == 0x80 && third == 0x8B
    let isIdeographic = first == 0xE3 && second == 0x80 && third == 0x80
    return isMark || isZeroWidth || isIdeographic ? 3 : 0
  }
}

extension UInt8 {
  /// Whether it is a line feed or a carriage return.
  package var isLineEnd: Bool { self == 0x0A || self == 0x0D }
}
