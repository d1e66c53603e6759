/// Why bytes are not one CBOR data item (RFC 8949), or not one that is taken; offsets count bytes.
public enum CBORError: Error, Equatable, Sendable {
  /// The bytes end within an item.
  case truncated(offset: Int)
  /// A head that RFC 8949 Section 3 does not allow.
  case malformedHead(offset: Int)
  /// A break outside an item of indefinite length, or between a key and its value.
  case unexpectedBreak(offset: Int)
  /// An indefinite-length string holds something else than strings of its kind and definite length
  /// (RFC 8949 Section 3.2.3).
  case wrongChunk(offset: Int)
  /// A text string that is not UTF-8 (RFC 8949 Section 3.1).
  case invalidUTF8(offset: Int)
  /// Items lie within each other more than `CBORDiagnosticNotation.maxDepth` deep.
  case tooDeep(offset: Int)
  /// An object's key that is no text.
  case keyIsNoText(offset: Int)
  /// An item that CBOR allows and `CBORReader` has no token for.
  case outOfModel(offset: Int)
  /// Bytes after the item.
  case trailingBytes(offset: Int)
  /// The output has no room.
  case capacity
}
