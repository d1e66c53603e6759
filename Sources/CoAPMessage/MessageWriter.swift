// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore

/// Writes one CoAP message from its first byte to its last (RFC 7252 Section 3).
///
/// Order of calls: the initialiser writes header and token; then come the options in ascending
/// order of their numbers, then the payload, once. A call that throws writes nothing; everything
/// written before it stays.
@frozen
public struct MessageWriter: ~Copyable, ~Escapable {
  @usableFromInline
  var output: ByteWriter

  /// The least number allowed for the next option; above every number in an Empty message.
  @usableFromInline
  var leastOption: UInt32

  /// Writes header and token at the start of `storage`.
  @inlinable
  @_lifetime(copy storage)
  public init(
    _ storage: consuming MutableSpan<UInt8>,
    type: MessageType,
    code: Code,
    messageID: UInt16,
    token: Token
  ) throws(MessageWriterError) {
    // conformance: 7252-4.1-a
    guard code != .empty || token.count == 0 else { throw .emptyMessageWithToken }
    // conformance: 7252-3-a
    let first = 0x40 | type.rawValue << 4 | UInt8(truncatingIfNeeded: token.count)
    let header = UInt32(first) | UInt32(code.rawValue) << 8 | UInt32(messageID.byteSwapped) << 16
    let output: ByteWriter
    if quickRoads, token.count <= 4, storage.count >= 8 {
      let start = UInt64(widening: header) | token.bits &<< 32
      output = ByteWriter(storage, startingWith: start, count: 4 &+ token.count)
    } else {
      output = try Self.begin(storage, header, token)
    }
    self.output = output
    // conformance: 7252-4.1-b
    leastOption = code == .empty ? .max : 0
  }

  /// The size of the message so far, in bytes.
  @inlinable
  public var count: Int { output.count }

  /// Appends an option with `value` unchanged.
  @inlinable
  #if SMALL
  @inline(never)
  #else
  @inline(__always)
  #endif
  public mutating func option(
    _ number: OptionNumber,
    _ value: Span<UInt8>
  ) throws(MessageWriterError) {
    let delta = delta(to: number)
    if quickRoads, delta < 13, value.count < 13 {
      let header = UInt8(truncatingIfNeeded: delta &<< 4 | UInt32(truncatingIfNeeded: value.count))
      if output.appendAtOnce(header, then: value) {
        leastOption = UInt32(number.rawValue)
        return
      }
    }
    try longOption(number, value)
  }

  /// Appends an option whose value is a number, in the fewest bytes (RFC 7252 Section 3.2).
  @inlinable
  #if SMALL
  @inline(never)
  #else
  @inline(__always)
  #endif
  public mutating func option(
    _ number: OptionNumber,
    uint value: UInt64
  ) throws(MessageWriterError) {
    let delta = delta(to: number)
    if quickRoads, delta < 13, value <= 0xFFFF {
      let value = UInt32(truncatingIfNeeded: value)
      let length: UInt32 = value > 0xFF ? 2 : value > 0 ? 1 : 0
      let bytes = value > 0xFF ? value.byteSwapped &>> 8 : value &<< 8
      let option = UInt64(widening: bytes | delta &<< 4 | length)
      if output.appendAtOnce(option, count: Int(1 &+ length)) {
        leastOption = UInt32(number.rawValue)
        return
      }
    }
    try longOption(number, uint: value)
  }

  /// Appends the payload marker and `payload`; appends nothing if it is empty (RFC 7252 Section 3:
  /// a marker without a payload is a format error).
  public mutating func payload(_ payload: Span<UInt8>) throws(MessageWriterError) {
    guard payload.count > 0 else { return }
    precondition(leastOption <= 0xFFFF, "an Empty message has no payload (RFC 7252 Section 4.1)")
    guard payload.count < output.remaining else { throw .capacity }
    output.put(0xFF)
    output.put(payload)
  }

  /// Lets `write` append the payload where it is to stand; without a byte of it there is none.
  public mutating func payload(
    _ write: (inout ByteWriter) throws(MessageWriterError) -> Void
  ) throws(MessageWriterError) {
    precondition(leastOption <= 0xFFFF, "an Empty message has no payload (RFC 7252 Section 4.1)")
    guard output.remaining > 0 else { throw .capacity }
    let start = output.count
    output.put(0xFF)
    do throws(MessageWriterError) {
      try write(&output)
    } catch {
      output.truncate(to: start)
      throw error
    }
    if output.count == start &+ 1 { output.truncate(to: start) }
  }

