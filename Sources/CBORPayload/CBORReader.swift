// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import PayloadCoding

/// Reads one CBOR data item (RFC 8949) token by token from borrowed bytes, with libcbor's streaming
/// decoder and no heap.
///
/// Indefinite lengths are accepted, and tags are skipped: their meaning is left to applications
/// that know them (Section 3.4). Keys must be texts. Byte strings in chunks, unassigned simple
/// values and integers below `Int64.min` have no token and throw. Size: about 1,600 bytes, whatever
/// the item.
public struct CBORReader: ~Escapable, PayloadReader {
  /// The deepest nesting of objects and arrays.
  public static let maxDepth = 32

  /// The deepest nesting in an item read by `init(received:)`.
  public static var maxReceivedDepth: Int { 128 }

  private struct Level {
    var isObject = false
    /// The number of items still to come; -1 if a break ends them.
    var left: Int32 = -1
    /// Whether the next item of an object is a key.
    var expectsKey = false
  }

  private let bytes: Span<UInt8>
  private var offset = 0

  /// The offset of the last token, after its tags, in bytes.
  public private(set) var tokenOffset = 0

  private let depthLimit: Int
  private var levels = InlineArray<128, Level>(repeating: Level())
  private var depth = 0
  private var isComplete = false
  private var failure: CBORError?

  /// Reads `bytes` from their start.
  @_lifetime(copy bytes)
  public init(_ bytes: Span<UInt8>) {
    self.bytes = bytes
    depthLimit = Self.maxDepth
  }

  /// Reads a received item, with up to 128 levels.
  @_lifetime(copy bytes)
  public init(received bytes: Span<UInt8>) {
    self.bytes = bytes
    depthLimit = Self.maxReceivedDepth
  }

  /// The number of bytes read.
  public var position: Int { offset }

  /// The next token; `nil` once the item is complete.
  public mutating func nextToken() throws(CBORError) -> PayloadToken? {
    if let failure { throw failure }
    do throws(CBORError) {
      return try readToken()
    } catch {
      failure = error
      throw error
    }
  }

  /// Appends the UTF-8 bytes of a text or key.
  public func copy(_ text: PayloadText, into output: inout ByteWriter) throws(CapacityError) {
    let start = output.count
    var content = CBORTextBytes(bytes, text)
    do throws(CapacityError) {
      while let piece = content.nextPiece() { try output.append(bytes.extracting(piece)) }
    } catch {
      output.truncate(to: start)
      throw error
    }
  }

  /// The UTF-8 length of a text or key, chunks joined.
  public func byteCount(of text: PayloadText) -> Int {
    var content = CBORTextBytes(bytes, text)
    var count = 0
    while let piece = content.nextPiece() { count += piece.count }
    return count
  }

  /// The number of Unicode scalar values in a text or key, chunks joined.
  public func scalarCount(of text: PayloadText) -> Int {
    var content = CBORTextBytes(bytes, text)
    var count = 0
    while let byte = content.next() {
      if byte & 0xC0 != 0x80 { count += 1 }
    }
    return count
  }

  /// Whether two texts or keys are equal, chunks joined.
  public func isSame(_ text: PayloadText, as other: PayloadText) -> Bool {
    var one = CBORTextBytes(bytes, text)
    var two = CBORTextBytes(bytes, other)
    while true {
      let byte = one.next()
      guard byte == two.next() else { return false }
      if byte == nil { return true }
    }
  }

  private mutating func readToken() throws(CBORError) -> PayloadToken? {
    if isComplete {
      guard offset == bytes.count else { throw .trailingBytes(offset: offset) }
      return nil
    }
    tokenOffset = offset
    if depth > 0, levels[depth - 1].left == 0 { return close() }
    let first = offset
    let head = try readHead()
    let start = offset
    tokenOffset = start
    offset += head.count
    if case .stop = head.kind {
      // RFC 8949 Section 3.2.1: a break is not an item, and a tag must enclose one.
      guard first == start else { throw .unexpectedBreak(offset: start) }
      return try closeAtBreak(start)
    }
    if depth > 0, levels[depth - 1].expectsKey {
      let text = try readText(head, at: start)
      guard let text else { throw .keyIsNoText(offset: start) }
      noteItem()
      return .key(text)
    }
    switch head.kind {
    case .array(let count): return try open(isObject: false, count, at: start)
    case .map(let count): return try open(isObject: true, count, at: start)
    case .indefiniteArray: return try open(isObject: false, nil, at: start)
    case .indefiniteMap: return try open(isObject: true, nil, at: start)
    default: break
    }
    let token: PayloadToken
    if let text = try readText(head, at: start) {
      token = .text(text)
    } else {
      token = try Self.simple(head, at: start)
    }
    noteItem()
    return token
  }

