// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
public import PayloadCoding

extension AuthenticationAnswer {
  /// Parses an object in any format; it is separate from the JSON initialiser, which does not link
  /// the code for numbers.
  public init<Reader: PayloadReader & ~Escapable>(
    _ payload: Reader
  ) throws(AuthenticationAnswerError) {
    self.init()
    try read(from: payload)
  }

  /// Parses an object into an empty answer; if it throws, the answer may be partly filled.
  package mutating func read<Reader: PayloadReader & ~Escapable>(
    from payload: Reader
  ) throws(AuthenticationAnswerError) {
    var reader = payload
    guard try Self.next(&reader) == .beginObject else { throw .notAnObject }
    while case .key(let key)? = try Self.next(&reader) {
      guard let value = try Self.next(&reader) else { throw .malformed }
      if reader.text(key, equals: "token") {
        guard token.isEmpty else { throw .repeated }
        try token.write { (writer: inout ByteWriter) throws(AuthenticationAnswerError) in
          try Self.copy(value, of: reader, into: &writer, otherwise: .token, .tokenTooLong)
        }
      } else if reader.text(key, equals: "random") {
        guard random.isEmpty else { throw .repeated }
        try random.write { (writer: inout ByteWriter) throws(AuthenticationAnswerError) in
          try Self.copy(value, of: reader, into: &writer, otherwise: .random, .randomTooLong)
        }
      } else if reader.text(key, equals: "seqOffset") {
        guard sequenceOffset == nil else { throw .repeated }
        sequenceOffset = try Self.offset(value, in: reader)
      } else {
        do throws(Reader.Failure) { try reader.skip(value) } catch { throw .malformed }
      }
    }
    // The object is closed, and must end the payload.
    guard try Self.next(&reader) == nil else { throw .notAnObject }
    guard !token.isEmpty else { throw .token }
  }

  private static func next<Reader: PayloadReader & ~Escapable>(
    _ reader: inout Reader
  ) throws(AuthenticationAnswerError) -> PayloadToken? {
    do throws(Reader.Failure) { return try reader.nextToken() } catch { throw .malformed }
  }

  /// Appends a text, which must not be empty.
  private static func copy<Reader: PayloadReader & ~Escapable>(
    _ value: PayloadToken,
    of reader: Reader,
    into output: inout ByteWriter,
    otherwise failure: AuthenticationAnswerError,
    _ tooLong: AuthenticationAnswerError
  ) throws(AuthenticationAnswerError) {
    guard case .text(let text) = value else { throw failure }
    let start = output.count
    do throws(CapacityError) { try reader.copy(text, into: &output) } catch { throw tooLong }
    guard output.count > start else { throw failure }
  }

  private static func offset<Reader: PayloadReader & ~Escapable>(
    _ value: PayloadToken,
    in reader: Reader
  ) throws(AuthenticationAnswerError) -> UInt64 {
    switch value {
    case .integer(let number) where number >= 0: return UInt64(bitPattern: number)
    case .unsigned(let number): return number
    case .text(let text):
      var digits = FixedBytes<20>()
      do throws(CapacityError) {
        try digits.write { (writer: inout ByteWriter) throws(CapacityError) in
          try reader.copy(text, into: &writer)
        }
      } catch {
        throw .sequenceOffset
      }
      guard let number = JSONReader(digits.bytes).unsigned(0..<digits.count) else {
        throw .sequenceOffset
      }
      return number
    default: throw .sequenceOffset
    }
  }
}
