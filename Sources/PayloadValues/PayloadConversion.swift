// SPDX-License-Identifier: Apache-2.0
internal import CBORPayload
internal import ConstrainedCore
public import PayloadCoding

/// Converts a whole payload from one format to the other.
public enum PayloadConversion {
  /// Converts JSON to CBOR.
  public static func cbor(fromJSON json: [UInt8]) throws(JSONError) -> [UInt8] {
    // A number of 3 characters, such as 1.1, takes up to 9 bytes.
    var buffer = [UInt8](repeating: 0, count: 3 * json.count + 16)
    var scratch = [UInt8](repeating: 0, count: json.count)
    var writer = CBORWriter(buffer.mutableSpan)
    var reader = JSONReader(json.span)
    while let token = try reader.nextToken() {
      do throws(CapacityError) {
        try writer.write(token, from: reader, scratch: scratch.mutableSpan)
      } catch {
        preconditionFailure("CBOR is at most three times as long, and both nest 32 levels")
      }
    }
    let count = writer.count
    return Array(buffer[..<count])
  }

  /// Converts received CBOR to JSON; `nil` if it cannot be read.
  ///
  /// A byte string becomes the text returned by `ReadableText.unlabelled`.
  public static func json(fromCBOR cbor: [UInt8]) -> [UInt8]? {
    // A byte may become an escape of six characters, and a number of 3 bytes one of 26 characters.
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
