// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX
internal import ConstrainedCore
internal import PayloadCoding

/// A line of standard output of any length, written in pieces.
struct OutputLine {
  private var count = 0
  private var hasFailed = false
  private var bytes = InlineArray<1_024, UInt8>(repeating: 0)

  /// Appends a text as it is.
  mutating func add(_ text: StaticString) {
    let text = Span(text)
    for index in text.indices { put(text[index]) }
  }

  /// Appends a number.
  mutating func add(_ number: UInt64) {
    if number > 9 { add(number / 10) }
    put(0x30 + UInt8(truncatingIfNeeded: number % 10))
  }

  /// Appends a text, with a `?` for each character that could end the line or deceive its reader.
  @inline(never)
  mutating func add(text: Span<UInt8>) {
    var index = 0
    while index < text.count {
      let count = SteeringText.count(text, at: index)
      if count < 0 { put(UInt8(ascii: "?")) }
      if count > 0 { for offset in 0..<count { put(text[index &+ offset]) } }
      index &+= abs(count)
    }
  }

  /// Appends JSON on one line: white space that ends lines is a blank, and characters that steer a terminal are
  /// escaped, which changes no value.
  @inline(never)
  mutating func add(json: Span<UInt8>) {
    var index = 0
    while index < json.count {
      let count = SteeringText.count(json, at: index)
      let length = max(abs(count), 1)
      if count > 0 {
        for offset in 0..<length { put(json[index &+ offset]) }
      } else if json[index] < 0x20 {
        // Control characters stand between tokens alone.
        put(0x20)
      } else {
        escape(json, index, length)
      }
      index &+= length
    }
  }

  /// Appends bytes in hexadecimal.
  @inline(never)
  mutating func add(hexadecimal bytes: Span<UInt8>) {
    for index in bytes.indices {
      digit(bytes[index] >> 4)
      digit(bytes[index] & 0x0F)
    }
  }

  /// Ends the line; `false` where standard output does not take all of it.
  mutating func end() -> Bool {
    put(0x0A)
    flush()
    return !hasFailed
  }

  /// Writes a character of UTF-8 as JSON escapes it.
  private mutating func escape(_ json: Span<UInt8>, _ index: Int, _ length: Int) {
    var value = UInt32(json[index])
    if length > 1 {
      value &= 0xFF >> UInt32(length &+ 1)
      for offset in 1..<length { value = value << 6 | UInt32(json[index &+ offset] & 0x3F) }
    } else if value >= 0x80 {
      return put(UInt8(ascii: "?"))
    }
    if value > 0xFFFF {
      value -= 0x1_0000
      unit(0xD800 | value >> 10)
      value = 0xDC00 | value & 0x3FF
    }
    unit(value)
  }

  private mutating func unit(_ value: UInt32) {
    add("\\u")
    for place in 0..<4 {
      digit(UInt8(truncatingIfNeeded: value >> UInt32(12 - 4 * place)) & 0x0F)
    }
  }

  private mutating func digit(_ value: UInt8) {
    put(value < 10 ? 0x30 + value : 0x57 + value)
  }

  private mutating func put(_ byte: UInt8) {
    if count == bytes.count { flush() }
    bytes[count] = byte
    count &+= 1
  }

  private mutating func flush() {
    var written = 0
    while written < count, !hasFailed {
      let rest = bytes.span.extracting(written..<count)
      // SAFETY: the pointer covers the rest of the line and does not outlive the call.
      let sent = unsafe rest.withUnsafeBufferPointer {
        unsafe nbiot_write(1, $0.baseAddress, $0.count)
      }
      if sent < 0, nbiot_errno() == EINTR || nbiot_errno() == EAGAIN { continue }
      if sent > 0 { written &+= sent } else { hasFailed = true }
    }
    count = 0
  }
}
