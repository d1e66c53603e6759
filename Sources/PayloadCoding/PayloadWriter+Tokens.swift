// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore

extension PayloadWriter where Self: ~Copyable & ~Escapable {
  /// Writes a token of another format, which `reader` has just read.
  ///
  /// Passing all tokens of a value in order converts the value to this writer's format. `scratch`
  /// takes the UTF-8 bytes of a text or key; its earlier contents do not matter. A byte string
  /// becomes `null`, because JSON has none; to keep it, handle that token yourself.
  public mutating func write<Reader: PayloadReader & ~Escapable>(
    _ token: PayloadToken,
    from reader: borrowing Reader,
    scratch: consuming MutableSpan<UInt8>
  ) throws(CapacityError) {
    switch token {
    case .beginObject: try beginObject()
    case .endObject: try endObject()
    case .beginArray: try beginArray()
    case .endArray: try endArray()
    case .key(let text), .text(let text):
      var bytes = ByteWriter(scratch)
      try reader.copy(text, into: &bytes)
      if case .key = token { try key(bytes.written) } else { try string(bytes.written) }
    case .integer(let value): try integer(value)
    case .unsigned(let value): try unsigned(value)
    case .double(let value): try double(value)
    case .boolean(let value): try boolean(value)
    case .null, .bytes: try null()
    }
  }
}
