// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
public import ConstrainedCore
internal import PayloadCoding

/// CBOR in diagnostic notation (RFC 8949 Section 8).
public enum CBORDiagnosticNotation {
  /// The deepest nesting of arrays, maps, tags and indefinite-length strings.
  public static let maxDepth = 64

  /// An upper bound of the output's length for `count` bytes of CBOR.
  ///
  /// The worst case is a byte that becomes "simple(16), ", 12 bytes.
  public static func maxCount(for count: Int) -> Int { 12 * count + 16 }

  /// Appends the notation of `bytes`, which must be exactly one data item; appends nothing when it
  /// throws.
  ///
  /// Control characters in text strings are escaped, so that a terminal can show them.
  public static func write(
    _ bytes: Span<UInt8>,
    into output: inout ByteWriter
  ) throws(CBORError) {
    let start = output.count
    do throws(CBORError) {
      var notation = Notation()
      try notation.write(bytes, into: &output)
    } catch {
      output.truncate(to: start)
      throw error
    }
  }
}

extension CBORDiagnosticNotation {
  /// The notation of `bytes`, which must be exactly one data item, as for `write`.
  public static func text(of bytes: Span<UInt8>) throws(CBORError) -> String {
    var buffer = [UInt8](repeating: 0, count: maxCount(for: bytes.count))
    var writer = ByteWriter(buffer.mutableSpan)
    try write(bytes, into: &writer)
    let count = writer.count
    return String(decoding: buffer[..<count], as: UTF8.self)
  }

  /// The notation of bytes of unknown format if they are one whole map or array; otherwise `nil`.
  ///
  /// Text is never one; other data only by chance.
  public static func text(ofUnlabelled bytes: Span<UInt8>) -> String? {
    guard bytes.count > 0, bytes[0] >> 5 == 4 || bytes[0] >> 5 == 5 else { return nil }
    do throws(CBORError) { return try text(of: bytes) } catch { return nil }
  }
}

/// Walks over the items, with one level for each enclosing item.
private struct Notation {
  private enum Container {
    case array, map, tag, bytes, text
  }

  private struct Level {
    let container: Container
    /// The number of items; `nil` if a break ends it.
    let total: Int?
    var items = 0
  }

  private var levels: [Level] = []

  mutating func write(_ bytes: Span<UInt8>, into output: inout ByteWriter) throws(CBORError) {
    var offset = 0
    repeat {
      guard offset < bytes.count else { throw .truncated(offset: offset) }
      let head = try CBORHead(bytes, at: offset)
      try writeItem(head, bytes, at: offset, into: &output)
      offset += head.count
    } while !levels.isEmpty
    guard offset == bytes.count else { throw .trailingBytes(offset: offset) }
  }

  private mutating func writeItem(
    _ head: CBORHead,
    _ bytes: Span<UInt8>,
    at offset: Int,
    into output: inout ByteWriter
  ) throws(CBORError) {
    if case .stop = head.kind { return try stop(at: offset, into: &output) }
    try separate(head, at: offset, into: &output)
    let end = offset + head.count
    switch head.kind {
    case .array(let total):
      try open(.array, total, "[", left: bytes.count - end, at: offset, into: &output)
    case .map(let pairs):
      try open(.map, pairs, "{", left: (bytes.count - end) / 2, at: offset, into: &output)
    case .tag(let number):
      try open(.tag, 1, "\(number)(", left: bytes.count - end, at: offset, into: &output)
    case .indefiniteArray: try begin(.array, "[_ ", at: offset, into: &output)
    case .indefiniteMap: try begin(.map, "{_ ", at: offset, into: &output)
    // Written with the first chunk: empty strings of indefinite length are ''_ and ""_.
    case .indefiniteBytes: try begin(.bytes, "", at: offset, into: &output)
    case .indefiniteText: try begin(.text, "", at: offset, into: &output)
    case .bytes(let count):
      try append("h'", to: &output)
      for index in end - count..<end { try append(hex: bytes[index], to: &output) }
      try append("'", to: &output)
      try complete(into: &output)
    case .text(let count):
      guard let text = ReadableText.quoted(bytes.extracting(end - count..<end)) else {
        throw .invalidUTF8(offset: offset)
      }
      try append(text, to: &output)
      try complete(into: &output)
    default:
      try append(Self.simple(head.kind), to: &output)
      try complete(into: &output)
    }
  }

