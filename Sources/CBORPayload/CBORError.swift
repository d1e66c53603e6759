// SPDX-License-Identifier: Apache-2.0
/// Why bytes are rejected as a CBOR data item (RFC 8949); offsets are in bytes.
public enum CBORError: Error, Equatable, Sendable {
  /// The bytes end within an item.
  case truncated(offset: Int)
  /// A head that RFC 8949 Section 3 forbids.
  case malformedHead(offset: Int)
  /// A break outside an item of indefinite length, or between a key and its value.
  case unexpectedBreak(offset: Int)
  /// A chunk of an indefinite-length string that is not a definite-length string of the same type
  /// (RFC 8949 Section 3.2.3).
  case wrongChunk(offset: Int)
  /// A text string that is not UTF-8 (RFC 8949 Section 3.1).
  case invalidUTF8(offset: Int)
  /// Items are nested deeper than the reader's limit, or `CBORDiagnosticNotation.maxDepth`.
  case tooDeep(offset: Int)
  /// An object's key that is not a text string.
  case keyIsNoText(offset: Int)
  /// An item that CBOR allows but `CBORReader` has no token for.
  case outOfModel(offset: Int)
  /// Bytes follow the item.
  case trailingBytes(offset: Int)
  /// The output is too small.
  case capacity
}
