// SPDX-License-Identifier: Apache-2.0
extension Span where Element == UInt8 {
  /// The length in bytes of the UTF-8 sequence at `start`, an offset below `count` (RFC 3629
  /// Section 4): no overlong form, no surrogate, nothing above U+10FFFF.
  ///
  /// 0 if the bytes are not UTF-8, -1 if the sequence continues past the end.
  @inline(never)
  package func utf8Sequence(at start: Int) -> Int {
    let first = self[start]
    if first < 0x80 { return 1 }
    guard first >= 0xC2, first <= 0xF4 else { return 0 }
    let length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
    var lowest: UInt8 = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80
    var highest: UInt8 = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF
    for offset in start &+ 1..<start &+ length {
      guard offset < count else { return -1 }
      guard self[offset] >= lowest, self[offset] <= highest else { return 0 }
      (lowest, highest) = (0x80, 0xBF)
    }
    return length
  }

  /// The text, or nothing if it is not UTF-8 throughout.
  package var wholeUTF8: Span<UInt8> {
    @_lifetime(copy self)
    get { extracting(0..<(isUTF8 ? count : 0)) }
  }

  /// Whether the bytes are UTF-8 throughout, the last sequence complete.
  package var isUTF8: Bool {
    @inline(never)
    get {
      var offset = 0
      while offset < count {
        let length = utf8Sequence(at: offset)
        guard length > 0 else { return false }
        offset &+= length
      }
      return true
    }
  }
}
