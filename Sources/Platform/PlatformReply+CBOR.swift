// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import PayloadCoding

/// The part of RFC 8949 needed to find two members of a map.
extension PlatformReply {
  @inline(never)
  mutating func readCBOR(_ bytes: Span<UInt8>) -> Bool {
    var cursor = CBORCursor(bytes)
    guard cursor.readHead(), cursor.major == 5 else { return false }
    let isOpen = cursor.isOpen
    var left = cursor.argument
    while isOpen ? !cursor.takesBreak() : left > 0 {
      left &-= 1
      guard cursor.readHead(), cursor.major == 3, cursor.passString() else { return false }
      let key = bytes.extracting(cursor.string)
      let isCode = Self.isSame(key, "code")
      let isMessage = Self.isSame(key, "message")
      guard cursor.readHead() else { return false }
      if isCode, cursor.major == 0 {
        guard cursor.argument < .max, take(UInt64(widening: cursor.argument)) else { return false }
      } else if isCode, cursor.major == 7 {
        guard take(cursor.wholeFloat) else { return false }
      } else if isCode || isMessage, cursor.major == 3, !cursor.isOpen {
        guard cursor.passString() else { return false }
        if isMessage {
          copyMessage(bytes.extracting(cursor.string))
        } else {
          guard take(JSONReader(bytes).unsigned(cursor.string)) else { return false }
        }
      } else {
        guard !isCode, cursor.passContent(depth: 0) else { return false }
      }
    }
    return cursor.offset == bytes.count
  }

  @inline(never)
  private static func isSame(_ key: Span<UInt8>, _ name: StaticString) -> Bool {
    key.isEqual(to: name)
  }

  @inline(never)
  private mutating func copyMessage(_ text: Span<UInt8>) {
    message.write { (writer: inout ByteWriter) in
      // Cut off text that does not fit.
      try? writer.append(text.extracting(0..<min(text.count, 64)))
      Self.cut(&writer)
    }
  }
}

/// Steps through CBOR item by item; its calls return `false` at the end and for malformed bytes.
private struct CBORCursor: ~Escapable {
  private let bytes: Span<UInt8>
  private(set) var offset = 0
  /// The last head: the item's major type, its argument (clamped to `UInt32.max`), and whether its
  /// length is indefinite.
  private(set) var major: UInt8 = 0
  private(set) var argument: UInt32 = 0
  private(set) var isOpen = false
  private var info: UInt8 = 0

  @_lifetime(copy bytes)
  init(_ bytes: Span<UInt8>) { self.bytes = bytes }

  /// The range of the content of the last string.
  var string: Range<Int> { offset &- Int(truncatingIfNeeded: argument)..<offset }

  @inline(never)
  @_lifetime(self: copy self)
  mutating func readHead() -> Bool {
    guard offset < bytes.count else { return false }
    let first = bytes[offset]
    offset &+= 1
    major = first &>> 5
    info = first & 31
    isOpen = info == 31
    argument = UInt32(info)
    if isOpen { return major >= 2 && major <= 5 }
    guard info >= 24 else { return true }
    guard info < 28 else { return false }
    argument = 0
    for _ in 0..<(1 &<< Int(info &- 24)) {
      guard offset < bytes.count else { return false }
      let isTooLarge = argument >= 0x100_0000
      argument = isTooLarge ? .max : argument &<< 8 | UInt32(bytes[offset])
      offset &+= 1
    }
    return true
  }

  /// The argument of the head that was read last as a float of 16, 32 or 64 bits (RFC 8949 Section 3.3), where that is
  /// a whole number below 2^32; `nil` for anything else.
  var wholeFloat: UInt64? {
    guard info >= 25, info <= 27 else { return nil }
    let exponentBits: UInt64 = info == 25 ? 5 : info == 26 ? 8 : 11
    let count = info == 25 ? 2 : info == 26 ? 4 : 8
    var bits: UInt64 = 0
    for index in (offset &- count)..<offset { bits = bits &<< 8 | UInt64(widening: bytes[index]) }
    guard bits > 0 else { return 0 }
    let fractionBits: UInt64 = info == 25 ? 10 : info == 26 ? 23 : 52
    let bias: UInt64 = 1 &<< (exponentBits &- 1) &- 1
    // With the sign in front of it: that of a negative number is too large.
    let exponent = bits &>> fractionBits
    guard exponent >= bias, exponent < min(bias &+ 32, bias &* 2 &+ 1) else { return nil }
    let significand = bits & (1 &<< fractionBits &- 1) | 1 &<< fractionBits
    let whole = exponent &- bias
    if whole >= fractionBits { return significand &<< (whole &- fractionBits) }
    let number = significand &>> (fractionBits &- whole)
    return number &<< (fractionBits &- whole) == significand ? number : nil
  }

  /// Skips the break that ends an item of indefinite length, if it is next.
  @_lifetime(self: copy self)
  mutating func takesBreak() -> Bool {
    guard offset < bytes.count, bytes[offset] == 0xFF else { return false }
    offset &+= 1
    return true
  }

  /// Skips the content of a string of definite length.
  @inline(never)
  @_lifetime(self: copy self)
  mutating func passString() -> Bool {
    guard !isOpen, argument <= UInt32(truncatingIfNeeded: bytes.count &- offset) else {
      return false
    }
    offset &+= Int(truncatingIfNeeded: argument)
    return true
  }

  /// Skips the content of the item whose head was read last.
  @_lifetime(self: copy self)
  mutating func passContent(depth: Int) -> Bool {
    let (kind, isOpen) = (major, isOpen)
    guard depth < 32, kind >= 2, kind < 7 else { return kind < 2 || kind == 7 }
    if kind < 4, !isOpen { return passString() }
    // Do not trust the count: each item takes a byte. A map has two items for each, a tag one.
    var left = kind == 6 ? 1 : argument
    while isOpen ? !takesBreak() : left > 0 {
      left &-= 1
      for _ in 0..<(kind == 5 ? 2 : 1) {
        guard readHead(), kind > 3 || major == kind && !self.isOpen, passContent(depth: depth &+ 1)
        else { return false }
      }
    }
    return true
  }
}