  @inlinable
  @inline(__always)
  func delta(to number: OptionNumber) -> UInt32 {
    // conformance: 7252-3.1-a
    precondition(
      UInt32(number.rawValue) >= leastOption,
      "options are written in ascending order, and none in an Empty message"
    )
    return UInt32(number.rawValue) &- leastOption
  }
}

// MARK: - Slow paths

extension MessageWriter {
  /// Writes the header and a token of any length.
  @usableFromInline
  @_lifetime(copy storage)
  static func begin(
    _ storage: consuming MutableSpan<UInt8>,
    _ header: UInt32,
    _ token: Token
  ) throws(MessageWriterError) -> ByteWriter {
    guard 4 + token.count <= storage.count else { throw .capacity }
    var output = ByteWriter(storage)
    for index: UInt8 in 0..<4 {
      output.put(UInt8(truncatingIfNeeded: header &>> UInt32(index &* 8)))
    }
    for index in 0..<token.count { output.put(token[index]) }
    return output
  }

  /// Appends an option whose header has more than one byte, or that may not fit.
  @usableFromInline
  mutating func longOption(
    _ number: OptionNumber,
    _ value: Span<UInt8>
  ) throws(MessageWriterError) {
    guard value.count <= 65_804 else { throw .capacity }
    let delta = UInt32(number.rawValue) &- leastOption
    let length = UInt32(truncatingIfNeeded: value.count)
    guard quickRoads else {
      try plainOption(delta, length, value)
      leastOption = UInt32(number.rawValue)
      return
    }
    // Built from its end, because its first byte belongs in the lowest place.
    var header: UInt64 = 0
    var count = 1
    let lengthNibble = Self.extend(length, before: &header, &count)
    let deltaNibble = Self.extend(delta, before: &header, &count)
    header = header &<< 8 | UInt64(widening: deltaNibble &<< 4 | lengthNibble)
    guard output.append(header, count: count, then: value) else { throw .capacity }
    leastOption = UInt32(number.rawValue)
  }

  /// Prepends the extended bytes of a delta or length to `header`, if any, and returns its nibble
  /// (RFC 7252 Section 3.1).
  @inline(__always)
  private static func extend(
    _ value: UInt32,
    before header: inout UInt64,
    _ count: inout Int
  ) -> UInt32 {
    if value < 13 { return value }
    if value < 269 {
      header = header &<< 8 | UInt64(widening: value &- 13)
      count &+= 1
      return 13
    }
    let rest = UInt16(truncatingIfNeeded: value &- 269)
    header = header &<< 16 | UInt64(widening: rest.byteSwapped)
    count &+= 2
    return 14
  }

  /// Appends the option byte by byte.
  private mutating func plainOption(
    _ delta: UInt32,
    _ length: UInt32,
    _ value: Span<UInt8>
  ) throws(MessageWriterError) {
    let start = output.count
    do throws(CapacityError) {
      let nibbles = Self.nibble(delta) &<< 4 | Self.nibble(length)
      try output.append(UInt8(truncatingIfNeeded: nibbles))
      try appendExtension(of: delta)
      try appendExtension(of: length)
      try output.append(value)
    } catch {
      output.truncate(to: start)
      throw .capacity
    }
  }

  private static func nibble(_ value: UInt32) -> UInt32 {
    value < 13 ? value : value < 269 ? 13 : 14
  }

  @inline(never)
  private mutating func appendExtension(of value: UInt32) throws(CapacityError) {
    if value < 13 { return }
    let rest = value < 269 ? value &- 13 : value &- 269
    if value >= 269 { try output.append(UInt8(truncatingIfNeeded: rest &>> 8)) }
    try output.append(UInt8(truncatingIfNeeded: rest))
  }

  /// Appends an option whose value is a number of up to 64 bits.
  @usableFromInline
  mutating func longOption(
    _ number: OptionNumber,
    uint value: UInt64
  ) throws(MessageWriterError) {
    // conformance: 7252-3.2-a
    let length = (71 &- value.leadingZeroBitCount) &>> 3
    var bytes = InlineArray<8, UInt8>(repeating: 0)
    for index in bytes.indices {
      bytes[index] = UInt8(
        truncatingIfNeeded: value &>> UInt64(widening: UInt8(truncatingIfNeeded: 56 &- index &* 8))
      )
    }
    try longOption(number, bytes.span.extracting(8 - length..<8))
  }
}

/// Why a message could not be written.
public enum MessageWriterError: Error, Equatable, Sendable {
  /// The message does not fit into the storage.
  case capacity
  /// A message of code 0.00 has no token (RFC 7252 Section 4.1).
  case emptyMessageWithToken
  /// A path segment is "." or "..", which Uri-Path must not be (RFC 7252 Section 5.10.1).
  case dotSegment
}
