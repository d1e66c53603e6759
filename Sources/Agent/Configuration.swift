internal import ConstrainedCore

/// A key of the configuration file; `packaging/nbiot-agent.conf` documents each.
enum ConfigurationKey: UInt8 {
  case productKey, deviceName, deviceSecretFile, stateDirectory
  case endpoint, security, caFile, serverName, dtlsKey, clientID, signMethod, accept, timing
  case tokenOption, tokenLifetime
  case topic, format, idPlaceholder, priority, ttl, coalesce
  case outboxBytes, whenFull, reserve, retry, retryLimit
  case socket, hintCommand

  /// How many there are.
  static var count: UInt8 { hintCommand.rawValue + 1 }

  /// How it is written.
  var name: StaticString {
    switch self {
    case .productKey: "product-key"
    case .deviceName: "device-name"
    case .deviceSecretFile: "device-secret-file"
    case .stateDirectory: "state-directory"
    case .endpoint: "endpoint"
    case .security: "security"
    case .caFile: "ca-file"
    case .serverName: "server-name"
    case .dtlsKey: "dtls-key"
    case .clientID: "client-id"
    case .signMethod: "sign-method"
    case .accept: "accept"
    case .timing: "timing"
    case .tokenOption: "token-option"
    case .tokenLifetime: "token-lifetime"
    case .topic: "topic"
    case .format: "format"
    case .idPlaceholder: "id-placeholder"
    case .priority: "priority"
    case .ttl: "ttl"
    case .coalesce: "coalesce"
    case .outboxBytes: "outbox-bytes"
    case .whenFull: "when-full"
    case .reserve: "reserve"
    case .retry: "retry"
    case .retryLimit: "retry-limit"
    case .socket: "socket"
    case .hintCommand: "hint-command"
    }
  }

  @inline(never)
  fileprivate init?(_ bytes: Span<UInt8>) {
    for value in 0..<Self.count {
      guard let key = Self(rawValue: value), bytes.isSame(as: key.name) else { continue }
      self = key
      return
    }
    return nil
  }
}

/// What a configuration file says: `key = value` lines, comments after `#` at a line's start.
///
/// What is wrong in it ends the process, with a line that says where and what to do.
struct Configuration {
  /// The longest file, in bytes.
  static var maxCount: Int { 8_192 }

  private var text = FixedBytes<8_192>()
  private var values = InlineArray<28, Value>(repeating: Value())
  private let path: FixedBytes<256>

  private struct Value {
    var start: UInt16 = 0
    var end: UInt16 = 0
    /// 0 where the key is not given.
    var line: UInt16 = 0
  }

  /// Reads the file at `path`, which ends with a zero byte.
  init(file path: FixedBytes<256>) {
    var text = InlineArray<8_193, UInt8>(repeating: 0)
    var room = text.mutableSpan
    guard let length = PrivateInput.read(path.bytes, into: &room, isSecret: false) else {
      fail("the configuration file cannot be read", path.bytes.extracting(droppingLast: 1))
    }
    self.init(room.span.extracting(0..<length), path: path)
  }

  /// Reads the lines; what a value means is looked at by who asks for it.
  init(_ bytes: Span<UInt8>, path: FixedBytes<256>) {
    self.path = path
    text.write { (writer: inout ByteWriter) in try? writer.append(bytes) }
    if text.count < bytes.count { refuse(0, "the file has more than 8192 bytes") }
    var start = 0
    var line = 1
    while start < bytes.count {
      var end = start
      while end < bytes.count, bytes[end] != 0x0A { end += 1 }
      take(start..<end, line: line)
      start = end + 1
      line += 1
    }
  }

  private mutating func take(_ range: Range<Int>, line: Int) {
    let range = text.bytes.trimmed(range)
    guard !range.isEmpty, text.bytes[range.lowerBound] != UInt8(ascii: "#") else { return }
    var equals = range.lowerBound
    while equals < range.upperBound, text.bytes[equals] != UInt8(ascii: "=") { equals += 1 }
    if equals == range.upperBound { refuse(line, "no `key = value`") }
    let name = text.bytes.trimmed(range.lowerBound..<equals)
    guard let key = ConfigurationKey(text.bytes.extracting(name)) else {
      refuse(line, "unknown key ", name)
    }
    let index = Int(key.rawValue)
    if values[index].line != 0 { refuse(line, "given twice: ", name) }
    let value = text.bytes.trimmed((equals + 1)..<range.upperBound)
    if value.isEmpty { refuse(line, "no value for ", name) }
    values[index] = Value(
      start: UInt16(truncatingIfNeeded: value.lowerBound),
      end: UInt16(truncatingIfNeeded: value.upperBound),
      line: UInt16(truncatingIfNeeded: line)
    )
  }

