// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore

/// The platform's message id, the value of option 2090, in the form shown to people and programs.
///
/// Unverified: no document specifies the bytes. A value of ASCII digits is shown as it is, any
/// other of up to 8 bytes as an unsigned integer (RFC 7252 Section 3.2), and a longer one in
/// hexadecimal. Over HTTPS the platform's ids have 18 decimal digits (device guide 3.8). A Double
/// cannot hold that many, so in JSON an id is a string.
public enum PlatformMessageID: Equatable, Sendable {
  /// ASCII digits, shown unchanged.
  case digits
  /// An unsigned integer.
  case number(UInt64)
  /// Any other bytes, shown in hexadecimal.
  case opaque

  /// Determines the form of an id from its bytes.
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

  /// Appends the id in the form shown.
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
  /// The id in the form shown; empty if there are no bytes.
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
