/// Why bytes are not JSON (RFC 8259), or not JSON that this reader takes; offsets count bytes.
public enum JSONError: Error, Equatable, Sendable {
  /// The text ends within a value.
  case truncated
  /// A byte that the grammar does not allow at this place.
  case unexpectedByte(offset: Int)
  /// Objects and arrays lie within each other deeper than the reader takes.
  case tooDeep(offset: Int)
  /// Bytes of a string that are not UTF-8 (RFC 3629).
  case invalidUTF8(offset: Int)
  /// An escape that names half of a surrogate pair.
  case loneSurrogate(offset: Int)
  /// A number beyond the largest Double, where its value is asked for.
  case numberTooLarge(offset: Int)
}
