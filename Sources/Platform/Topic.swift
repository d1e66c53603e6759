// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore

/// A valid topic for reports, such as `/a1GFjLP3xxC/device/pub` (device guide 3.5: a topic is the
/// path of the resource, the same as in MQTT).
public struct Topic: Equatable, Sendable {
  /// The maximum length of a topic in bytes: the path limit of the platform's SDK v3.
  public static var maxCount: Int { 128 }

  /// The topic in UTF-8, including its leading slash.
  public private(set) var bytes = FixedBytes<128>()

  /// The empty topic, for reports that need none.
  ///
  /// An optional topic would be copied field by field wherever it is passed.
  package init() {}

  /// Checks `bytes`: at most 128 (the path limit of the platform's SDK v3), a leading slash, no
  /// empty or dot segment, no wildcards or control characters, which are not allowed in a topic to
  /// publish to, and UTF-8, as required for Uri-Path (RFC 7252 Section 5.10.1).
  @inline(never)
  public init(_ bytes: Span<UInt8>) throws(TopicError) {
    guard bytes.count <= 128 else { throw .tooLong(bytes.count) }
    guard bytes.count > 0, bytes[0] == UInt8(ascii: "/") else { throw .noLeadingSlash }
    guard bytes.isUTF8 else { throw .notUTF8 }
    var start = 1
    for index in 1...bytes.count {
      guard index == bytes.count || bytes[index] == UInt8(ascii: "/") else {
        let byte = bytes[index]
        guard byte != UInt8(ascii: "+"), byte != UInt8(ascii: "#") else {
          throw .wildcard(offset: index)
        }
        guard byte > 0x20, byte != 0x7F else { throw .unprintable(offset: index) }
        continue
      }
      guard index > start else { throw .emptySegment(offset: start) }
      let dot = UInt8(ascii: ".")
      if index - start <= 2, bytes[start] == dot, bytes[index - 1] == dot {
        throw .dotSegment(offset: start)
      }
      start = index + 1
    }
    do throws(CapacityError) {
      try self.bytes.replace(with: bytes)
    } catch {
      throw .tooLong(bytes.count)
    }
  }
}

extension Topic {
  /// Takes bytes that were checked when the report was accepted.
  package mutating func take(checked bytes: Span<UInt8>) throws(CapacityError) {
    try self.bytes.replace(with: bytes)
  }
}

/// Why bytes are not a topic for reports; offsets are in bytes from the start.
public enum TopicError: Error, Equatable, Sendable {
  /// More than 128 bytes.
  case tooLong(Int)
  /// It does not start with a slash.
  case noLeadingSlash
  /// Two slashes in a row, or one at the end.
  case emptySegment(offset: Int)
  /// A segment "." or "..", which Uri-Path forbids (RFC 7252 Section 5.10.1).
  case dotSegment(offset: Int)
  /// A `+` or `#`, which is allowed in subscriptions only.
  case wildcard(offset: Int)
  /// A space or a control character.
  case unprintable(offset: Int)
  /// Bytes that are not UTF-8 (RFC 7252 Section 5.10.1).
  case notUTF8
}

// They take the bytes: a `Topic` would be copied first.
extension Topic {
  /// Whether the platform answers messages on that topic with a reply that has a code: the thing
  /// model's topics, `/sys/…` (device guide 6), and those of firmware, `/ota/…` (device guide 4).
  @inline(never)
  package static func hasReplies(_ topic: Span<UInt8>) -> Bool {
    guard topic.count > 5, topic[4] == UInt8(ascii: "/") else { return false }
    let name = topic.extracting(1..<4)
    return name.isEqual(to: "sys") || name.isEqual(to: "ota")
  }

  /// Whether a reply of 500 on that topic means that there is no newer firmware (device guide
  /// 6.11), rather than a fault.
  package static func asksForFirmware(_ topic: Span<UInt8>) -> Bool {
    let start = Span("/ota/device/request/" as StaticString)
    return topic.count > start.count && topic.extracting(0..<start.count).isEqual(to: start)
  }
}
