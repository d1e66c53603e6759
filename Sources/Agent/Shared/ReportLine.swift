// SPDX-License-Identifier: Apache-2.0
internal import CBORPayload
internal import CPOSIX
internal import ConstrainedCore
internal import PayloadCoding
internal import Platform

/// A report from a line of input: `PAYLOAD`, `TOPIC<TAB>PAYLOAD`, or with `priority=N` and
/// `ttl=SECONDS` before the tab, separated from the topic by a space.
///
/// The value is filled in place: a copy of it would be 1.2 KB.
struct ReportLine {
  private(set) var priority: UInt8 = 0
  /// The lifetime in seconds; 0 for no limit.
  private(set) var ttl: UInt64 = 0
  /// The coalescing key: an earlier report with the same key is replaced; 0 for none.
  private(set) var key: UInt64 = 0
  /// Without bytes where none is given.
  private(set) var topic = Topic()
  /// Where the payload begins in the line.
  private(set) var start = 0
  private var count = 0
  private var storage = InlineArray<1_024, UInt8>(repeating: 0)

  /// The payload in CBOR, where that is wanted.
  var cbor: Span<UInt8> {
    @_lifetime(borrow self)
    get { storage.span.extracting(0..<count) }
  }
}

/// What became of a line: `nothing` of an empty one, else its report was accepted, or why it is no report;
/// `full` and `disk` when it is one, but cannot be kept.
enum LineOutcome: UInt8 {
  case nothing, accepted, tooLong, noTopic, topic, option, payload, notJSON, full, disk
  #if GATEWAY
  case device, shutOut
  #endif

  /// Whether there is no report, although the line is not empty.
  var isRefusal: Bool { self != .nothing && self != .accepted }

  /// The phrase of the result line.
  var phrase: Phrase {
    switch self {
    case .nothing, .accepted: .accepted
    case .tooLong: .tooLong
    case .noTopic: .noTopic
    case .topic: .badTopic
    case .option: .badOption
    case .payload: .noPayload
    case .notJSON: .notJSON
    case .full: .full
    case .disk: .disk
    #if GATEWAY
    case .device: .unknownDevice
    case .shutOut: .shutOutDevice
    #endif
    }
  }
}

/// The defaults for lines, and the treatment of their payloads.
struct LineSettings {
  /// The lifetime in seconds; 0 for no limit.
  var ttl: UInt64 = 0
  var priority: UInt8 = 0
  #if MQTT || HTTPS
  /// Payloads go as they are.
  var isCBOR: Bool { false }
  #else
  var isCBOR = false
  #endif
  var coalescing = Coalescing.off

  /// Which reports replace earlier ones that still wait.
  enum Coalescing: UInt8 {
    /// None.
    case off
    /// Reports to the same topic.
    case topic
    /// Reports to the same topic with the same names, in the object or in its member `params`.
    case names
  }
}

extension ReportLine {
  /// Reads a line without its end; `accepted` where it is a report.
  ///
  /// `settings` and `configuration` have what it does not say.
  ///
  /// Where CBOR is wanted it is made of the payload, with `id` for each placeholder.
  mutating func read(
    _ line: Span<UInt8>,
    _ settings: LineSettings,
    _ configuration: borrowing Configuration,
    id: UInt64
  ) -> LineOutcome {
    priority = settings.priority
    ttl = settings.ttl
    #if GATEWAY
    let names = line.subDevice
    let offset = names.isEmpty ? 0 : names.count &+ 1
    defer { start &+= offset }
    let line = line.extracting(droppingFirst: offset)
    #endif
    // JSON may contain tabs between its tokens: a line that starts like a payload is one.
    if line.count > 0, line[0] == UInt8(ascii: "/") || line[0].isLetter || line[0] == 0x09 {
      var tab = 0
      while tab < line.count, line[tab] != 0x09 { tab &+= 1 }
      if tab < line.count {
        #if GATEWAY
        let outcome = readHead(line.extracting(0..<tab), of: names)
        #else
        let outcome = readHead(line.extracting(0..<tab))
        #endif
        if outcome != .accepted { return outcome }
        start = tab &+ 1
      }
    }
    let content = line.extracting(start..<line.count)
    if content.isEmpty { return .payload }
    #if GATEWAY
    if topic.bytes.isEmpty, !names.isEmpty {
      let own = configuration.bytes(.topic).path(
        of: configuration.bytes(.productKey),
        configuration.bytes(.deviceName)
      )
      guard readTopic(own, of: names) else { return .noTopic }
    }
    #endif
    if topic.bytes.isEmpty, !readTopic(configuration.bytes(.topic)) { return .noTopic }
    if settings.coalescing != .off { makeKey(content, hasNames: settings.coalescing == .names) }
    return settings.isCBOR
      ? makeCBOR(content, configuration.bytes(.idPlaceholder), id) : .accepted
  }

