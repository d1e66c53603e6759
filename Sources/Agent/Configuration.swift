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

/// Why a configuration cannot be used.
struct ConfigurationError: Error, Equatable {
  /// What is wrong.
  enum Problem: Equatable {
    /// No `=` in the line.
    case noEquals
    /// A key that is not known; from where to where it stands in the file.
    case unknownKey(Range<Int>)
    /// A key that was given before.
    case repeated(ConfigurationKey)
    /// A key without a value.
    case noValue(ConfigurationKey)
    /// A value that is not one of those that the key takes.
    case value(ConfigurationKey)
    /// A key that must be given.
    case missing(ConfigurationKey)
    /// More bytes than `Configuration.maxCount`.
    case tooLong
  }

  let problem: Problem
  /// The line, counted from 1; 0 where it is about none.
  var line = 0
}

/// What a configuration file says: `key = value` lines, comments after `#` at a line's start.
struct Configuration {
  /// The longest file, in bytes.
  static var maxCount: Int { 8_192 }

  private var text = FixedBytes<8_192>()
  private var values = InlineArray<28, Value>(repeating: Value())

  private struct Value {
    var start: UInt16 = 0
    var end: UInt16 = 0
    /// 0 where the key is not given.
    var line: UInt16 = 0
  }

  /// Reads the lines; what a value means is looked at by who asks for it.
  init(_ bytes: Span<UInt8>) throws(ConfigurationError) {
    do throws(CapacityError) {
      try text.replace(with: bytes)
    } catch {
      throw ConfigurationError(problem: .tooLong)
    }
    var start = 0
    var line = 1
    while start < bytes.count {
      var end = start
      while end < bytes.count, bytes[end] != 0x0A { end += 1 }
      try take(start..<end, of: bytes, line: line)
      start = end + 1
      line += 1
    }
  }

  private mutating func take(
    _ range: Range<Int>,
    of bytes: Span<UInt8>,
    line: Int
  ) throws(ConfigurationError) {
    let range = bytes.trimmed(range)
    guard !range.isEmpty, bytes[range.lowerBound] != UInt8(ascii: "#") else { return }
    var equals = range.lowerBound
    while equals < range.upperBound, bytes[equals] != UInt8(ascii: "=") { equals += 1 }
    guard equals < range.upperBound else {
      throw ConfigurationError(problem: .noEquals, line: line)
    }
    let name = bytes.trimmed(range.lowerBound..<equals)
    guard let key = ConfigurationKey(bytes.extracting(name)) else {
      throw ConfigurationError(problem: .unknownKey(name), line: line)
    }
    let index = Int(key.rawValue)
    guard values[index].line == 0 else {
      throw ConfigurationError(problem: .repeated(key), line: line)
    }
    let value = bytes.trimmed((equals + 1)..<range.upperBound)
    guard !value.isEmpty else { throw ConfigurationError(problem: .noValue(key), line: line) }
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

  /// Throws unless the key is given.
  func require(_ key: ConfigurationKey) throws(ConfigurationError) {
    guard has(key) else { throw ConfigurationError(problem: .missing(key)) }
  }

  /// The error that a key's value is not one that it takes.
  func error(_ key: ConfigurationKey) -> ConfigurationError {
    ConfigurationError(problem: .value(key), line: Int(values[Int(key.rawValue)].line))
  }

  /// A number from `least` to `most`.
  @inline(never)
  func number(
    _ key: ConfigurationKey,
    default: UInt64,
    from least: UInt64,
    to most: UInt64
  ) throws(ConfigurationError) -> UInt64 {
    guard has(key) else { return `default` }
    guard let value = bytes(key).decimal, value >= least, value <= most else { throw error(key) }
    return value
  }

  /// Which of the words in `words`, separated by `|`, the value is, counted from 0; 0 when the key is not
  /// given.
  @inline(never)
  func choice(_ key: ConfigurationKey, _ words: StaticString) throws(ConfigurationError) -> Int {
    guard has(key) else { return 0 }
    guard let index = bytes(key).index(in: words) else { throw error(key) }
    return index
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
