// SPDX-License-Identifier: Apache-2.0
/// A message taken apart by a dissector of the tests' own, so that what the codec writes is not judged
/// by the codec.
struct Dissection: Equatable, Sendable, CustomStringConvertible {
  enum Kind: UInt8 {
    case con, non, ack, rst
  }

  /// The numbers of RFC 7252 Section 12.2, RFC 7641 and RFC 7959, written down a second time.
  enum Option {
    static let ifMatch = 1
    static let eTag = 4
    static let ifNoneMatch = 5
    static let observe = 6
    static let locationPath = 8
    static let uriPath = 11
    static let contentFormat = 12
    static let maxAge = 14
    static let uriQuery = 15
    static let accept = 17
    static let block2 = 23
    static let block1 = 27
  }

  let bytes: [UInt8]
  let kind: Kind
  /// The code as people write it, "2.05".
  let code: String
  let messageID: Int
  let token: [UInt8]
  let options: [(number: Int, value: [UInt8])]
  let payload: [UInt8]

  static func == (left: Self, right: Self) -> Bool { left.bytes == right.bytes }

  /// `nil` when the bytes are not a message of version 1.
  init?(_ bytes: [UInt8]) {
    guard bytes.count >= 4, bytes[0] >> 6 == 1, let kind = Kind(rawValue: bytes[0] >> 4 & 3) else {
      return nil
    }
    self.bytes = bytes
    self.kind = kind
    let detail = bytes[1] & 0x1F
    code = "\(bytes[1] >> 5).\(detail < 10 ? "0" : "")\(detail)"
    messageID = Int(bytes[2]) << 8 | Int(bytes[3])
    var rest = bytes.dropFirst(4)
    let tokenLength = Int(bytes[0] & 0x0F)
    guard tokenLength <= 8, rest.count >= tokenLength else { return nil }
    token = Array(rest.prefix(tokenLength))
    rest = rest.dropFirst(tokenLength)

    var options: [(number: Int, value: [UInt8])] = []
    var number = 0
    while let header = rest.first, header != 0xFF {
      rest = rest.dropFirst()
      guard let delta = Self.extended(header >> 4, &rest),
        let length = Self.extended(header & 0x0F, &rest), rest.count >= length
      else { return nil }
      number += delta
      options.append((number, Array(rest.prefix(length))))
      rest = rest.dropFirst(length)
    }
    self.options = options
    if rest.count == 1 { return nil }
    payload = Array(rest.dropFirst())
  }

  private static func extended(_ nibble: UInt8, _ rest: inout ArraySlice<UInt8>) -> Int? {
    switch nibble {
    case 0...12: return Int(nibble)
    case 13:
      guard let byte = rest.popFirst() else { return nil }
      return Int(byte) + 13
    case 14:
      guard let high = rest.popFirst(), let low = rest.popFirst() else { return nil }
      return (Int(high) << 8 | Int(low)) + 269
    default: return nil
    }
  }

  /// The values of all options of that number.
  func values(_ option: Int) -> [[UInt8]] {
    options.filter { $0.number == option }.map(\.value)
  }

  /// The value of the only option of that number; `nil` when there is none, or more than one.
  func value(_ option: Int) -> [UInt8]? {
    let values = values(option)
    return values.count == 1 ? values[0] : nil
  }

  /// The only option of that number as a number.
  func number(_ option: Int) -> Int? {
    value(option)?.reduce(0) { $0 << 8 | Int($1) }
  }

  /// The values of all options of that number as text.
  func texts(_ option: Int) -> [String] {
    values(option).map { String(decoding: $0, as: UTF8.self) }
  }

  /// Block1 or Block2: which block, whether more follow, and SZX.
  func block(_ option: Int) -> Block? {
    guard let value = number(option) else { return nil }
    return Block(number: value >> 4, isMore: value & 8 != 0, exponent: value & 7)
  }

  struct Block: Equatable {
    let number: Int
    let isMore: Bool
    let exponent: Int

    var size: Int { 16 << exponent }
  }

  var description: String {
    var text = "\(kind) \(code) \(messageID) token \(token)"
    for option in options { text += " \(option.number)=\(option.value)" }
    return payload.isEmpty ? text : text + " payload \(payload.count) bytes"
  }
}