  @inline(never)
  private mutating func readTopic(_ bytes: Span<UInt8>) -> Bool {
    do throws(TopicError) { topic = try Topic(bytes) } catch { return false }
    return true
  }

  #if GATEWAY
  /// Makes a sub-device's topic of a short one: `thing/…` is below `/sys/PK/DN`, all else below `/PK/DN`.
  private mutating func readTopic(_ short: Span<UInt8>, of names: Span<UInt8>) -> Bool {
    var whole = FixedBytes<256>()
    do throws(CapacityError) {
      if short.isEmpty { return false }
      try whole.write { (writer: inout ByteWriter) throws(CapacityError) in
        try writer.append(short.starts(with: Span("thing/")) ? "/sys/" : "/" as StaticString)
        try writer.append(names)
        try writer.append("/")
        try writer.append(short)
      }
    } catch {
      return false
    }
    return readTopic(whole.bytes)
  }

  /// Reads what stands before the tab, of a sub-device where there are names.
  private mutating func readHead(_ head: Span<UInt8>, of names: Span<UInt8>) -> LineOutcome {
    var rest = InlineArray<512, UInt8>(repeating: 0)
    var writer = ByteWriter(rest.mutableSpan)
    var start = 0
    while start < head.count, !names.isEmpty {
      var end = start
      while end < head.count, head[end] != 0x20 { end &+= 1 }
      let word = head.extracting(start..<end)
      start = end &+ 1
      if word.contains(UInt8(ascii: "/")), word[0] != UInt8(ascii: "/") {
        guard topic.bytes.isEmpty, readTopic(word, of: names) else { return .topic }
        continue
      }
      do throws(CapacityError) {
        try writer.append(word)
        try writer.append(0x20)
      } catch {
        return .option
      }
    }
    if names.isEmpty { return readHead(head) }
    let count = writer.count
    return readHead(rest.span.extracting(0..<count))
  }
  #endif

  /// Reads what stands before the tab.
  @inline(never)
  private mutating func readHead(_ head: Span<UInt8>) -> LineOutcome {
    var start = 0
    while start < head.count {
      var end = start
      while end < head.count, head[end] != 0x20 { end &+= 1 }
      let word = head.extracting(start..<end)
      start = end &+ 1
      if word.isEmpty { continue }
      if word[0] == UInt8(ascii: "/") {
        guard readTopic(word) else { return .topic }
      } else if let value = word.number(after: "priority="), value <= 7 {
        priority = UInt8(truncatingIfNeeded: value)
      } else if let value = word.number(after: "ttl="), value <= 1_000_000_000 {
        ttl = value
      } else {
        return .option
      }
    }
    return .accepted
  }

  /// Makes CBOR of the content with the id for each mark, unless that is empty.
  @inline(never)
  private mutating func makeCBOR(
    _ content: Span<UInt8>,
    _ mark: Span<UInt8>,
    _ id: UInt64
  ) -> LineOutcome {
    // With a zero byte at its end.
    var text = InlineArray<4_097, UInt8>(repeating: 0)
    var json = ByteWriter(text.mutableSpan)
    do throws(CapacityError) {
      try json.append(content, replacing: mark, with: id)
      try json.append(0)
    } catch {
      return .tooLong
    }
    var reader = JSONReader(json.written.extracting(droppingLast: 1))
    var writer = CBORWriter(storage.mutableSpan)
    var room = InlineArray<1_024, UInt8>(repeating: 0)
    do throws(JSONError) {
      while let read = try reader.next() {
        guard let token = payloadToken(read, from: reader, of: json.written) else {
          return .notJSON
        }
        do throws(CapacityError) {
          try writer.write(token, from: reader, scratch: room.mutableSpan)
        } catch {
          return .tooLong
        }
      }
    } catch {
      return .notJSON
    }
    count = writer.count
    return .accepted
  }

  /// Computes the key from the topic, and from the names if configured.
  private mutating func makeKey(_ content: Span<UInt8>, hasNames: Bool) {
    var hash = FNVHash()
    hash.addWord(topic.bytes.bytes)
    if hasNames { hash.addNames(of: content) }
    key = hash.value | 1
  }
}

