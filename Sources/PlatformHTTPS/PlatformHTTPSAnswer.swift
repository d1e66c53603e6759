// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import PayloadCoding
public import Platform

/// The platform's response over HTTPS to `/auth` or to a report (device guide 3.8), parsed from
/// untrusted bytes: `{"code":0,"message":"success","info":{…}}`.
public struct PlatformHTTPSAnswer: Sendable {
  /// The platform's code, 0 for success.
  public private(set) var code = HTTPSCode.success

  /// The platform's text, up to 128 bytes; a longer one is dropped.
  public private(set) var message = FixedBytes<128>()

  /// The token for reports, valid for 7 days, 1 to 192 bytes; empty in the response to a report,
  /// and if the platform refused.
  public private(set) var token = FixedBytes<192>()

  /// The platform's message id in decimal digits; empty if there is none.
  ///
  /// Ids in the guide have 18 digits, more than a Double can hold.
  public private(set) var messageID = FixedBytes<64>()

  /// Whether an id that cannot be used is left out: a report that was accepted is not sent again for that.
  private var ignoresID = false
  private var hasCode = false
  private var hasInfo = false
  private var hasMessage = false

  /// Parses the response to `/auth`; throws if a success has no token.
  public init(authentication json: Span<UInt8>) throws(HTTPSAnswerError) {
    try read(json)
    if code == .success, token.isEmpty { throw .member(.token) }
  }

  /// Parses the response to a report; leaves out a message id that is no whole number or text of up to 64 bytes.
  public init(report json: Span<UInt8>) throws(HTTPSAnswerError) {
    ignoresID = true
    try read(json)
  }

  private mutating func read(_ json: Span<UInt8>) throws(HTTPSAnswerError) {
    // The guide prints a comma after the last member.
    var reader = JSONReader(received: json, takesTrailingCommas: true)
    guard try reader.nextOfAnswer() == .beginObject else { throw .notAnObject }
    while let name = try reader.nextName() {
      guard let value = try reader.nextOfAnswer() else { throw .json(.truncated) }
      if reader.string(name, equals: "code") {
        guard !hasCode else { throw .repeated(.code) }
        hasCode = true
        code = HTTPSCode(rawValue: try reader.wholeNumber(value, .code))
      } else if reader.string(name, equals: "message") {
        guard !hasMessage else { throw .repeated(.message) }
        hasMessage = true
        try reader.readMessage(value, into: &message)
      } else if reader.string(name, equals: "info"), value == .beginObject {
        guard !hasInfo else { throw .repeated(.info) }
        hasInfo = true
        try readInfo(&reader)
      } else {
        try reader.skipInAnswer(value)
      }
    }
    // The object is closed, and must end the payload.
    guard try reader.nextOfAnswer() == nil else { throw .notAnObject }
    guard hasCode else { throw .member(.code) }
  }

  private mutating func readInfo(_ reader: inout JSONReader) throws(HTTPSAnswerError) {
    while let name = try reader.nextName() {
      guard let value = try reader.nextOfAnswer() else { throw .json(.truncated) }
      if reader.string(name, equals: "token") {
        try reader.copy(value, into: &token, .token)
      } else if reader.string(name, equals: "messageId") {
        guard messageID.isEmpty else { throw .repeated(.messageID) }
        if ignoresID {
          do throws(HTTPSAnswerError) {
            try readID(value, reader)
          } catch {
            messageID.removeAll()
            try reader.skipInAnswer(value)
          }
        } else {
          try readID(value, reader)
        }
      } else {
        try reader.skipInAnswer(value)
      }
    }
  }

  private mutating func readID(
    _ value: JSONToken,
    _ reader: borrowing JSONReader
  ) throws(HTTPSAnswerError) {
    if case .number = value {
      let number = try reader.wholeNumber(value, .messageID)
      try? messageID.write { (output: inout ByteWriter) throws(CapacityError) in
        try output.append(decimal: number)
      }
    } else {
      try reader.copy(value, into: &messageID, .messageID)
    }
  }
}

/// Why a response over HTTPS could not be used.
public enum HTTPSAnswerError: Error, Equatable, Sendable {
  /// It is not JSON.
  case json(JSONError)
  /// It is JSON, but not one object.
  case notAnObject
  /// A member is missing, empty or of another type.
  case member(HTTPSMember)
  /// A text is longer than any that can be kept.
  case tooLong(HTTPSMember)
  /// A member is repeated, so its value is ambiguous.
  case repeated(HTTPSMember)
}

/// A member of the platform's responses over HTTPS (device guide 3.2 and 3.8).
public enum HTTPSMember: UInt8, Sendable {
  /// Members of the response itself.
  case code, message, info, data
  /// Members of `info`.
  case token, messageID
  /// Members of `data`.
  case iotID, iotToken, resources
  /// Members of `resources.mqtt`.
  case mqtt, host, port
}

/// Shared by the parsers of the responses.
extension JSONReader {
  mutating func nextOfAnswer() throws(HTTPSAnswerError) -> JSONToken? {
    do throws(JSONError) { return try next() } catch { throw .json(error) }
  }

  /// The next member's name; `nil` at the object's end.
  mutating func nextName() throws(HTTPSAnswerError) -> Range<Int>? {
    if case .key(let name)? = try nextOfAnswer() { name } else { nil }
  }

  mutating func skipInAnswer(_ value: JSONToken) throws(HTTPSAnswerError) {
    do throws(JSONError) { try skip(value) } catch { throw .json(error) }
  }

  /// The value of a number, or of a string of its digits.
  func wholeNumber(
    _ value: JSONToken,
    _ member: HTTPSMember
  ) throws(HTTPSAnswerError) -> UInt64 {
    switch value {
    case .number(let range):
      if let number = wholeNumber(range) { return number }
    case .string(let range):
      if let number = unsigned(range) { return number }
    default: break
    }
    throw .member(member)
  }

  /// Copies a string, which must not be empty or repeated.
  func copy<let capacity: Int>(
    _ value: JSONToken,
    into target: inout FixedBytes<capacity>,
    _ member: HTTPSMember
  ) throws(HTTPSAnswerError) {
    guard target.isEmpty else { throw .repeated(member) }
    guard case .string(let range) = value, !range.isEmpty else { throw .member(member) }
    do throws(CapacityError) {
      try target.write { (output: inout ByteWriter) throws(CapacityError) in
        try copyString(range, into: &output)
      }
    } catch {
      throw .tooLong(member)
    }
  }

  /// Copies a text for people; drops it if it is too long or not a string.
  mutating func readMessage(
    _ value: JSONToken,
    into message: inout FixedBytes<128>
  ) throws(HTTPSAnswerError) {
    guard case .string(let range) = value else { return try skipInAnswer(value) }
    try? message.write { (output: inout ByteWriter) throws(CapacityError) in
      try copyString(range, into: &output)
    }
  }
}