  private static func simple(_ kind: CBORHead.Kind) -> String {
    switch kind {
    case .unsigned(let value): "\(value)"
    case .negative(.max): "-18446744073709551616"
    case .negative(let value): "-\(value + 1)"
    case .float(let value) where value.isNaN: "NaN"
    case .float(let value) where value.isInfinite: value < 0 ? "-Infinity" : "Infinity"
    case .float(let value): "\(value)"
    case .boolean(let value): value ? "true" : "false"
    case .null: "null"
    case .undefined: "undefined"
    case .simple(let value): "simple(\(value))"
    default: preconditionFailure("containers and strings are written elsewhere")
    }
  }

  /// Opens a container of `total` items or pairs; `left` is the most that can follow.
  private mutating func open(
    _ container: Container,
    _ total: UInt64,
    _ text: String,
    left: Int,
    at offset: Int,
    into output: inout ByteWriter
  ) throws(CBORError) {
    // Each item takes a byte: reject a count beyond the rest here, before any loop over it.
    guard total <= UInt64(left) else { throw .truncated(offset: offset) }
    guard levels.count < CBORDiagnosticNotation.maxDepth else { throw .tooDeep(offset: offset) }
    let items = container == .map ? 2 * Int(total) : Int(total)
    try append(text, to: &output)
    levels.append(Level(container: container, total: items))
    try closeFinished(into: &output)
  }

  /// Opens a container that a break ends.
  private mutating func begin(
    _ container: Container,
    _ text: String,
    at offset: Int,
    into output: inout ByteWriter
  ) throws(CBORError) {
    guard levels.count < CBORDiagnosticNotation.maxDepth else { throw .tooDeep(offset: offset) }
    try append(text, to: &output)
    levels.append(Level(container: container, total: nil))
  }

  /// Writes the separator between an item and the previous one.
  private func separate(
    _ head: CBORHead,
    at offset: Int,
    into output: inout ByteWriter
  ) throws(CBORError) {
    guard let level = levels.last else { return }
    switch (level.container, head.kind) {
    case (.bytes, .bytes), (.text, .text):
      try append(level.items == 0 ? "(_ " : ", ", to: &output)
    case (.bytes, _), (.text, _):
      throw .wrongChunk(offset: offset)
    case (.map, _) where level.items % 2 == 1:
      try append(": ", to: &output)
    default:
      if level.items > 0 { try append(", ", to: &output) }
    }
  }

  private mutating func stop(at offset: Int, into output: inout ByteWriter) throws(CBORError) {
    guard let level = levels.last, level.total == nil,
      level.container != .map || level.items % 2 == 0
    else { throw .unexpectedBreak(offset: offset) }
    levels.removeLast()
    switch level.container {
    case .array: try append("]", to: &output)
    case .map: try append("}", to: &output)
    case .bytes: try append(level.items == 0 ? "''_" : ")", to: &output)
    case .text: try append(level.items == 0 ? "\"\"_" : ")", to: &output)
    case .tag: preconditionFailure("a tag holds exactly one item")
    }
    try complete(into: &output)
  }

  /// Counts a complete item, and closes the containers that it completes.
  private mutating func complete(into output: inout ByteWriter) throws(CBORError) {
    guard !levels.isEmpty else { return }
    levels[levels.count - 1].items += 1
    try closeFinished(into: &output)
  }

  private mutating func closeFinished(into output: inout ByteWriter) throws(CBORError) {
    while let level = levels.last, level.items == level.total {
      switch level.container {
      case .array: try append("]", to: &output)
      case .map: try append("}", to: &output)
      case .tag: try append(")", to: &output)
      case .bytes, .text: preconditionFailure("a break ends a string of indefinite length")
      }
      levels.removeLast()
      if !levels.isEmpty { levels[levels.count - 1].items += 1 }
    }
  }

  private func append(_ text: String, to output: inout ByteWriter) throws(CBORError) {
    do throws(CapacityError) { try output.append(text.utf8Span.span) } catch { throw .capacity }
  }

  private func append(hex byte: UInt8, to output: inout ByteWriter) throws(CBORError) {
    func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }
    do throws(CapacityError) {
      try output.append(digit(byte >> 4))
      try output.append(digit(byte & 0x0F))
    } catch {
      throw .capacity
    }
  }
}
#endif
