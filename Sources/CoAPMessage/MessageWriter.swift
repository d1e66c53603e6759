public import ConstrainedCore

/// Writes one CoAP message from its first byte to its last (RFC 7252 Section 3).
///
/// Order of calls: the initialiser writes header and token, then the options in ascending order of
/// their numbers, then the payload once. A call that throws writes nothing of its own; what was
/// written before stays.
@frozen
public struct MessageWriter: ~Copyable, ~Escapable {
  @usableFromInline
  var output: ByteWriter
  @usableFromInline
  var lastOption: UInt16
  @usableFromInline
  var isEmptyMessage: Bool

  /// Writes header and token at the start of `storage`.
  @_lifetime(copy storage)
  public init(
    _ storage: consuming MutableSpan<UInt8>,
    type: MessageType,
    code: Code,
    messageID: UInt16,
    token: Token
  ) throws(MessageWriterError) {
    guard code != .empty || token.count == 0 else { throw .emptyMessageWithToken }
    var output = ByteWriter(storage)
    do throws(CapacityError) {
      try output.append(0x40 | type.rawValue << 4 | UInt8(truncatingIfNeeded: token.count))
      try output.append(code.rawValue)
      try output.append(UInt8(truncatingIfNeeded: messageID >> 8))
      try output.append(UInt8(truncatingIfNeeded: messageID))
      for index in 0..<token.count { try output.append(token[index]) }
    } catch {
      throw .capacity
    }
    self.output = output
    lastOption = 0
    isEmptyMessage = code == .empty
  }

  /// How many bytes the message has so far.
  @inlinable
  public var count: Int { output.count }

  /// Appends an option with its value as it stands.
  public mutating func option(
    _ number: OptionNumber,
    _ value: Span<UInt8>
  ) throws(MessageWriterError) {
    let start = output.count
    do throws(CapacityError) {
      try optionHeader(number, length: value.count)
      try output.append(value)
    } catch {
      output.truncate(to: start)
      throw .capacity
    }
    lastOption = number.rawValue
  }

  /// Appends an option with a number as value, in as few bytes as it takes (RFC 7252 Section 3.2).
  public mutating func option(
    _ number: OptionNumber,
    uint value: UInt64
  ) throws(MessageWriterError) {
    let start = output.count
    let length = (64 - value.leadingZeroBitCount + 7) / 8
    do throws(CapacityError) {
      try optionHeader(number, length: length)
      for index in stride(from: length - 1, through: 0, by: -1) {
        try output.append(UInt8(truncatingIfNeeded: value &>> UInt64(widening: UInt8(index * 8))))
      }
    } catch {
      output.truncate(to: start)
      throw .capacity
    }
    lastOption = number.rawValue
  }

  /// Appends the payload marker and `payload`; nothing at all when it is empty (RFC 7252 Section 3:
  /// a marker with no payload after it is a format error).
  public mutating func payload(_ payload: Span<UInt8>) throws(MessageWriterError) {
    guard payload.count > 0 else { return }
    precondition(!isEmptyMessage, "an Empty message has no payload (RFC 7252 Section 4.1)")
    guard payload.count < output.remaining else { throw .capacity }
    do throws(CapacityError) {
      try output.append(0xFF)
      try output.append(payload)
    } catch {
      throw .capacity
    }
  }

  private mutating func optionHeader(
    _ number: OptionNumber,
    length: Int
  ) throws(CapacityError) {
    precondition(!isEmptyMessage, "an Empty message has no options (RFC 7252 Section 4.1)")
    precondition(number.rawValue >= lastOption, "options are written in ascending order")
    guard length <= 65_804 else { throw CapacityError() }
    let delta = Int(number.rawValue - lastOption)
    let header = Self.nibble(delta) << 4 | Self.nibble(length)
    try output.append(header)
    try appendExtended(delta)
    try appendExtended(length)
  }

  @inline(__always)
  private static func nibble(_ value: Int) -> UInt8 {
    value < 13 ? UInt8(truncatingIfNeeded: value) : value < 269 ? 13 : 14
  }

  @inline(__always)
  private mutating func appendExtended(_ value: Int) throws(CapacityError) {
    if value < 13 { return }
    if value < 269 {
      try output.append(UInt8(truncatingIfNeeded: value - 13))
    } else {
      try output.append(UInt8(truncatingIfNeeded: (value - 269) >> 8))
      try output.append(UInt8(truncatingIfNeeded: value - 269))
    }
  }
}

/// Why a message could not be written.
public enum MessageWriterError: Error, Equatable, Sendable {
  /// The storage has no room for it.
  case capacity
  /// A message of code 0.00 has no token (RFC 7252 Section 4.1).
  case emptyMessageWithToken
  /// A path segment is "." or "..", which Uri-Path must not be (RFC 7252 Section 5.10.1).
  case dotSegment
}
