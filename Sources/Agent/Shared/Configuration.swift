// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX
internal import ConstrainedCore

/// The contents of a configuration file: `key = value` lines, and comments after `#` at the start of a
/// line.
///
/// An error in it ends the process, with a line that says where it is and what to do. The command
/// line's `--config` also reads it. The value stays in place: a copy of it would be 8 KB.
package struct Configuration: ~Copyable {
  #if GATEWAY
  /// The maximum length of the file in bytes.
  static var maxCount: Int { 32_768 }
  #else
  /// The maximum length of the file in bytes.
  static var maxCount: Int { 8_192 }
  #endif

  /// The maximum length of a path in bytes.
  static var maxPath: Int { 255 }

  /// The command line, which contains the file's path.
  let arguments: Arguments
  #if GATEWAY
  private var values = InlineArray<44, Value>(repeating: Value())
  /// The values of the one key that may be given several times.
  private var subDevices = InlineArray<1_830, Value>(repeating: Value())
  /// How many sub-devices the file itself names.
  private(set) var subDeviceCount = 0
  #elseif MQTT
  private var values = InlineArray<36, Value>(repeating: Value())
  #elseif HTTPS
  private var values = InlineArray<27, Value>(repeating: Value())
  #elseif LEDGER
  private var values = InlineArray<35, Value>(repeating: Value())
  #else
  private var values = InlineArray<34, Value>(repeating: Value())
  #endif
  #if GATEWAY
  /// The file, with zero bytes inserted after the values.
  private var text = InlineArray<32_769, UInt8>(repeating: 0)
  #else
  /// The file, with zero bytes inserted after the values.
  private var text = InlineArray<8_193, UInt8>(repeating: 0)
  #endif

  private struct Value {
    var start: UInt16 = 0
    var end: UInt16 = 0
    /// 0 if the key is not given.
    var line: UInt16 = 0
  }

  /// Starts empty.
  package init(_ arguments: Arguments) { self.arguments = arguments }

  /// Reads the file's lines; values are checked by their users.
  package mutating func read() {
    var room = text.mutableSpan
    let count = PrivateInput.read(arguments.pathForC, into: &room, .unreadableConfiguration)
    if count > Self.maxCount { refuse(0, Span(), .tooManyBytes, Span()) }
    var start = 0
    var line = 1
    while start < count {
      var end = start
      while end < count, text[end] != 0x0A { end &+= 1 }
      // Overwrites a blank, the line end, or the byte after the file.
      text[take(start..<end, line: line)] = 0
      start = end &+ 1
      line &+= 1
    }
  }

  /// Parses a line and returns the end of its value.
  private mutating func take(_ range: Range<Int>, line: Int) -> Int {
    let range = text.span.trimmed(range)
    if range.isEmpty || text[range.lowerBound] == UInt8(ascii: "#") { return range.upperBound }
    var equals = range.lowerBound
    while equals < range.upperBound, text[equals] != UInt8(ascii: "=") { equals &+= 1 }
    if equals == range.upperBound { refuse(line, Span(), .noKeyAndValue, Span()) }
    let name = text.span.extracting(text.span.trimmed(range.lowerBound..<equals))
    guard let key = ConfigurationKey(name) else {
      #if MQTT || HTTPS
      if ConfigurationKey.isOther(name) { ConfigurationKey.refuseOther(name, line, arguments.path) }
      #endif
      refuse(line, Span(), .unknownKey, name)
    }
    let index = Int(key.rawValue)
    #if GATEWAY
    let isRepeated = key == .subDevice
    #else
    let isRepeated = false
    #endif
    if values[index].line != 0, !isRepeated { refuse(line, Span(), .givenTwice, name) }
    let value = text.span.trimmed((equals &+ 1)..<range.upperBound)
    if value.isEmpty { refuse(line, Span(), .noValue, name) }
    for index in value where text[index] == UInt8(ascii: "#") && text[index &- 1].isBlank {
      refuse(line, name, .comment, Span())
    }
    values[index] = Value(
      start: UInt16(truncatingIfNeeded: value.lowerBound),
      end: UInt16(truncatingIfNeeded: value.upperBound),
      line: UInt16(truncatingIfNeeded: line)
    )
    #if GATEWAY
    // Of at least 18 bytes each: the file has no room for more.
    if isRepeated, subDeviceCount < subDevices.count {
      subDevices[subDeviceCount] = values[index]
      subDeviceCount += 1
    }
    #endif
    return value.upperBound
  }

  #if GATEWAY
  /// A sub-device's value, and its line.
  @_lifetime(borrow self)
  func subDevice(_ index: Int) -> SubDeviceText {
    let value = subDevices[index]
    return SubDeviceText(
      text: text.span.extracting(Int(value.start)..<Int(value.end)),
      line: Int(value.line)
    )
  }
  #endif

  /// Whether the key is given.
  package func has(_ key: ConfigurationKey) -> Bool { line(of: key) != 0 }

  /// The number of the key's line, counted from 1; 0 if it is not given.
  package func line(of key: ConfigurationKey) -> Int { Int(values[Int(key.rawValue)].line) }

  /// The value of a key; empty if it is not given.
  @_lifetime(borrow self)
  package func bytes(_ key: ConfigurationKey) -> Span<UInt8> {
    let value = values[Int(key.rawValue)]
    return text.span.extracting(Int(value.start)..<Int(value.end))
  }

  /// Ends the process unless the key is given.
  func require(_ key: ConfigurationKey) {
    if !has(key) { refuse(0, Span(), .missing, key.name) }
  }

  #if GATEWAY
  /// Ends the process because a key is given and the one that it belongs to is not.
  func require(_ other: ConfigurationKey, for key: ConfigurationKey) -> Never {
    refuse(line(of: key), key.name, .needs, other.name)
  }
  #endif

  /// A number within the limits that `ConfigurationKey.values` begins with.
  package func number(_ key: ConfigurationKey, default: UInt64) -> UInt64 {
    guard has(key) else { return `default` }
    guard let value = bytes(key).decimal,
      let least = key.values.word(0, by: 0x20).decimal,
      let most = key.values.word(2, by: 0x20).decimal,
      value >= least, value <= most
    else { refuse(key) }
    return value
  }

  /// The index of the value among the key's allowed words; 0 if the key is not given.
  @inline(never)
  package func choice(_ key: ConfigurationKey) -> Int {
    guard has(key) else { return 0 }
    guard let index = bytes(key).index(in: key.values) else { refuse(key) }
    return index
  }

  /// A file's mode in octal digits.
  @inline(never)
  func mode(_ key: ConfigurationKey, default: UInt32) -> UInt32 {
    guard has(key) else { return `default` }
    let digits = bytes(key)
    var mode: UInt32 = 0
    for index in digits.indices {
      guard digits[index] & 0xF8 == 0x30, index < 4 else { refuse(key) }
      mode = mode << 3 | UInt32(digits[index] & 7)
    }
    // Its owner is this program.
    guard mode >= 0o600, mode <= 0o777, mode & 0o600 == 0o600 else { refuse(key) }
    return mode
  }

  /// The number of an existing group.
  @inline(never)
  func group(_ key: ConfigurationKey) -> UInt32 {
    guard has(key) else { return .max }
    if let number = bytes(key).decimal, number < UInt64(UInt32.max) { return UInt32(number) }
    // SAFETY: the value ends with a zero byte.
    let group = unsafe path(key).withUnsafeBytes {
      unsafe nbiot_find_group($0.bindMemory(to: CChar.self).baseAddress)
    }
    if group == .max { refuse(key, .noGroup) }
    return group
  }

  /// A value as a path, with a terminating zero byte.
  @inline(never)
  @_lifetime(borrow self)
  package func path(_ key: ConfigurationKey) -> Span<UInt8> {
    let value = values[Int(key.rawValue)]
    let path = text.span.extracting(Int(value.start)...Int(value.end))
    if path.count > Self.maxPath &+ 1 || path[0] == UInt8(ascii: "\"") { refuse(key) }
    return path
  }

  /// Ends the process because of an invalid value of a key.
  @inline(never)
  func refuse(_ key: ConfigurationKey) -> Never {
    refuse(Int(values[Int(key.rawValue)].line), key.name, .takes, key.values)
  }

  /// Ends the process because of a problem with a key's value.
  @inline(never)
  func refuse(_ key: ConfigurationKey, _ problem: Phrase) -> Never {
    refuse(Int(values[Int(key.rawValue)].line), key.name, problem, Span())
  }

  /// Ends the process with a message in a compiler's form: file, line, unless it is 0, and what to
  /// do.
  @inline(never)
  private func refuse(
    _ number: Int,
    _ subject: Span<UInt8>,
    _ problem: Phrase,
    _ object: Span<UInt8>
  ) -> Never {
    var line = TextLine()
    line.add(.error)
    line.add(arguments.path)
    if number > 0 { line.add(.colon, UInt64(number)) }
    line.add(.colonAndSpace)
    line.add(subject)
    line.add(problem)
    line.add(object)
    fail(.usage, &line)
  }
}

