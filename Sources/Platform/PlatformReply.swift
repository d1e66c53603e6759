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

  private var hasCode = false

  /// Reads JSON or CBOR, whichever the first byte belongs to; `nil` for what is neither, has no code, or has two.
  ///
  /// A code may be a number, also one written 460.0, or a text of digits.
  @inline(never)
  public init?(_ payload: Span<UInt8>) {
    guard payload.count > 0 else { return nil }
    // An object begins with an ASCII character in JSON, and with 0x80 or above in CBOR.
    guard payload[0] < 0x80 ? readJSON(payload) : readCBOR(payload), hasCode else { return nil }
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
              // What does not fit is cut.
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

  /// Takes the code, the first one that there is.
  @inline(never)
  mutating func take(_ number: UInt64?) -> Bool {
    guard !hasCode, let number, number &>> 32 == 0 else { return false }
    code = UInt32(truncatingIfNeeded: number)
    hasCode = true
    return true
  }

  /// Takes away the beginning of a character whose end did not fit.
  @inline(never)
  static func cut(_ writer: inout ByteWriter) {
    while !writer.written.isUTF8 { writer.truncate(to: writer.count &- 1) }
  }
}
