internal import CBORPayload
internal import ConstrainedCore
internal import PayloadCoding

/// A line of JSON as CBOR.
enum CBORConversion {
  /// Why a line cannot become CBOR, in a sentence.
  struct Failure: Error {
    let description: String
  }

  static func convert(_ json: [UInt8]) throws(Failure) -> [UInt8] {
    do throws(JSONError) {
      return try write(json, counts: try counts(json))
    } catch {
      throw Failure(description: "the line is not JSON: \(error)")
    }
  }

  /// How many members or items each object and array has, in the order in which they open: CBOR says it
  /// first.
  private static func counts(_ json: [UInt8]) throws(JSONError) -> [Int] {
    var counts: [Int] = []
    var open: [Int] = []
    var reader = JSONReader(json.span)
    while let token = try reader.nextToken() {
      switch token {
      case .key: continue
      case .endObject, .endArray: open.removeLast()
      default:
        if let last = open.last { counts[last] += 1 }
        guard token == .beginObject || token == .beginArray else { continue }
        open.append(counts.count)
        counts.append(0)
      }
    }
    return counts
  }

  private static func write(_ json: [UInt8], counts: [Int]) throws(JSONError) -> [UInt8] {
    // A number of 3 characters, as 1.1, takes 9 bytes at most.
    var buffer = [UInt8](repeating: 0, count: 3 * json.count + 16)
    var scratch = [UInt8](repeating: 0, count: json.count)
    var writer = CBORWriter(buffer.mutableSpan)
    var reader = JSONReader(json.span)
    var next = 0
    while let token = try reader.nextToken() {
      do throws(CapacityError) {
        switch token {
        case .beginObject, .beginArray:
          if token == .beginObject {
            try writer.beginObject(count: counts[next])
          } else {
            try writer.beginArray(count: counts[next])
          }
          next += 1
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