#if GATEWAY
/// A value of the key for sub-devices.
struct SubDeviceText: ~Escapable {
  let text: Span<UInt8>
  let line: Int

  @_lifetime(copy text)
  init(text: Span<UInt8>, line: Int) {
    self.text = text
    self.line = line
  }
}
#endif

extension Span where Element == UInt8 {
  /// The bytes as a decimal number.
  @inline(never)
  var decimal: UInt64? {
    var value: UInt64 = 0
    guard count > 0, count <= 19 else { return nil }
    for index in indices {
      guard self[index] >= 0x30, self[index] <= 0x39 else { return nil }
      value = value * 10 + UInt64(self[index] - 0x30)
    }
    return value
  }

  /// The index of the bytes among words separated by `|`.
  @inline(never)
  func index(in words: Span<UInt8>) -> Int? {
    var index = 0
    while true {
      let word = words.word(index, by: UInt8(ascii: "|"))
      if word.isEmpty { return nil }
      if isEqual(to: word) { return index }
      index += 1
    }
  }

  /// The word at that index, counted from 0; empty after the last.
  @inline(never)
  @_lifetime(copy self)
  func word(_ number: Int, by separator: UInt8) -> Span<UInt8> {
    var index = number
    var start = 0
    var end = 0
    while end < count {
      if self[end] == separator {
        if index == 0 { break }
        index -= 1
        start = end + 1
      }
      end += 1
    }
    return index == 0 ? extracting(start..<end) : extracting(first: 0)
  }
}

extension StaticString {
  /// The word of that number, counted from 0, of some words; empty behind the last.
  @inline(never)
  @_lifetime(immortal)
  func word(_ number: Int, by separator: UInt8 = UInt8(ascii: "|")) -> Span<UInt8> {
    Span(self).word(number, by: separator)
  }
}

extension UInt8 {
  /// Whether it is a space, a tab or a carriage return.
  var isBlank: Bool { self == 0x20 || self == 0x09 || self == 0x0D }
}
