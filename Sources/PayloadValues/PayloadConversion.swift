internal import CBORPayload
internal import ConstrainedCore
public import PayloadCoding

/// A whole payload of one format, written in the other.
public enum PayloadConversion {
  /// JSON as CBOR.
  public static func cbor(fromJSON json: [UInt8]) throws(JSONError) -> [UInt8] {
    // A number of 3 characters, as 1.1, takes 9 bytes at most.
    var buffer = [UInt8](repeating: 0, count: 3 * json.count + 16)
    var scratch = [UInt8](repeating: 0, count: json.count)
    var writer = CBORWriter(buffer.mutableSpan)
    var reader = JSONReader(json.span)
    while let token = try reader.nextToken() {
      do throws(CapacityError) {
        try writer.write(token, from: reader, scratch: scratch.mutableSpan)
      } catch {
        preconditionFailure("three times the text is room enough, and both are 32 levels deep")
      }
    }
    let count = writer.count
    return Array(buffer[..<count])
  }

  /// CBOR that anybody may have sent as JSON, a byte string in it as the text that `ReadableText.unlabelled`
  /// makes of it; `nil` when it cannot be read.
  public static func json(fromCBOR cbor: [UInt8]) -> [UInt8]? {
    // A byte may become an escape of six characters, and a number of 3 bytes one of 26.
    var buffer = [UInt8](repeating: 0, count: 26 * cbor.count + 64)
    var scratch = [UInt8](repeating: 0, count: cbor.count)
    var writer = JSONWriter(buffer.mutableSpan)
    var reader = CBORReader(received: cbor.span)
    do {
      while let token = try reader.nextToken() {
        if case .bytes(let range) = token {
          let text = ReadableText.unlabelled(Array(cbor[range]))
          try writer.string(text.utf8Span.span)
        } else {
          try writer.write(token, from: reader, scratch: scratch.mutableSpan)
        }
      }
    } catch {
      return nil
    }
    let count = writer.count
    return Array(buffer[..<count])
  }
}
