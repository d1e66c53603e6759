internal import CBORPayload
internal import ConstrainedCore
internal import PayloadCoding

/// A payload of JSON as CBOR.
enum CBORConversion {
  static func convert(_ json: [UInt8]) throws(JSONError) -> [UInt8] {
    // A number of 3 characters, as 1.1, takes 9 bytes at most.
    var buffer = [UInt8](repeating: 0, count: 3 * json.count + 16)
    var scratch = [UInt8](repeating: 0, count: json.count)
    var writer = CBORWriter(buffer.mutableSpan)
    var reader = JSONReader(json.span)
    while let token = try reader.nextToken() {
      do throws(CapacityError) {
        switch token {
        case .beginObject: try writer.beginObject()
        case .beginArray: try writer.beginArray()
        case .endObject: try writer.endObject()
        case .endArray: try writer.endArray()
        case .key(let text), .text(let text):
          var bytes = ByteWriter(scratch.mutableSpan)
          try reader.copy(text, into: &bytes)
          try writer.string(bytes.written)
        case .integer(let value): try writer.integer(value)
        case .unsigned(let value): try writer.unsigned(value)
        case .double(let value): try writer.double(value)
        case .boolean(let value): try writer.boolean(value)
        case .null: try writer.null()
        case .bytes: preconditionFailure("JSON has no byte strings")
        }
      } catch {
        preconditionFailure("three times the text is room enough, and both are 32 levels deep")
      }
    }
    let count = writer.count
    return Array(buffer[..<count])
  }
}
