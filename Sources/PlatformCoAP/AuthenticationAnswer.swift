public import ConstrainedCore
public import PayloadCoding

/// What the platform answers to `/auth` (device guide 3.6), read from bytes that anybody may have
/// sent.
public struct AuthenticationAnswer: Sendable {
  /// The token of all reports until it expires; 1 to 192 bytes, the limit of the platform's own SDK.
  public internal(set) var token = FixedBytes<192>()

  /// What the session's key is made of, in symmetric mode; 1 to 32 bytes, else empty.
  public internal(set) var random = FixedBytes<32>()

  /// The number above which a report's sequence numbers start, in symmetric mode.
  public internal(set) var sequenceOffset: UInt64?

  /// Reads a JSON object; unknown members are passed over, a number may be a number or a string.
  @inline(never)
  public init(json: Span<UInt8>) throws(AuthenticationAnswerError) {
    try read(json)
  }

  /// Holds nothing yet.
  package init() {}

  /// Reads a JSON object into an answer that holds nothing; where it throws it may hold a part.
  package mutating func read(_ json: Span<UInt8>) throws(AuthenticationAnswerError) {
    var reader = JSONReader(received: json)
    guard try Self.next(&reader) == .beginObject else { throw .notAnObject }
    while case .key(let key)? = try Self.next(&reader) {
      guard let value = try Self.next(&reader) else { throw .json(.truncated) }
      if reader.string(key, equals: "token") {
        guard token.isEmpty else { throw .repeated }
        try token.write { (writer: inout ByteWriter) throws(AuthenticationAnswerError) in
          try Self.copy(value, of: reader, into: &writer, otherwise: .token, .tokenTooLong)
        }
      } else if reader.string(key, equals: "random") {
        guard random.isEmpty else { throw .repeated }
        try random.write { (writer: inout ByteWriter) throws(AuthenticationAnswerError) in
          try Self.copy(value, of: reader, into: &writer, otherwise: .random, .randomTooLong)
        }
      } else if reader.string(key, equals: "seqOffset") {
        guard sequenceOffset == nil else { throw .repeated }
        sequenceOffset = try Self.number(value, in: reader)
      } else {
        do throws(JSONError) { try reader.skip(value) } catch { throw .json(error) }
      }
    }
    // The object is closed; nothing may follow it.
    guard try Self.next(&reader) == nil else { throw .notAnObject }
    guard !token.isEmpty else { throw .token }
  }

  private static func next(
    _ reader: inout JSONReader
  ) throws(AuthenticationAnswerError) -> JSONToken? {
    do throws(JSONError) { return try reader.next() } catch { throw .json(error) }
  }

  /// Appends a string that is not empty.
  private static func copy(
    _ value: JSONToken,
    of reader: borrowing JSONReader,
    into output: inout ByteWriter,
    otherwise failure: AuthenticationAnswerError,
    _ tooLong: AuthenticationAnswerError
  ) throws(AuthenticationAnswerError) {
    guard case .string(let range) = value, !range.isEmpty else { throw failure }
    do throws(CapacityError) {
      try reader.copyString(range, into: &output)
    } catch {
      throw tooLong
    }
  }

  private static func number(
    _ value: JSONToken,
    in reader: borrowing JSONReader
  ) throws(AuthenticationAnswerError) -> UInt64 {
    switch value {
    case .number(let range):
      if let number = reader.wholeNumber(range) { return number }
    case .string(let range):
      if let number = reader.unsigned(range) { return number }
    default: break
    }
    throw .sequenceOffset
  }
}

/// Why an answer to `/auth` could not be used.
public enum AuthenticationAnswerError: Error, Equatable, Sendable {
  /// The payload is not JSON.
  case json(JSONError)
  /// The payload is not what it was asked for in, CBOR for example.
  case malformed
  /// The payload is JSON, but not one object.
  case notAnObject
  /// The token is missing, no string or empty.
  case token
  /// The token is longer than 192 bytes.
  case tokenTooLong
  /// The random is missing where the mode needs one, no string or empty.
  case random
  /// The random is longer than 32 bytes.
  case randomTooLong
  /// The offset is missing where the mode needs one, or no integer from 0 to 2^64 - 1.
  case sequenceOffset
  /// A member comes twice; which one holds cannot be known.
  case repeated
  /// The answer is the first block of a longer body (RFC 7959), or longer than a datagram is taken.
  case incomplete
}
