internal import ConstrainedCore

/// As much of RFC 8949 as it takes to find two members of a map.
extension PlatformReply {
  mutating func readCBOR(_ bytes: Span<UInt8>) -> Bool {
    var cursor = CBORCursor(bytes)
    var hasCode = false
    guard let map = cursor.head(), map.major == 5 else { return false }
    var left = map.argument
    while map.isOpen ? !cursor.takesBreak() : left > 0 {
      left &-= 1
      guard let name = cursor.head(), name.major == 3, let key = cursor.string(name) else {
        return false
      }
      if bytes.extracting(key).isEqual(to: "code") {
        guard !hasCode, let value = cursor.head() else { return false }
        if value.major == 0, value.argument &>> 32 == 0 {
          code = UInt32(truncatingIfNeeded: value.argument)
        } else {
          guard value.major == 3, let digits = cursor.string(value) else { return false }
          var number: UInt32 = 0
          for index in digits {
            let digit = bytes[index] &- 0x30
            guard digit <= 9, number < 100_000_000 else { return false }
            number = number &* 10 &+ UInt32(digit)
          }
          guard digits.count > 0 else { return false }
          code = number
        }
        hasCode = true
      } else if bytes.extracting(key).isEqual(to: "message"), let range = cursor.plainText() {
        message.write { (writer: inout ByteWriter) in
          // What does not fit is cut.
          try? writer.append(
            bytes.extracting(range.lowerBound..<min(range.upperBound, range.lowerBound &+ 64))
          )
          Self.cut(&writer)
        }
      } else {
        guard cursor.skip(depth: 0) else { return false }
      }
    }
    return hasCode && cursor.offset == bytes.count
  }
}

/// Goes through CBOR item by item; `nil` and `false` where there is none, or none that is well formed.
private struct CBORCursor: ~Escapable {
  /// The head of an item: its major type, its argument, and whether its length is indefinite.
  typealias Head = (major: UInt8, argument: UInt64, isOpen: Bool)

  let bytes: Span<UInt8>
  var offset = 0

  @_lifetime(copy bytes)
  init(_ bytes: Span<UInt8>) { self.bytes = bytes }

  @_lifetime(self: copy self)
  mutating func head() -> Head? {
    guard offset < bytes.count else { return nil }
    let first = bytes[offset]
    offset &+= 1
    let (major, info) = (first &>> 5, first & 31)
    if info < 24 { return (major, UInt64(widening: info), false) }
    if info == 31 { return major >= 2 && major <= 5 ? (major, 0, true) : nil }
    guard info < 28 else { return nil }
    var argument: UInt64 = 0
    for _ in 0..<(1 &<< Int(info &- 24)) {
      guard offset < bytes.count else { return nil }
      argument = argument &<< 8 | UInt64(widening: bytes[offset])
      offset &+= 1
    }
    return (major, argument, false)
  }

  /// Passes the end of an open item, if it is there.
  @_lifetime(self: copy self)
  mutating func takesBreak() -> Bool {
    guard offset < bytes.count, bytes[offset] == 0xFF else { return false }
    offset &+= 1
    return true
  }

  /// Passes the content of a string in one piece and says where it lies.
  @_lifetime(self: copy self)
  mutating func string(_ head: Head) -> Range<Int>? {
    let left = UInt32(truncatingIfNeeded: bytes.count &- offset)
    guard !head.isOpen, head.argument <= UInt64(widening: left) else { return nil }
    let start = offset
    offset &+= Int(UInt32(truncatingIfNeeded: head.argument))
    return start..<offset
  }

  /// Passes a text in one piece of UTF-8; passes nothing where another item comes.
  @_lifetime(self: copy self)
  mutating func plainText() -> Range<Int>? {
    let start = offset
    if let text = head(), text.major == 3, let range = string(text), bytes.extracting(range).isUTF8
    {
      return range
    }
    offset = start
    return nil
  }

  /// Passes an item with all that is in it.
  @_lifetime(self: copy self)
  mutating func skip(depth: Int) -> Bool {
    guard depth < 32, let item = head() else { return false }
    var left = item.argument
    switch item.major {
    case 2, 3:
      guard item.isOpen else { return string(item) != nil }
      while !takesBreak() {
        guard let chunk = head(), chunk.major == item.major, string(chunk) != nil else {
          return false
        }
      }
      return true
    case 4, 5:
      // Each item takes a byte, so that no count is believed.
      while item.isOpen ? !takesBreak() : left > 0 {
        left &-= 1
        guard skip(depth: depth &+ 1) else { return false }
        if item.major == 5 { guard skip(depth: depth &+ 1) else { return false } }
      }
      return true
    case 6: return skip(depth: depth &+ 1)
    default: return true
    }
  }
}
