// SPDX-License-Identifier: Apache-2.0
/// Whether a device may publish to a topic.
public enum TopicVerdict: Sendable {
  /// The device may publish.
  case publish
  /// The platform publishes there, and the device may only subscribe.
  case subscribeOnly
  /// The topic belongs to another device.
  case foreign
  /// The topic does not exist.
  case unknown
}

extension TopicVerdict {
  /// Judges a topic's segments, without the leading `topic`, for a device with these classes; of two classes
  /// with one name the later one counts.
  ///
  /// With `isConnected` the topics of synchronous calls, which need a connection, count as well.
  init(
    _ topic: ArraySlice<String>,
    of device: SimulatedDevice,
    _ classes: [TopicClass],
    _ model: ProductModel? = nil,
    isConnected: Bool = false
  ) {
    let prefix = Self.prefixLength(topic)
    let owner = topic.dropFirst(prefix).prefix(2)
    let rest = topic.dropFirst(prefix + 2)
    // The sessions of sub-devices and the rest of /ext are MQTT's; so is /ext/register, which names nobody.
    let isCall = isConnected && topic.dropFirst().first == "rrpc"
    let isSession = isConnected && topic.dropFirst().first == "session"
    if topic.first == "ext", topic.dropFirst().first != "error", !isCall, !isSession {
      self = .unknown
      return
    }
    guard owner.count == 2, Self.areLevels(topic) else {
      self = .unknown
      return
    }
    guard owner.elementsEqual([device.productKey, device.deviceName]) else {
      self = .foreign
      return
    }
    switch topic.first {
    case "sys": self = Self.system(rest, model)
    case "ota": self = Self.upgrade(topic)
    // Unverified: `/ext/rrpc/ID/TOPIC`, of which the guide has nothing; request and answer have the same topic.
    case "ext" where isCall: self = rest.isEmpty ? .unknown : .publish
    case "ext" where isSession: self = Self.session(topic)
    case "ext": self = rest.isEmpty ? .subscribeOnly : .unknown
    // The device's shadow, which is not in the guide.
    case "shadow": self = .unknown
    default: self = Self.custom(rest, classes)
    }
  }

  /// Whether segments can be the levels of a topic: a slash inside a segment does not separate
  /// levels, and wildcards and U+0000 are not allowed when publishing (MQTT 3.1.1, 4.7).
  static func areLevels(_ topic: ArraySlice<String>) -> Bool {
    topic.allSatisfy { level in
      level.utf8.allSatisfy { byte in
        switch byte {
        case 0, UInt8(ascii: "/"), UInt8(ascii: "+"), UInt8(ascii: "#"): false
        default: true
        }
      }
    }
  }

  /// Whether a topic contains the device's name in the place for its kind of topic.
  static func names(_ device: SimulatedDevice, in topic: ArraySlice<String>) -> Bool {
    topic.dropFirst(prefixLength(topic)).prefix(2) == [device.productKey, device.deviceName]
  }

  /// The number of segments before product key and device name: `/PK/DN/…`, `/sys/PK/DN/…`,
  /// `/ota/device/X/PK/DN` and `/ext/X/PK/DN` (device guide 3.5, 4, 5 and 6);
  /// `/ext/rrpc/ID/PK/DN/…` and `/shadow/X/PK/DN` are newer topics of the platform.
  private static func prefixLength(_ topic: ArraySlice<String>) -> Int {
    switch topic.first {
    case "sys": 1
    case "ota": 3
    case "ext": topic.dropFirst().first == "rrpc" ? 3 : 2
    case "shadow": 2
    default: 0
    }
  }

  /// `PRODUCTKEY/DEVICENAME` in the place for the kind of topic; `nil` where there is none, or a wildcard.
  static func owner(in topic: ArraySlice<String>) -> String? {
    let names = topic.dropFirst(prefixLength(topic)).prefix(2)
    guard names.count == 2, areLevels(names) else { return nil }
    return names.joined(separator: "/")
  }

  /// `/ext/session/PK/DN/combine/X` (device guide 6.4).
  private static func session(_ topic: ArraySlice<String>) -> TopicVerdict {
    if SessionMethod(topic: topic) != nil { return .publish }
    guard let last = topic.last, last.hasSuffix("_reply") else { return .unknown }
    let request = topic.dropLast() + [String(last.dropLast("_reply".count))]
    return SessionMethod(topic: request[...]) == nil ? .unknown : .subscribeOnly
  }

  private static func custom(_ rest: ArraySlice<String>, _ classes: [TopicClass]) -> TopicVerdict {
    let name = rest.joined(separator: "/")
    return switch classes.last(where: { $0.name == name })?.permission {
    case .publish, .both: .publish
    case .subscribe: .subscribeOnly
    case nil: .unknown
    }
  }

  /// `/ota/device/X/PK/DN` (device guide 6.11).
  private static func upgrade(_ topic: ArraySlice<String>) -> TopicVerdict {
    let segments = Array(topic)
    guard segments.count == 5, segments[1] == "device" else { return .unknown }
    return switch segments[2] {
    case "inform", "progress", "request": .publish
    case "upgrade": .subscribeOnly
    default: .unknown
    }
  }

  /// The part of a topic after `/sys/PK/DN/`.
  private static func system(
    _ rest: ArraySlice<String>,
    _ model: ProductModel?
  ) -> TopicVerdict {
    // Unverified: the names of RRPC's topics, which are not in the guide, and that an id consists
    // of digits.
    if rest.first == "rrpc", rest.count == 3, let id = rest.last, id.utf8.allSatisfy(isDigit) {
      return switch rest.dropFirst().first {
      case "request": .subscribeOnly
      case "response": .publish
      default: .unknown
      }
    }
    guard rest.first == "thing", rest.count > 1 else { return .unknown }
    let name = rest.dropFirst().joined(separator: "/")
    if isUplink(name) { return .publish }
    if isDownlink(name, model) { return .subscribeOnly }
    guard name.hasSuffix("_reply") else { return .unknown }
    let request = String(name.dropLast("_reply".count))
    if isUplink(request) { return .subscribeOnly }
    return isDownlink(request, model) && request != "model/config/push" ? .publish : .unknown
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

  private static func isUplink(_ name: String) -> Bool {
    // Unverified: `status/update` is not in the guide; the platform's C SDKs send it after each
    // /auth.
    ThingMethod.request(name) != nil || name == "status/update"
  }

  /// Topics on which the platform sends (device guide 6.3, 6.5, 6.7, 6.8 and 6.12); services must
  /// be in the thing model, if there is one.
  private static func isDownlink(_ name: String, _ model: ProductModel?) -> Bool {
    switch name {
    case "service/property/set", "service/property/get", "model/down_raw", "topo/add/notify",
      "disable", "enable", "delete", "config/push", "model/config/push":
      return true
    default:
      let segments = name.split(separator: "/", omittingEmptySubsequences: false)
      guard segments.count == 2, segments[0] == "service", !segments[1].hasSuffix("_reply"),
        ThingMethod.isIdentifier(segments[1])
      else { return false }
      return model?.hasService(String(segments[1])) ?? true
    }
  }
}
