internal import AliyunIoT
internal import CBORPayload
internal import CPOSIX
internal import ConstrainedCore
internal import PayloadCoding

/// A report as a line of input asks for it: `PAYLOAD`, `TOPIC<TAB>PAYLOAD`, or, before the tab and apart
/// from the topic by a space, `priority=N` and `ttl=SECONDS`.
struct ReportLine {
  /// Without bytes where none is given.
  var topic: Topic
  var priority: UInt8
  /// Seconds; 0 for ever.
  var ttl: UInt64
  /// Where in the line the payload stands.
  var payload: Range<Int>
}

/// Why a line is no report.
enum LineError: UInt8, Error {
  case tooLong, noTopic, topic, option, payload, notJSON

  /// One word of it for the result line.
  var name: Span<UInt8> {
    @_lifetime(immortal)
    get {
      let names: StaticString = "too-long|no-topic|bad-topic|bad-option|no-payload|not-json"
      return names.word(Int(rawValue))
    }
  }
}

extension ReportLine {
  /// Reads a line without its end; `standard` has what the line does not say.
  init(
    _ line: Span<UInt8>,
    standard: LineSettings,
    topic standardTopic: Span<UInt8>
  ) throws(LineError) {
    var tab = 0
    // JSON may contain tabs between its tokens: a line that starts like a payload is one.
    let hasHead =
      line.count > 0 && (line[0] == UInt8(ascii: "/") || line[0].isLetter || line[0] == 0x09)
    if hasHead { while tab < line.count, line[tab] != 0x09 { tab += 1 } }
    priority = standard.priority
    ttl = standard.ttl
    topic = Topic()
    if hasHead, tab < line.count {
      var start = 0
      while start < tab {
        var end = start
        while end < tab, line[end] != 0x20 { end += 1 }
        try Self.take(line.extracting(start..<end), &topic, &priority, &ttl)
        start = end + 1
      }
      payload = (tab + 1)..<line.count
    } else {
      payload = 0..<line.count
    }
    guard !payload.isEmpty else { throw .payload }
    if topic.bytes.isEmpty {
      // It was checked at the start: it is a topic, or is not given.
      do throws(TopicError) { topic = try Topic(standardTopic) } catch { throw .noTopic }
    }
  }

  private static func take(
    _ word: Span<UInt8>,
    _ topic: inout Topic,
    _ priority: inout UInt8,
    _ ttl: inout UInt64
  ) throws(LineError) {
    if word.isEmpty { return }
    if word[0] == UInt8(ascii: "/") {
      do throws(TopicError) { topic = try Topic(word) } catch { throw .topic }
    } else if word.starts(with: "priority="), let value = word.extracting(droppingFirst: 9).decimal,
      value <= 7
    {
      priority = UInt8(truncatingIfNeeded: value)
    } else if word.starts(with: "ttl="), let value = word.extracting(droppingFirst: 4).decimal,
      value <= 1_000_000_000
    {
      ttl = value
    } else {
      throw .option
    }
  }
}

/// What holds for lines that say nothing else, and what is done with their payloads.
struct LineSettings {
  var priority: UInt8 = 0
  /// Seconds; 0 for ever.
  var ttl: UInt64 = 0
  var isCBOR = false
  var coalescing = Coalescing.off

  /// Which reports replace earlier ones that still wait.
  enum Coalescing: UInt8 {
    /// None.
    case off
    /// Those to the same topic.
    case topic
    /// Those to the same topic with the same names: of the object, or of its member `params`.
    case names
  }
}

extension LineSettings {
  /// Writes the payload as it goes to the platform into `output`: the id put in for each `placeholder`, unless
  /// that is empty, and as CBOR where that is wanted.
  func writePayload(
    _ text: Span<UInt8>,
    placeholder: Span<UInt8>,
    id: UInt64,
    into output: inout FixedBytes<1_024>
  ) throws(LineError) {
    var filled = FixedBytes<4_097>()
    do throws(CapacityError) {
      try filled.write { (writer: inout ByteWriter) throws(CapacityError) in
        try fill(text, placeholder, id, &writer)
        try writer.append(0)
      }
      if !isCBOR { return try output.replace(with: filled.bytes.extracting(droppingLast: 1)) }
    } catch {
      throw .tooLong
    }
    try convert(filled.bytes, into: &output)
  }