  /// The head of the next item, after its tags.
  private mutating func readHead() throws(CBORError) -> CBORHead {
    while true {
      guard offset < bytes.count else { throw .truncated(offset: offset) }
      let head = try CBORHead(bytes, at: offset)
      guard case .tag = head.kind else { return head }
      offset += head.count
    }
  }

  private static func simple(_ head: CBORHead, at start: Int) throws(CBORError) -> PayloadToken {
    switch head.kind {
    case .unsigned(let value):
      return value <= UInt64(Int64.max) ? .integer(Int64(bitPattern: value)) : .unsigned(value)
    case .negative(let value):
      guard value <= UInt64(Int64.max) else { throw .outOfModel(offset: start) }
      return .integer(~Int64(bitPattern: value))
    case .float(let value): return .double(value)
    case .boolean(let value): return .boolean(value)
    case .null, .undefined: return .null
    case .bytes(let count): return .bytes(start + head.count - count..<start + head.count)
    default: throw .outOfModel(offset: start)
    }
  }

  /// The text that begins with `head`; `nil` if the item is not a text.
  private mutating func readText(
    _ head: CBORHead,
    at start: Int
  ) throws(CBORError) -> PayloadText? {
    switch head.kind {
    case .text(let count):
      let range = offset - count..<offset
      try check(range, at: start)
      return PayloadText(range: range, form: .plain)
    case .indefiniteText:
      let first = offset
      while true {
        guard offset < bytes.count else { throw .truncated(offset: offset) }
        let chunk = try CBORHead(bytes, at: offset)
        let place = offset
        offset += chunk.count
        if case .stop = chunk.kind {
          return PayloadText(range: first..<place, form: .chunked)
        }
        guard case .text(let count) = chunk.kind else { throw .wrongChunk(offset: place) }
        // RFC 8949 Section 3.2.3: each chunk is UTF-8 by itself.
        try check(offset - count..<offset, at: place)
      }
    default: return nil
    }
  }

  private func check(_ range: Range<Int>, at start: Int) throws(CBORError) {
    guard bytes.extracting(range).isUTF8 else { throw .invalidUTF8(offset: start) }
  }

  private mutating func open(
    isObject: Bool,
    _ count: UInt64?,
    at start: Int
  ) throws(CBORError) -> PayloadToken {
    guard depth < depthLimit else { throw .tooDeep(offset: start) }
    var level = Level(isObject: isObject, expectsKey: isObject)
    if let count {
      // Each item takes a byte: reject a count beyond the rest here.
      let most = (bytes.count - offset) / (isObject ? 2 : 1)
      guard count <= UInt64(most) else { throw .truncated(offset: start) }
      guard let left = Int32(exactly: count * (isObject ? 2 : 1)) else {
        throw .outOfModel(offset: start)
      }
      level.left = left
    }
    levels[depth] = level
    depth += 1
    return isObject ? .beginObject : .beginArray
  }

  private mutating func closeAtBreak(_ start: Int) throws(CBORError) -> PayloadToken {
    guard depth > 0, levels[depth - 1].left < 0,
      !levels[depth - 1].isObject || levels[depth - 1].expectsKey
    else { throw .unexpectedBreak(offset: start) }
    return close()
  }

  private mutating func close() -> PayloadToken {
    depth -= 1
    let isObject = levels[depth].isObject
    noteItem()
    return isObject ? .endObject : .endArray
  }

  /// Counts a complete item.
  private mutating func noteItem() {
    guard depth > 0 else {
      isComplete = true
      return
    }
    if levels[depth - 1].left > 0 { levels[depth - 1].left -= 1 }
    if levels[depth - 1].isObject { levels[depth - 1].expectsKey.toggle() }
  }
}
