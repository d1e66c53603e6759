internal import CPOSIX
internal import ConstrainedCore

/// A line for standard output or standard error, built up and written at once.
///
/// What does not fit is cut off: the longest lines are answers of the platform.
struct TextLine {
  private var bytes = FixedBytes<2_048>()

  /// Starts with a word.
  @inline(never)
  init(_ word: StaticString) { add(word) }

  /// Appends a literal.
  @inline(never)
  mutating func add(_ text: StaticString) {
    add(Span(text))
  }

  /// Appends bytes, those that could steer a terminal or end the line as `?`.
  @inline(never)
  mutating func add(_ text: Span<UInt8>) {
    for index in text.indices {
      let byte = text[index]
      put(byte < 0x20 || byte == 0x7F ? UInt8(ascii: "?") : byte)
    }
  }

  /// Appends a number.
  @inline(never)
  mutating func add(_ number: UInt64) {
    var digits = FixedBytes<20>()
    digits.write { (writer: inout ByteWriter) in try? writer.append(decimal: number) }
    add(digits.bytes)
  }

  /// Appends a space, a name with its `=` and a number.
  @inline(never)
  mutating func add(_ name: StaticString, _ number: UInt64) {
    add(name)
    add(number)
  }

  /// Appends bytes in hexadecimal digits.
  @inline(never)
  mutating func add(hexadecimal bytes: Span<UInt8>) {
    var digits = FixedBytes<128>()
    digits.write { (writer: inout ByteWriter) in try? writer.append(hexadecimal: bytes) }
    add(digits.bytes)
  }

  /// Writes the line with its end; `false` when the file takes no more.
  @inline(never)
  mutating func write(to descriptor: Int32) -> Bool {
    put(0x0A)
    var written = 0
    while written < bytes.count {
      let rest = bytes.bytes.extracting(droppingFirst: written)
      // SAFETY: the pointer covers the rest of the line and does not outlive the call.
      let count = unsafe rest.withUnsafeBufferPointer {
        unsafe CPOSIX.write(descriptor, $0.baseAddress, $0.count)
      }
      if count < 0, nbiot_errno() == EINTR { continue }
      guard count > 0 else { return false }
      written += count
    }
    return true
  }

  /// The line as it stands.
  var written: Span<UInt8> {
    @_lifetime(borrow self)
    @_addressableSelf
    get { bytes.bytes }
  }

  private mutating func put(_ byte: UInt8) {
    // The last byte is the line's end.
    guard bytes.count < 2_047 || byte == 0x0A else { return }
    let one: InlineArray<1, UInt8> = [byte]
    try? bytes.append(one.span)
  }
}
