// SPDX-License-Identifier: Apache-2.0
import Alink
import CBORPayload
import ConstrainedCore
import PayloadCoding

/// What `build` makes in a buffer of `capacity`, pre-filled so that nothing relies on zeros.
func made<Kind: AlinkKind, Writer: PayloadWriter & ~Copyable & ~Escapable>(
  _ kind: Kind.Type,
  as writer: Writer.Type,
  id: UInt32 = 123,
  capacity: Int = 4_096,
  _ build: (inout AlinkRequest<Kind, Writer>) throws(AlinkError) -> Void
) throws(AlinkError) -> [UInt8] {
  var buffer = [UInt8](repeating: 0xA5, count: capacity)
  var request = try AlinkRequest<Kind, Writer>(buffer.mutableSpan, id: id)
  try build(&request)
  let count = try request.finish()
  return Array(buffer[..<count])
}

/// The same as text.
func json<Kind: AlinkKind>(
  _ kind: Kind.Type,
  id: UInt32 = 123,
  capacity: Int = 4_096,
  _ build: (inout AlinkRequest<Kind, JSONWriter>) throws(AlinkError) -> Void
) throws(AlinkError) -> String {
  String(
    decoding: try made(kind, as: JSONWriter.self, id: id, capacity: capacity, build),
    as: UTF8.self
  )
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// CBOR as JSON, to be compared with what JSON's writer makes.
func transcribed(_ cbor: [UInt8]) throws -> String {
  var reader = CBORReader(cbor.span)
  return try value(of: &reader)
}

/// The value that a reader stands before, as JSON.
func value<Reader: PayloadReader & ~Escapable>(of reader: inout Reader) throws -> String {
  var buffer = [UInt8](repeating: 0xA5, count: 32_768)
  var writer = JSONWriter(buffer.mutableSpan)
  try transcribe(&reader, into: &writer)
  let count = writer.count
  return String(decoding: buffer[..<count], as: UTF8.self)
}

/// JSON as CBOR.
func encoded(_ json: String) throws -> [UInt8] {
  let text = bytes(json)
  var reader = JSONReader(text.span)
  var buffer = [UInt8](repeating: 0xA5, count: 32_768)
  var writer = CBORWriter(buffer.mutableSpan)
  try transcribe(&reader, into: &writer)
  let count = writer.count
  return Array(buffer[..<count])
}

/// Writes the value that `reader` stands before, token by token.
private func transcribe<
  Reader: PayloadReader & ~Escapable,
  Writer: PayloadWriter & ~Copyable & ~Escapable
>(_ reader: inout Reader, into writer: inout Writer) throws {
  var depth = 0
  var scratch = [UInt8](repeating: 0xA5, count: 4_096)
  repeat {
    guard let token = try reader.nextToken() else { preconditionFailure("a value has an end") }
    switch token {
    case .beginObject, .beginArray: depth += 1
    case .endObject, .endArray: depth -= 1
    case .bytes: preconditionFailure("the thing model has no byte strings")
    default: break
    }
    try writer.write(token, from: reader, scratch: scratch.mutableSpan)
  } while depth > 0
}
