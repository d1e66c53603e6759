// SPDX-License-Identifier: Apache-2.0
/// Why a reader rejects a text as JSON (RFC 8259); offsets are in bytes.
public enum JSONError: Error, Equatable, Sendable {
  /// The text ends within a value.
  case truncated
  /// A byte that the grammar does not allow at this place.
  case unexpectedByte(offset: Int)
  /// Objects and arrays are nested deeper than the reader's limit.
  case tooDeep(offset: Int)
  /// A string that is not UTF-8 (RFC 3629).
  case invalidUTF8(offset: Int)
  /// An escape for half of a surrogate pair.
  case loneSurrogate(offset: Int)
  /// A number beyond the largest Double, where a Double is requested.
  case numberTooLarge(offset: Int)
}
