internal import PayloadCoding

/// The UTF-8 bytes of a text that a `CBORReader` has read, its chunks joined.
struct CBORTextBytes: ~Escapable {
  private let bytes: Span<UInt8>
  /// What is left of the chunk that is being read.
  private var piece = 0..<0
  /// Where the chunks go on, and where they end.
  private var position: Int
  private let end: Int

  /// Starts at the beginning of `text`.
  @_lifetime(copy bytes)
  init(_ bytes: Span<UInt8>, _ text: PayloadText) {
    self.bytes = bytes
    end = text.range.upperBound
    position = text.range.lowerBound
    if text.form != .chunked {
      piece = text.range
      position = end
    }
  }

  /// The rest of this chunk or the whole of the next one that has bytes; `nil` after the last one.
  mutating func nextPiece() -> Range<Int>? {
    while piece.isEmpty {
      guard position < end else { return nil }
      guard let head = try? CBORHead(bytes, at: position), case .text(let count) = head.kind else {
        preconditionFailure("a text that the reader returned holds only chunks of text")
      }
      position += head.count
      piece = position - count..<position
    }
    let result = piece
    piece = piece.upperBound..<piece.upperBound
    return result
  }

  /// The next byte; `nil` after the last one.
  mutating func next() -> UInt8? {
    guard let range = nextPiece() else { return nil }
    piece = range.lowerBound + 1..<range.upperBound
    return bytes[range.lowerBound]
  }
}
