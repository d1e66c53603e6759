// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import PayloadCoding

/// What an answer and a version check need of a message: members that `AlinkMessageView` reads otherwise or not at
/// all, so that what it refuses can still be answered.
struct DownlinkEnvelope {
  /// Whether there is one `id` that can be repeated.
  var hasID = false
  /// Whether it is a number or a text of digits.
  var idIsNumber = false
  /// Whether `version` is one of the guide's, or missing.
  var hasKnownVersion = true

  /// Whether a message is an object with a `method` of the thing model; any other is bytes of the application's
  /// own.
  static func isOfThingModel(_ message: Span<UInt8>) -> Bool {
    var reader = JSONReader(received: message)
    var isMethod = false
    do throws(AlinkMessageError) {
      guard try reader.token() == .beginObject else { return false }
      while case .key(let name)? = try reader.token() {
        guard let token = try reader.token() else { return false }
        if reader.text(name, equals: "method"), case .text(let text) = token {
          var method = FixedBytes<128>()
          do throws(CapacityError) {
            try method.write { (output: inout ByteWriter) throws(CapacityError) in
              try reader.copy(text, into: &output)
            }
          } catch {
            return false
          }
          let prefix = Span("thing." as StaticString)
          isMethod =
            method.count > prefix.count
            && method.bytes.extracting(0..<prefix.count).isEqual(to: prefix)
        }
        try reader.pass(token)
      }
      guard try reader.token() == nil else { return false }
      return isMethod
    } catch {
      return false
    }
  }

  init(_ message: Span<UInt8>, id: inout FixedBytes<32>) throws(AlinkMessageError) {
    var reader = JSONReader(received: message)
    guard try reader.token() == .beginObject else { throw .notAnObject }
    var sawID = false
    while case .key(let name)? = try reader.token() {
      guard let token = try reader.token() else { throw .malformed }
      if reader.text(name, equals: "id") {
        // Which of two is meant cannot be known, so that there is no answer.
        guard !sawID else { throw .repeated(.id) }
        sawID = true
        take(token, reader, &id)
      } else if reader.text(name, equals: "version") {
        hasKnownVersion = false
        if case .text(let text) = token {
          hasKnownVersion = reader.text(text, equals: "1.0") || reader.text(text, equals: "1.0.0")
        }
      }
      try reader.pass(token)
    }
    guard try reader.token() == nil else { throw .malformed }
  }

  /// Keeps an id: a number by its digits, a text as it is.
  private mutating func take(
    _ token: PayloadToken,
    _ reader: JSONReader,
    _ id: inout FixedBytes<32>
  ) {
    do throws(CapacityError) {
      if case .text(let text) = token {
        try id.write { (output: inout ByteWriter) throws(CapacityError) in
          try reader.copy(text, into: &output)
        }
        hasID = !id.isEmpty
        idIsNumber = hasID
        for index in id.bytes.indices where id.bytes[index] &- 0x30 > 9 { idIsNumber = false }
      } else if let number = reader.wholeNumber(token) {
        try id.write { (output: inout ByteWriter) throws(CapacityError) in
          try output.append(decimal: number)
        }
        hasID = true
        idIsNumber = true
      }
    } catch {
      // Too long to be repeated.
      hasID = false
    }
  }
}

extension JSONReader {
  /// The next token, with this target's error.
  @inline(never)
  mutating func token() throws(AlinkMessageError) -> PayloadToken? {
    do throws(JSONError) { return try nextToken() } catch { throw .malformed }
  }
}
