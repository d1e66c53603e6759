// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
extension CBORError: CustomStringConvertible {
  /// States what is wrong with the bytes, in a sentence without a full stop.
  public var description: String {
    switch self {
    case .truncated(let offset): "the bytes end within the item at byte \(offset)"
    case .malformedHead(let offset): "byte \(offset) does not begin a CBOR item"
    case .unexpectedBreak(let offset): "the break at byte \(offset) is misplaced"
    case .wrongChunk(let offset):
      "the item at byte \(offset) is not a chunk of the surrounding string of indefinite length"
    case .invalidUTF8(let offset): "the text string at byte \(offset) is not UTF-8"
    case .tooDeep(let offset):
      "the item at byte \(offset) is nested deeper than \(CBORDiagnosticNotation.maxDepth) levels"
    case .keyIsNoText(let offset): "the key at byte \(offset) is not a text string"
    case .outOfModel(let offset):
      "the item at byte \(offset) is neither text, number, boolean, null nor bytes in one piece"
    case .trailingBytes(let offset): "bytes follow the item, from byte \(offset)"
    case .capacity: "the notation is longer than the room for it"
    }
  }
}
#endif