  /// Whether the key is given.
  func has(_ key: ConfigurationKey) -> Bool { values[Int(key.rawValue)].line != 0 }

  /// The value of a key; empty when it is not given.
  @_lifetime(borrow self)
  @_addressableSelf
  func bytes(_ key: ConfigurationKey) -> Span<UInt8> {
    let value = values[Int(key.rawValue)]
    return text.bytes.extracting(Int(value.start)..<Int(value.end))
  }

  /// Ends the process unless the key is given.
  @inline(never)
  func require(_ key: ConfigurationKey) {
    if has(key) { return }
    var line = start(0)
    line.add("missing: ")
    line.add(key.name)
    fail(.usage, line)
  }

  /// A number from `least` to `most`.
  @inline(never)
  func number(
    _ key: ConfigurationKey,
    default: UInt64,
    from least: UInt64,
    to most: UInt64
  ) -> UInt64 {
    guard has(key) else { return `default` }
    guard let value = bytes(key).decimal, value >= least, value <= most else { refuse(key) }
    return value
  }

  /// Which of the words in `words`, separated by `|`, the value is, counted from 0; 0 when the key is not
  /// given.
  @inline(never)
  func choice(_ key: ConfigurationKey, _ words: StaticString) -> Int {
    guard has(key) else { return 0 }
    guard let index = bytes(key).index(in: words) else { refuse(key) }
    return index
  }

  /// A value as a path, with a zero byte at its end.
  @inline(never)
  func path(_ key: ConfigurationKey) -> FixedBytes<256> {
    var path = FixedBytes<256>()
    if bytes(key).count > 255 { refuse(key) }
    path.write { (writer: inout ByteWriter) in
      try? writer.append(bytes(key))
      try? writer.append(0)
    }
    return path
  }

  /// Ends the process because a key's value is not one that it takes, as a compiler does: file, line, what
  /// to do.
  @inline(never)
  func refuse(_ key: ConfigurationKey) -> Never {
    var line = start(Int(values[Int(key.rawValue)].line))
    line.add(key.name)
    line.add(" takes ")
    line.add(key.values)
    fail(.usage, line)
  }

  @inline(never)
  private func refuse(
    _ number: Int,
    _ problem: StaticString,
    _ name: Range<Int> = 0..<0
  ) -> Never {
    var line = start(number)
    line.add(problem)
    line.add(text.bytes.extracting(name))
    fail(.usage, line)
  }

  private func start(_ number: Int) -> TextLine {
    var line = TextLine("error ")
    line.add(path.bytes.extracting(droppingLast: 1))
    if number > 0 { line.add(":", UInt64(number)) }
    line.add(": ")
    return line
  }
}

extension Span where Element == UInt8 {
  /// Whether the bytes are those of a literal; not inlined, for there are many of them.
  @inline(never)
  func isSame(as text: StaticString) -> Bool { isEqual(to: text) }

  /// The decimal number that the bytes are.
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

  /// A part of the bytes without the blanks at its ends.
  @inline(never)
  func trimmed(_ range: Range<Int>) -> Range<Int> {
    var (start, end) = (range.lowerBound, range.upperBound)
    while start < end, self[start].isBlank { start += 1 }
    while end > start, self[end - 1].isBlank { end -= 1 }
    return start..<end
  }

  /// Which of some words, separated by `|`, the bytes are.
  fileprivate func index(in words: StaticString) -> Int? {
    var index = 0
    var matched = 0
    for offset in 0...words.utf8CodeUnitCount {
      // SAFETY: within the literal, whose bytes live as long as the program.
      let byte =
        offset < words.utf8CodeUnitCount
        ? unsafe words.utf8Start[offset] : UInt8(ascii: "|")
      if byte == UInt8(ascii: "|") {
        if matched == count { return index }
        index += 1
        matched = 0
      } else if matched >= 0, matched < count, self[matched] == byte {
        matched += 1
      } else {
        matched = -1
      }
    }
    return nil
  }
}

extension UInt8 {
  /// A space, a tab or a carriage return.
  var isBlank: Bool { self == 0x20 || self == 0x09 || self == 0x0D }
}
