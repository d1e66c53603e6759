// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import PayloadCoding

/// The platform's answer to `/auth` (device guide 3.6), parsed from untrusted bytes.
public struct AuthenticationAnswer: Sendable {
  /// The token for all reports until it expires; 1 to 192 bytes, the limit of the platform's own
  /// SDK.
  public internal(set) var token = FixedBytes<192>()

  /// The random text from which the session key is derived in symmetric mode; 1 to 32 bytes,
  /// otherwise empty.
  public internal(set) var random = FixedBytes<32>()

  /// In symmetric mode the offset that a report's sequence numbers must exceed.
  public internal(set) var sequenceOffset: UInt64?

  /// Parses a JSON object; ignores unknown members and accepts numbers as numbers or strings.
  @inline(never)
  public init(json: Span<UInt8>) throws(AuthenticationAnswerError) {
    try read(json)
  }

  /// Creates an empty answer.
  package init() {}

  /// Parses a JSON object into an empty answer; if it throws, the answer may be partly filled.
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
        guard let number = reader.unsigned(in: value) else { throw .sequenceOffset }
        sequenceOffset = number
      } else {
        do throws(JSONError) { try reader.skip(value) } catch { throw .json(error) }
      }
    }
    // The object is closed, and must end the payload.
    guard try Self.next(&reader) == nil else { throw .notAnObject }
    guard !token.isEmpty else { throw .token }
  }

  private static func next(
    _ reader: inout JSONReader
  ) throws(AuthenticationAnswerError) -> JSONToken? {
    do throws(JSONError) { return try reader.next() } catch { throw .json(error) }
  }

  /// Appends a string, which must not be empty.
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
}

/// Why an answer to `/auth` could not be used.
public enum AuthenticationAnswerError: Error, Equatable, Sendable {
  /// The payload is not JSON.
  case json(JSONError)
  /// The payload is not in the requested format, for example CBOR.
  case malformed
  /// The payload is JSON, but not one object.
  case notAnObject
  /// The token is missing, not a string or empty.
  case token
  /// The token is longer than 192 bytes.
  case tokenTooLong
  /// The random text is missing although the mode needs it, not a string or empty.
  case random
  /// The random text is longer than 32 bytes.
  case randomTooLong
  /// The offset is missing although the mode needs it, or is not an integer from 0 to 2^64 - 1.
  case sequenceOffset
  /// A member is repeated, so its value is ambiguous.
  case repeated
  /// The answer is the first block of a longer body (RFC 7959), or exceeds the largest datagram
  /// accepted.
  case incomplete
}
