// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX
internal import ConstrainedCore
internal import PayloadCoding

/// A line for standard output or standard error, assembled and written in one call.
///
/// Text that does not fit is cut off: the longest lines are answers of the platform.
struct TextLine {
  private var count = 0
  private var bytes = InlineArray<2_048, UInt8>(repeating: 0)

  /// Starts over with a phrase.
  @inline(never)
  mutating func start(_ phrase: Phrase) {
    count = 0
    add(phrase)
  }

  #if MQTT || HTTPS || LEDGER
  /// Starts over with a text.
  mutating func start(_ text: StaticString) {
    count = 0
    add(Span(text))
  }

  /// Appends a text.
  mutating func add(_ text: StaticString) { add(Span(text)) }
  #endif

  /// Appends a phrase.
  @inline(never)
  mutating func add(_ phrase: Phrase) { add(phrase.text) }

  /// Appends a text, with a `?` for each character that could control a terminal, end the line or
  /// deceive its reader, and for each byte that is not UTF-8.
  @inline(never)
  mutating func add(_ text: Span<UInt8>) {
    var index = 0
    while index < text.count {
      let count = SteeringText.count(text, at: index)
      if count < 0 { put(UInt8(ascii: "?")) }
      // Drop a character that does not fit completely.
      if count > 0, self.count &+ count < bytes.count {
        for offset in 0..<count { put(text[index &+ offset]) }
      }
      index &+= abs(count)
    }
  }

  /// Appends a number.
  @inline(never)
  mutating func add(_ number: UInt64) {
    if number > 9 { add(number / 10) }
    put(0x30 + UInt8(truncatingIfNeeded: number % 10))
  }

  /// Appends a phrase and a number.
  @inline(never)
  mutating func add(_ phrase: Phrase, _ number: UInt64) {
    add(phrase)
    add(number)
  }

  /// Appends a phrase and a count.
  @inline(never)
  mutating func add(_ phrase: Phrase, _ count: Int) { add(phrase, UInt64(count)) }

  /// Appends an error's name and meaning, as in `errno=ENOSPC (No space left on device)`.
  @inline(never)
  mutating func add(errno code: Int32) {
    add(.errorNumber)
    guard let name = unsafe strerrorname_np(code), let meaning = unsafe strerrordesc_np(code) else {
      return add(UInt64(clamping: code))
    }
    unsafe add(text: name)
    add(.openBracket)
    unsafe add(text: meaning)
    put(UInt8(ascii: ")"))
  }

  @inline(never)
  private mutating func add(text: UnsafePointer<CChar>) {
    var index = 0
    // SAFETY: the text ends with a zero byte.
    while unsafe text[index] != 0 {
      put(UInt8(bitPattern: unsafe text[index]))
      index += 1
    }
  }

  /// Appends bytes in hexadecimal.
  @inline(never)
  mutating func add(hexadecimal bytes: Span<UInt8>) {
    let digits = Span("0123456789abcdef" as StaticString)
    for index in bytes.indices {
      put(digits[Int(bytes[index] >> 4)])
      put(digits[Int(bytes[index] & 0x0F)])
    }
  }

  /// Writes the line with its line end; returns `false` if the file does not accept all of it.
  @inline(never)
  mutating func write(to descriptor: Int32) -> Bool {
    put(0x0A)
    var written = 0
    while written < count {
      let rest = bytes.span.extracting(written..<count)
      // SAFETY: the pointer covers the rest of the line and does not outlive the call.
      let sent = unsafe rest.withUnsafeBufferPointer {
        unsafe nbiot_write(descriptor, $0.baseAddress, $0.count)
      }
      if sent < 0, nbiot_errno() == EINTR || nbiot_errno() == EAGAIN { continue }
      guard sent > 0 else { return false }
      written &+= sent
    }
    return true
  }

  /// The text of the line so far.
  var written: Span<UInt8> {
    @_lifetime(borrow self)
    get { bytes.span.extracting(0..<count) }
  }

  @inline(never)
  private mutating func put(_ byte: UInt8) {
    // The last byte is reserved for the line end.
    guard count < 2_047 || byte == 0x0A && count < 2_048 else { return }
    bytes[count] = byte
    count &+= 1
  }
}