/// The next token of JSON that ends with a zero byte; `nil` for a number beyond the largest Double.
///
/// strtod parses fractions, so that the agent does not link the reader's own conversion.
@inline(never)
private func payloadToken(
  _ token: JSONToken,
  from reader: borrowing JSONReader,
  of json: Span<UInt8>
) -> PayloadToken? {
  guard case .number(let range) = token else { return PayloadToken(token) }
  if let value = reader.integer(range) { return .integer(value) }
  if let value = reader.unsigned(range) { return .unsigned(value) }
  // SAFETY: the JSON ends with a zero byte.
  let value = unsafe double(json, at: range.lowerBound)
  return value.isFinite ? .double(value) : nil
}

/// The number at an offset of JSON that ends with a zero byte.
///
/// In C no byte that may follow a number in JSON continues it.
@unsafe
@inline(never)
private func double(_ json: Span<UInt8>, at offset: Int) -> Double {
  unsafe json.extracting(droppingFirst: offset).withUnsafeBytes {
    unsafe $0.bindMemory(to: CChar.self).baseAddress.map { unsafe strtod($0, nil) } ?? 0
  }
}

extension FNVHash {
  /// Adds bytes, and behind them one that is none of UTF-8, so that "ab" and "c" differ from "a" and "bc".
  @inline(never)
  fileprivate mutating func addWord(_ bytes: Span<UInt8>) {
    add(bytes)
    add(0xFF)
  }

  /// Adds the names in a JSON object, or in its member `params`.
  fileprivate mutating func addNames(of json: Span<UInt8>) {
    var reader = JSONReader(json)
    var depth = 0
    var inner = 1
    do throws(JSONError) {
      while let token = try reader.next() {
        switch token {
        case .beginObject: depth &+= 1
        case .endObject: depth &-= 1
        case .key(let range) where depth == 1 && reader.string(range, equals: "params"): inner = 2
        case .key(let range) where depth == inner: addWord(json.extracting(range))
        default: break
        }
      }
    } catch {
      // Not JSON: it has no names, and has its own key.
      addWord(json)
    }
  }
}

extension Span where Element == UInt8 {
  @inline(never)
  func starts(with bytes: Span<UInt8>) -> Bool {
    count >= bytes.count && extracting(0..<bytes.count).isEqual(to: bytes)
  }

  /// The number after `name`; `nil` if the bytes are anything else.
  @inline(never)
  fileprivate func number(after name: StaticString) -> UInt64? {
    let name = Span(name)
    return starts(with: name) ? extracting(droppingFirst: name.count).decimal : nil
  }
}

#if GATEWAY
extension Span where Element == UInt8 {
  /// `PK/DN` at the start of a line, with a tab behind it; empty where the line does not begin so.
  fileprivate var subDevice: Span<UInt8> {
    @_lifetime(copy self)
    get {
      var slashes = 0
      var index = 0
      while index < count, self[index] != 0x09 {
        let byte = self[index]
        if byte == UInt8(ascii: "/") {
          slashes &+= 1
        } else if !byte.isNameCharacter {
          return extracting(first: 0)
        }
        index &+= 1
      }
      let isWhole = index < count && slashes == 1 && self[0] != UInt8(ascii: "/")
      return extracting(first: isWhole ? index : 0)
    }
  }

  fileprivate func contains(_ byte: UInt8) -> Bool {
    for index in indices where self[index] == byte { return true }
    return false
  }

  /// What follows `/PK/DN/` or `/sys/PK/DN/` in a topic of that device; empty in another one's.
  @_lifetime(copy self)
  fileprivate func path(of productKey: Span<UInt8>, _ deviceName: Span<UInt8>) -> Span<UInt8> {
    let slash = UInt8(ascii: "/")
    let first = starts(with: Span("/sys/")) ? 2 : 1
    let isOwn =
      word(first, by: slash).isEqual(to: productKey)
      && word(first &+ 1, by: slash).isEqual(to: deviceName)
    let start = productKey.count &+ deviceName.count &+ (first == 2 ? 7 : 3)
    return isOwn && start < count ? extracting(droppingFirst: start) : extracting(first: 0)
  }
}
#endif

extension UInt8 {
  #if GATEWAY
  /// Whether a product key or a device name may have it.
  fileprivate var isNameCharacter: Bool {
    switch self {
    case 0x30...0x3A, UInt8(ascii: "_"), UInt8(ascii: "@"), UInt8(ascii: "."), UInt8(ascii: "-"):
      true
    default: isLetter
    }
  }
  #endif

  fileprivate var isLetter: Bool {
    self | 0x20 >= UInt8(ascii: "a") && self | 0x20 <= UInt8(ascii: "z")
  }
}
