public import ConstrainedCore

/// The platform's message id, the value of option 2090, as people and programs are shown it.
///
/// Unverified: what its bytes are; no document says it. A value of ASCII digits is those digits, any other of up
/// to 8 bytes an unsigned integer (RFC 7252 Section 3.2), and a longer one is shown in hexadecimal digits. Over
/// HTTPS the platform's ids have 18 decimal digits (device guide 3.8): too many for a Double, so that in JSON an
/// id is a text.
public enum PlatformMessageID: Equatable, Sendable {
  /// ASCII digits, as they stand.
  case digits
  /// An unsigned integer.
  case number(UInt64)
  /// Bytes that have no other form than hexadecimal.
  case opaque

  /// What the bytes of an id are.
  @inline(never)
  public init(_ value: Span<UInt8>) {
    var isDigits = true
    var number: UInt64 = 0
    for index in value.indices {
      isDigits = isDigits && value[index] >= 0x30 && value[index] <= 0x39
      number = number &<< 8 | UInt64(widening: value[index])
    }
    self = isDigits ? .digits : value.count <= 8 ? .number(number) : .opaque
  }

  /// Appends the id as it is shown.
  public static func write(
    _ value: Span<UInt8>,
    into output: inout ByteWriter
  ) throws(CapacityError) {
    switch PlatformMessageID(value) {
    case .digits: try output.append(value)
    case .number(let number): try output.append(decimal: number)
    case .opaque: try output.append(hexadecimal: value)
    }
  }

  #if !hasFeature(Embedded)
  /// The id as it is shown; empty for no bytes.
  public static func text(_ value: Span<UInt8>) -> String {
    var buffer = [UInt8](repeating: 0, count: 2 * value.count + 20)
    var writer = ByteWriter(buffer.mutableSpan)
    do throws(CapacityError) {
      try write(value, into: &writer)
    } catch {
      preconditionFailure("two digits a byte are room enough, and 20 for a number")
    }
    let count = writer.count
    return String(decoding: buffer[..<count], as: UTF8.self)
  }
  #endif
}
