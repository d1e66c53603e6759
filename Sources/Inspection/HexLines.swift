// SPDX-License-Identifier: Apache-2.0
/// Splits a stream into lines, each with the bytes of one message in hexadecimal.
///
/// Spaces, tabs and colons may separate bytes, and "0x" may precede any; empty lines are skipped.
/// Memory held: one message, however long the line.
public struct HexLines: Sendable {
  /// The maximum number of bytes in a line, that of a UDP datagram.
  public static let limit = 65_535

  /// A line that is not empty.
  public struct Line: Equatable, Sendable {
    /// The line's number in the stream, counted from 1, including empty lines.
    public let number: Int
    /// The bytes of the line; empty for a line with "0x" alone.
    public let bytes: [UInt8]
    /// Why the line is not hexadecimal; `nil` if it is.
    public let error: HexLineError?
  }

  private var number = 1
  private var column = 0
  private var bytes: [UInt8] = []
  private var half: UInt8?
  private var isBlank = true
  private var error: HexLineError?

  /// Starts before the first line.
  public init() {}

  /// Processes the next byte of the stream; returns the line that it ends, if any.
  public mutating func take(_ byte: UInt8) -> Line? {
    guard byte != UInt8(ascii: "\n") else { return finish() }
    column += 1
    guard error == nil else { return nil }
    switch byte {
    case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: ":"), UInt8(ascii: "\r"):
      if half != nil { error = .halfByte(column: column - 1) }
    case UInt8(ascii: "x"), UInt8(ascii: "X"):
      guard half == 0 else {
        error = .notHexadecimal(byte, column: column)
        break
      }
      half = nil
    default: takeDigit(byte)
    }
    return nil
  }

  /// Processes the end of the stream; returns the last line, if it is not empty.
  public mutating func finish() -> Line? {
    if error == nil, half != nil { error = .halfByte(column: column) }
    defer {
      number += 1
      column = 0
      bytes = []
      half = nil
      isBlank = true
      error = nil
    }
    guard !isBlank || error != nil else { return nil }
    return Line(number: number, bytes: error == nil ? bytes : [], error: error)
  }

  private mutating func takeDigit(_ byte: UInt8) {
    guard let value = Self.value(of: byte) else {
      error = .notHexadecimal(byte, column: column)
      return
    }
    isBlank = false
    guard let high = half else {
      half = value
      return
    }
    guard bytes.count < Self.limit else {
      error = .tooLong
      bytes = []
      return
    }
    bytes.append(high << 4 | value)
    half = nil
  }

  private static func value(of digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}

/// Why a line is not the bytes of a message; columns are in bytes, counted from 1.
public enum HexLineError: Error, Equatable, Sendable {
  /// A byte that is neither a digit nor a separator.
  case notHexadecimal(UInt8, column: Int)
  /// A single digit, although a byte has two.
  case halfByte(column: Int)
  /// More bytes than a UDP datagram holds.
  case tooLong
}

extension HexLineError: CustomStringConvertible {
  /// States what is wrong with the line, in a sentence without a full stop.
  public var description: String {
    switch self {
    case .notHexadecimal(let byte, let column):
      if byte > 0x20, byte < 0x7F {
        "\(Unicode.Scalar(byte)) in column \(column) is not a hexadecimal digit"
      } else {
        "the byte in column \(column), number \(byte), is not a hexadecimal digit"
      }
    case .halfByte(let column):
      "the digit in column \(column) stands alone, and two make a byte"
    case .tooLong: "more than \(HexLines.limit) bytes, and a UDP datagram has no more"
    }
  }
}
