// SPDX-License-Identifier: Apache-2.0
internal import PayloadCoding

/// The UTF-8 bytes of a text read by a `CBORReader`, chunks joined.
struct CBORTextBytes: ~Escapable {
  private let bytes: Span<UInt8>
  /// The unread rest of the current chunk.
  private var piece = 0..<0
  /// The offset of the next chunk, and the end of the text.
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

  /// The rest of this chunk, or the next one that is not empty; `nil` after the last.
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

  /// The next byte; `nil` after the last.
  mutating func next() -> UInt8? {
    guard let range = nextPiece() else { return nil }
    piece = range.lowerBound + 1..<range.upperBound
    return bytes[range.lowerBound]
  }
}
