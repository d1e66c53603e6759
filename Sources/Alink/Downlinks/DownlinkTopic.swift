// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import Platform

/// A topic on which the platform sends, taken apart: its kind, whose it is, and the name in it.
///
/// Ranges are places in the topic's bytes.
public struct DownlinkTopic: Sendable {
  /// What comes on it.
  public let kind: DownlinkKind
  /// The product key of the device that it is for; empty in a custom synchronous call, which names none.
  public private(set) var productKey = 0..<0
  /// That device's name; empty likewise.
  public private(set) var deviceName = 0..<0
  /// A service's identifier, or the message id of a synchronous call; else empty.
  public private(set) var name = 0..<0
  /// What stands behind `/sys/PK/DN/`; empty in a topic that is absolute.
  let path: Range<Int>

  /// Reads a topic of at most 128 bytes; a reply to a request of the device's own is `.reply`.
  public init(_ topic: Span<UInt8>) throws(DownlinkFault) {
    guard topic.count <= Topic.maxCount else { throw .topicTooLong(topic.count) }
    guard topic.isUTF8 else { throw .topic }
    for index in topic.indices {
      switch topic[index] {
      case 0...0x20, 0x7F, UInt8(ascii: "+"), UInt8(ascii: "#"): throw .topic
      default: break
      }
    }
    if topic.starts(with: "/sys/") {
      productKey = try Self.name(topic, from: 5)
      deviceName = try Self.name(topic, from: productKey.upperBound + 1)
      guard deviceName.upperBound < topic.count else { throw .unknownTopic }
      path = deviceName.upperBound + 1..<topic.count
      kind = try Self.kind(of: topic.extracting(path))
      let start = path.lowerBound + Span(kind.path).count
      if kind == .service || kind == .synchronousCall { name = start..<topic.count }
      return
    }
    path = 0..<0
    if topic.starts(with: DownlinkKind.customCall.path) {
      kind = .customCall
      name = try Self.name(topic, from: 10)
      // The message id, a slash and at least something of the application's own.
      guard name.upperBound + 1 < topic.count else { throw .unknownTopic }
      return
    }
    kind = topic.starts(with: DownlinkKind.firmware.path) ? .firmware : .subDeviceError
    guard topic.starts(with: kind.path) else { throw Self.fault(topic) }
    productKey = try Self.name(topic, from: Span(kind.path).count)
    deviceName = try Self.name(topic, from: productKey.upperBound + 1)
    guard deviceName.upperBound == topic.count else { throw .unknownTopic }
  }

  /// Whether `topic`, which this was read from, is of that device; a custom synchronous call is of whoever gets
  /// it.
  public func isOf(_ device: DeviceIdentity, _ topic: Span<UInt8>) -> Bool {
    if kind == .customCall { return true }
    return topic.extracting(productKey).isEqual(to: device.productKey.bytes)
      && topic.extracting(deviceName).isEqual(to: device.deviceName.bytes)
  }

  /// Appends the topic of the answer to `topic`, which this was read from; nothing where none is due.
  public func writeAnswerTopic(
    of topic: Span<UInt8>,
    into output: inout ByteWriter
  ) throws(CapacityError) {
    switch kind.answer {
    case .nothing: return
    case .alink: try output.append(topic, then: "_reply")
    case .bytes where kind == .customCall: try output.append(topic)
    case .bytes: try output.append(topic, then: "_reply")
    case .alinkOrBytes:
      let start = output.count
      do throws(CapacityError) {
        try output.append(topic.extracting(0..<path.lowerBound))
        try output.append("rrpc/response/")
        try output.append(topic.extracting(name))
      } catch {
        output.truncate(to: start)
        throw error
      }
    }
  }

  /// The segment at `start`, which has at least a byte.
  private static func name(
    _ topic: Span<UInt8>,
    from start: Int
  ) throws(DownlinkFault) -> Range<Int> {
    var end = start
    while end < topic.count, topic[end] != UInt8(ascii: "/") { end += 1 }
    guard start < end else { throw .unknownTopic }
    return start..<end
  }

  /// The kind of what stands behind the names.
  private static func kind(of path: Span<UInt8>) throws(DownlinkFault) -> DownlinkKind {
    for value in 0..<DownlinkKind.count {
      guard let kind = DownlinkKind(rawValue: value), !kind.isAbsolute else { continue }
      if path.isEqual(to: kind.path) {
        if kind == .service || kind == .synchronousCall { throw .unknownTopic }
        return kind
      }
    }
    guard !isReply(path) else { throw .reply }
    if path.starts(with: DownlinkKind.synchronousCall.path) {
      let start = Span(DownlinkKind.synchronousCall.path).count
      guard try name(path, from: start).upperBound == path.count else { throw .unknownTopic }
      return .synchronousCall
    }
    guard path.starts(with: DownlinkKind.service.path) else { throw .unknownTopic }
    let identifier = try name(path, from: Span(DownlinkKind.service.path).count)
    guard identifier.upperBound == path.count else { throw .unknownTopic }
    do throws(AlinkError) {
      try checkIdentifier(path.extracting(identifier))
    } catch {
      throw .unknownTopic
    }
    return .service
  }

  private static func fault(_ topic: Span<UInt8>) -> DownlinkFault {
    isReply(topic) ? .reply : .unknownTopic
  }

  /// Whether a topic is that of a reply: to the device, or the device's own that comes back to it.
  private static func isReply(_ topic: Span<UInt8>) -> Bool {
    let suffix = Span("_reply" as StaticString)
    guard topic.count > suffix.count else { return false }
    return topic.extracting(topic.count - suffix.count..<topic.count).isEqual(to: suffix)
      || topic.starts(with: "rrpc/response/")
  }
}

extension Span where Element == UInt8 {
  /// Whether the first bytes are those of a literal.
  fileprivate func starts(with text: StaticString) -> Bool {
    let start = Span(text)
    return count >= start.count && extracting(0..<start.count).isEqual(to: start)
  }
}

extension ByteWriter {
  /// Appends bytes and a literal, or nothing.
  fileprivate mutating func append(
    _ bytes: Span<UInt8>,
    then text: StaticString
  ) throws(CapacityError) {
    guard remaining >= bytes.count + Span(text).count else { throw CapacityError() }
    try append(bytes)
    try append(text)
  }
}