  private func fill(
    _ text: Span<UInt8>,
    _ mark: Span<UInt8>,
    _ id: UInt64,
    _ writer: inout ByteWriter
  ) throws(CapacityError) {
    var index = 0
    while index < text.count {
      if !mark.isEmpty, index + mark.count <= text.count,
        text.extracting(index..<(index + mark.count)).isEqual(to: mark)
      {
        try writer.append(decimal: id)
        index += mark.count
      } else {
        try writer.append(text[index])
        index += 1
      }
    }
  }

  /// Makes CBOR of JSON with a zero byte at its end.
  private func convert(
    _ json: Span<UInt8>,
    into output: inout FixedBytes<1_024>
  ) throws(LineError) {
    var reader = JSONReader(json.extracting(droppingLast: 1))
    var text = FixedBytes<1_024>()
    try output.fill { (storage: consuming MutableSpan<UInt8>) throws(LineError) in
      var writer = CBORWriter(storage)
      while let token = try Self.next(&reader, of: json) {
        do throws(CapacityError) {
          switch token {
          case .beginObject: try writer.beginObject()
          case .beginArray: try writer.beginArray()
          case .endObject: try writer.endObject()
          case .endArray: try writer.endArray()
          case .key(let range), .string(let range):
            try text.write { (bytes: inout ByteWriter) throws(CapacityError) in
              try reader.copyString(range, into: &bytes)
            }
            try writer.string(text.bytes)
          case .number(let range):
            if let value = reader.integer(range) {
              try writer.integer(value)
            } else if let value = reader.unsigned(range) {
              try writer.unsigned(value)
            } else {
              // SAFETY: the text from there on ends with a zero byte.
              try writer.double(unsafe Self.double(json, at: range.lowerBound))
            }
          case .boolean(let value): try writer.boolean(value)
          case .null: try writer.null()
          }
        } catch {
          throw .tooLong
        }
      }
      return writer.count
    }
  }

  /// The number at a place of JSON that ends with a zero byte: no byte that may follow a number in JSON
  /// goes on with it in C.
  @unsafe
  private static func double(_ json: Span<UInt8>, at offset: Int) -> Double {
    unsafe json.extracting(droppingFirst: offset).withUnsafeBytes {
      unsafe $0.bindMemory(to: CChar.self).baseAddress.map { unsafe strtod($0, nil) } ?? 0
    }
  }

  private static func next(
    _ reader: inout JSONReader,
    of json: Span<UInt8>
  ) throws(LineError) -> JSONToken? {
    let token: JSONToken?
    do throws(JSONError) { token = try reader.next() } catch { throw .notJSON }
    // SAFETY: the text from there on ends with a zero byte.
    if case .number(let range) = token, unsafe !double(json, at: range.lowerBound).isFinite {
      throw .notJSON
    }
    return token
  }

  /// What a report replaces: an earlier one with the same key; 0 for none.
  func key(of topic: borrowing Topic, payload: Span<UInt8>) -> UInt64 {
    guard coalescing != .off else { return 0 }
    var hash = Fingerprint()
    hash.add(topic.bytes.bytes)
    if coalescing == .names { addNames(of: payload, to: &hash) }
    return hash.value | 1
  }

  private func addNames(of payload: Span<UInt8>, to hash: inout Fingerprint) {
    var reader = JSONReader(payload)
    var depth = 0
    var inner = 1
    do throws(JSONError) {
      while let token = try reader.next() {
        switch token {
        case .beginObject: depth += 1
        case .endObject: depth -= 1
        case .key(let range) where depth == 1 && reader.string(range, equals: "params"): inner = 2
        case .key(let range) where depth == inner: hash.add(payload.extracting(range))
        default: break
        }
      }
    } catch {
      // No JSON: it has no names, and goes alone.
      hash.add(payload)
    }
  }
}

/// A short fingerprint of some bytes (FNV-1a with 64 bits).
struct Fingerprint {
  private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

  mutating func add(_ bytes: Span<UInt8>) {
    for index in bytes.indices { add(bytes[index]) }
    // No byte of UTF-8: so that "ab" and "c" are not "a" and "bc".
    add(0xFF)
  }

  private mutating func add(_ byte: UInt8) {
    value = (value ^ UInt64(byte)) &* 0x100_0000_01B3
  }
}

extension Span where Element == UInt8 {
  fileprivate func starts(with text: StaticString) -> Bool {
    count >= text.utf8CodeUnitCount
      && extracting(0..<text.utf8CodeUnitCount).isSame(as: text)
  }
}

extension UInt8 {
  fileprivate var isLetter: Bool {
    self | 0x20 >= UInt8(ascii: "a") && self | 0x20 <= UInt8(ascii: "z")
  }
}
