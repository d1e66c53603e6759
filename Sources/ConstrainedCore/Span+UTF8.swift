/// What stands at a place of a text that should be UTF-8.
package enum UTF8Finding {
  /// A whole sequence of so many bytes.
  case sequence(count: Int)
  /// Nothing that UTF-8 has.
  case invalid
  /// The beginning of a sequence whose end is missing.
  case truncated
}

extension Span where Element == UInt8 {
  /// The sequence at `start`, which lies within the bytes (RFC 3629 Section 4): no overlong form, no
  /// surrogate, nothing above U+10FFFF.
  package func utf8Sequence(at start: Int) -> UTF8Finding {
    var lowest: UInt8 = 0x80
    var highest: UInt8 = 0xBF
    let length: Int
    switch self[start] {
    case 0..<0x80: length = 1
    case 0xC2...0xDF: length = 2
    case 0xE0: (length, lowest) = (3, 0xA0)
    case 0xED: (length, highest) = (3, 0x9F)
    case 0xE1...0xEF: length = 3
    case 0xF0: (length, lowest) = (4, 0x90)
    case 0xF4: (length, highest) = (4, 0x8F)
    case 0xF1...0xF3: length = 4
    default: return .invalid
    }
    for offset in start + 1..<start + length {
      guard offset < count else { return .truncated }
      guard self[offset] >= lowest, self[offset] <= highest else { return .invalid }
      (lowest, highest) = (0x80, 0xBF)
    }
    return .sequence(count: length)
  }

  /// Whether the bytes are whole sequences of UTF-8 and nothing else.
  package var isUTF8: Bool {
    var offset = 0
    while offset < count {
      guard case .sequence(let length) = utf8Sequence(at: offset) else { return false }
      offset += length
    }
    return true
  }
}
