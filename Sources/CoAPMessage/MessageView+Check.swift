// SPDX-License-Identifier: Apache-2.0
extension MessageView {
  /// The offset at which the options end: at the payload marker or at the end of the message.
  ///
  /// `nil` for a malformed message, and for unusual ones that `checking` has to decide.
  @inlinable
  @inline(__always)
  static func quickOptionsEnd(_ bytes: Span<UInt8>, _ header: UInt32) -> Int? {
    // Version 1 and TKL, with the type masked out: 0x40 to 0x48.
    let tokenLength = (header &>> 24 & 0xCF) &- 0x40
    guard tokenLength <= 8, header & 0x00FF_0000 != 0 else {
      return bytes.count == 4 && tokenLength == 0 ? 4 : nil
    }
    var offset = 4 &+ Int(truncatingIfNeeded: tokenLength)
    var extendedDeltas = 0
    while let first = bytes.byte(at: offset) {
      offset &+= 1
      if first >= 0xD0 {
        if first >= 0xF0 {
          guard first == 0xFF else { return nil }
          guard offset < bytes.count else { return nil }
          offset &-= 1
          break
        }
        guard let delta = bytes.extended(first &>> 4, at: &offset) else { return nil }
        extendedDeltas &+= delta
      }
      let length = Int(first & 0x0F)
      if length < 13 {
        offset &+= length
        continue
      }
      guard length != 15, let extended = bytes.extended(first & 0x0F, at: &offset) else {
        return nil
      }
      offset &+= extended
    }
    // A delta within the first byte is at most 12; in 4,000 bytes these add up to less than 48,000.
    // Only extended deltas can push the number over the limit.
    guard UInt(bitPattern: offset) <= UInt(bitPattern: bytes.count), bytes.count <= 4_000,
      extendedDeltas <= 0xFFFF - 48_000
    else { return nil }
    return offset
  }

  /// The beginning of a message that was cut off: keeps the options that are complete; the payload
  /// is incomplete.
  @_lifetime(copy bytes)
  package init(cut bytes: Span<UInt8>) throws(MessageFormatError) {
    var end = bytes.count
    do throws(MessageFormatError) {
      _ = try Self.checkedOptionsEnd(bytes)
    } catch {
      switch error {
      case .truncatedOptionDelta(let offset), .truncatedOptionLength(let offset),
        .truncatedOptionValue(let offset), .payloadMarkerWithoutPayload(let offset):
        end = offset
      default: throw error
      }
    }
    self = try Self.checking(bytes.extracting(0..<end))
  }

  /// Parses `bytes`, checking them byte by byte.
  @usableFromInline
  @inline(never)
  @_lifetime(copy bytes)
  static func checking(_ bytes: Span<UInt8>) throws(MessageFormatError) -> MessageView {
    let end = try checkedOptionsEnd(bytes)
    return MessageView(checked: bytes, optionsEnd: end, header: bytes.firstFourBytes)
  }

  /// Makes every check of the format and returns the offset at which the options end.
  static func checkedOptionsEnd(_ bytes: Span<UInt8>) throws(MessageFormatError) -> Int {
    guard bytes.count >= 4 else { throw .truncatedHeader(length: bytes.count) }
    let first = bytes[0]
    guard first >> 6 == 1 else { throw .unknownVersion(first >> 6) }
    let tokenLength = Int(first & 0x0F)
    // conformance: 7252-3-c
    guard tokenLength <= 8 else { throw .reservedTokenLength(first & 0x0F) }
    guard bytes.count >= 4 + tokenLength else { throw .truncatedToken }
    if bytes[1] == 0 {
      // RFC 7252 Section 4.1: an Empty message has TKL 0 and no bytes after the Message ID.
      // conformance: 7252-4.1-c
      guard tokenLength == 0 else { throw .emptyMessageWithToken }
      guard bytes.count == 4 else { throw .emptyMessageWithData }
    }
    var offset = 4 + tokenLength
    var number = 0
    while offset < bytes.count {
      let option = offset
      let first = bytes[option]
      offset += 1
      if first == 0xFF {
        // conformance: 7252-3-d
        guard offset < bytes.count else { throw .payloadMarkerWithoutPayload(offset: option) }
        return option
      }
      // conformance: 7252-3.1-b
      guard first < 0xF0 else { throw .reservedOptionDelta(offset: option) }
      guard let delta = bytes.value(of: first >> 4, at: &offset) else {
        throw .truncatedOptionDelta(offset: option)
      }
      // conformance: 7252-3.1-c
      guard first & 0x0F != 15 else { throw .reservedOptionLength(offset: option) }
      guard let length = bytes.value(of: first & 0x0F, at: &offset) else {
        throw .truncatedOptionLength(offset: option)
      }
      number += delta
      guard number <= 0xFFFF else { throw .optionNumberOverflow(offset: option) }
      guard length <= bytes.count - offset else { throw .truncatedOptionValue(offset: option) }
      offset += length
    }
    return offset
  }
}
