// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import PayloadCoding

/// What the platform publishes to `/ext/notify` about the connection itself.
///
/// Before it closes the connection of a device whose identity connects elsewhere it sends
/// `{"title":"kick","content":"Kicked by the same device"}`, to a client whose id has `ext=3`. Unverified: seen in
/// public code of devices, in no document of the platform.
public enum MQTTNotice: Equatable, Sendable {
  /// The same identity has connected elsewhere.
  case kicked
  /// Something else, which is left alone.
  case other

  /// Where notices come.
  public static var topic: StaticString { "/ext/notify" }

  /// Reads bytes that anybody may have sent: one JSON object whose title counts.
  ///
  /// A kick costs a connection half an hour, so that one that comes twice, or in broken JSON, is none.
  public init(json: Span<UInt8>) {
    self = (try? Self.read(json)) ?? .other
  }

  private static func read(_ json: Span<UInt8>) throws(JSONError) -> MQTTNotice {
    var reader = JSONReader(received: json)
    var titles = 0
    var isKick = false
    guard try reader.next() == .beginObject else { return .other }
    while case .key(let key)? = try reader.next() {
      guard let value = try reader.next() else { return .other }
      if reader.string(key, equals: "title") {
        titles += 1
        if case .string(let range) = value { isKick = reader.string(range, equals: "kick") }
      }
      try reader.skip(value)
    }
    guard try reader.next() == nil else { return .other }
    return isKick && titles == 1 ? .kicked : .other
  }
}
