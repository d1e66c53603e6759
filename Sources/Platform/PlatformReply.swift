// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
internal import PayloadCoding

/// The platform's reply to a message on a topic of the thing model or of firmware: a code and a
/// text (device guide 4 to 6), parsed from untrusted bytes.
///
/// It is separate from Alink's own reader, so that a program that only forwards messages need not
/// link that reader or a whole CBOR reader. Size: 81 bytes.
public struct PlatformReply: Equatable, Sendable {
  /// The reply's code, 200 for success.
  public internal(set) var code: UInt32 = 0

  /// The reply's text, cut after a whole character beyond 64 bytes; empty if there is none.
  public internal(set) var message = FixedBytes<64>()

  private var hasCode = false

  /// Parses JSON or CBOR, chosen by the first byte; `nil` if the payload is neither, or has no code
  /// or two.
  ///
  /// A code may be a number, such as 460 or 460.0, a float in CBOR, or a string of digits.
  @inline(never)
  public init?(_ payload: Span<UInt8>) {
    guard payload.count > 0 else { return nil }
    // A JSON object begins with an ASCII character, a CBOR map with 0x80 or above.
    guard payload[0] < 0x80 ? readJSON(payload) : readCBOR(payload), hasCode else { return nil }
  }

  /// Whether the platform accepted the message: 200, or 1000 for firmware on offer.
  public var isSuccess: Bool { code == 200 || code == 1_000 }

  /// Whether the same message may be accepted later: too many requests (429), or a fault of the
  /// platform (500, 503, and 6313 if the check against the thing model is out of service).
  public static func putsOff(code: UInt32) -> Bool {
    switch code {
    case 429, 500, 503, 6_313: true
    default: false
    }
  }

  @inline(never)
  private mutating func readJSON(_ text: Span<UInt8>) -> Bool {
    var reader = JSONReader(received: text)
    do throws(JSONError) {
      guard try reader.next() == .beginObject else { return false }
      while case .key(let key)? = try reader.next() {
        guard let value = try reader.next() else { return false }
        let isCode = reader.string(key, equals: "code")
        switch value {
        case .number(let range) where isCode:
          guard take(reader.wholeNumber(range)) else { return false }
        case .string(let range):
          if isCode {
            guard take(reader.unsigned(range)) else { return false }
          } else if reader.string(key, equals: "message") {
            message.write { (writer: inout ByteWriter) in
              // Cut off text that does not fit.
              try? reader.copyString(range, into: &writer)
              Self.cut(&writer)
            }
          }
        default:
          if isCode { return false }
          try reader.skip(value)
        }
      }
      return try reader.next() == nil
    } catch {
      return false
    }
  }

  /// Stores the first code; fails on a second one.
  @inline(never)
  mutating func take(_ number: UInt64?) -> Bool {
    guard !hasCode, let number, number &>> 32 == 0 else { return false }
    code = UInt32(truncatingIfNeeded: number)
    hasCode = true
    return true
  }

  /// Removes the beginning of a character whose end did not fit.
  @inline(never)
  static func cut(_ writer: inout ByteWriter) {
    while !writer.written.isUTF8 { writer.truncate(to: writer.count &- 1) }
  }
}
