// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// The UTF-8 bytes of a string read by a `JSONReader`, one at a time, escapes resolved.
///
/// Size: about 56 bytes, whatever the string.
struct JSONStringBytes: ~Escapable {
  private let text: Span<UInt8>
  private var position: Int
  private let end: Int
  /// The bytes of the last escape, and how many of them were returned.
  private var resolved = FixedBytes<4>()
  private var taken = 0

  /// Starts at the beginning of `range`, the string without its quotes.
  @_lifetime(copy text)
  init(_ text: Span<UInt8>, _ range: Range<Int>) {
    self.text = text
    position = range.lowerBound
    end = range.upperBound
  }

  /// The next byte; `nil` after the last one.
  mutating func next() -> UInt8? {
    if taken < resolved.count {
      taken += 1
      return resolved.bytes[taken - 1]
    }
    guard position < end else { return nil }
    guard text[position] == UInt8(ascii: "\\") else {
      position += 1
      return text[position - 1]
    }
    var scalar: UInt32 = 0
    do throws(JSONError) {
      position = try JSONEscape.read(text, at: position, into: &scalar, takesHalves: true)
    } catch {
      preconditionFailure("a range that the reader returned holds only valid escapes")
    }
    do throws(CapacityError) {
      try resolved.write { (writer: inout ByteWriter) throws(CapacityError) in
        try UTF8Sequence.append(scalar, to: &writer)
      }
    } catch {
      preconditionFailure("a scalar value has at most 4 bytes")
    }
    taken = 1
    return resolved.bytes[0]
  }
}
