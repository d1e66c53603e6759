public import ConstrainedCore
internal import PayloadCoding

/// What the platform's reply on a topic of the thing model or of firmware says became of the message: its code,
/// and the words that come with it (device guide 4 to 6), read from bytes that anybody may have sent.
///
/// Apart from Alink's own reader, so that a program which only sends what others have written need not hold
/// that one, nor a whole reader of CBOR. Size: 80 bytes.
public struct PlatformReply: Equatable, Sendable {
  /// The code.
  public internal(set) var code: UInt32 = 0

  /// What it says in words, cut behind a character where it has over 64 bytes; empty when it says nothing.
  public internal(set) var message = FixedBytes<64>()

  /// Reads JSON or CBOR, whichever the first byte belongs to; `nil` for what is neither, has no code, or has two.
  ///
  /// A code may be a number or a text of digits.
  @inline(never)
  public init?(_ payload: Span<UInt8>) {
    guard payload.count > 0 else { return nil }
    // An object begins with an ASCII character in JSON, and with 0x80 or above in CBOR.
    guard payload[0] < 0x80 ? readJSON(payload) : readCBOR(payload) else { return nil }
  }

  /// Whether the message was taken: 200, and 1000 for a firmware that is on offer.
  public var isSuccess: Bool { code == 200 || code == 1_000 }

  /// Whether the same message may be taken later: too many requests (429), or a fault of the platform's own (500,
  /// 503, and 6313 where the check against the thing model is out of service).
  public static func putsOff(code: UInt32) -> Bool {
    switch code {
    case 429, 500, 503, 6_313: true
    default: false
    }
  }

  private mutating func readJSON(_ text: Span<UInt8>) -> Bool {
    var reader = JSONReader(received: text)
    var hasCode = false
    do throws(JSONError) {
      guard try reader.next() == .beginObject else { return false }
      while case .key(let key)? = try reader.next() {
        guard let value = try reader.next() else { return false }
        if reader.string(key, equals: "code") {
          guard !hasCode, let number = Self.number(value, in: reader) else { return false }
          code = number
          hasCode = true
        } else if case .string(let range) = value, reader.string(key, equals: "message") {
          copyMessage(range, of: reader)
        } else {
          try reader.skip(value)
        }
      }
      return try reader.next() == nil && hasCode
    } catch {
      return false
    }
  }

  private mutating func copyMessage(_ range: Range<Int>, of reader: borrowing JSONReader) {
    message.write { (writer: inout ByteWriter) in
      // What does not fit is cut.
      try? reader.copyString(range, into: &writer)
      Self.cut(&writer)
    }
  }

  /// Takes away the beginning of a character whose end did not fit.
  static func cut(_ writer: inout ByteWriter) {
    while !writer.written.isUTF8 { writer.truncate(to: writer.count &- 1) }
  }

  private static func number(_ value: JSONToken, in reader: borrowing JSONReader) -> UInt32? {
    let range: Range<Int>
    switch value {
    case .number(let number):
      range = number
    case .string(let text): range = text
    default: return nil
    }
    guard let number = reader.unsigned(range), number &>> 32 == 0 else { return nil }
    return UInt32(truncatingIfNeeded: number)
  }
}
