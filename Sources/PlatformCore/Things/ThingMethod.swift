// SPDX-License-Identifier: Apache-2.0
/// The method of a device's message on one of the platform's topics (device guide 4 and 6).
package enum ThingMethod: Equatable {
  case postProperties
  case postEvent(String)
  case postPack
  case updateTags
  case deleteTags
  case getDesired
  case deleteDesired
  case getConfiguration
  case getModel
  case addTopology
  case deleteTopology
  case getTopology
  case reportFound
  case registerSubDevices
  case informFirmware
  case reportProgress
  case requestFirmware
  case postRaw
  /// A device's answer to a message of the platform.
  case answer

  /// The method of a topic's segments, without the leading `topic`; `nil` if the guide has none.
  init?(topic: ArraySlice<String>) {
    let segments = Array(topic)
    if segments.count > 4, segments[0] == "sys", segments[3] == "thing" {
      let rest = segments[4...].joined(separator: "/")
      if let request = Self.request(rest) {
        self = request
      } else if rest.hasSuffix("_reply"), Self.request(String(rest.dropLast(6))) == nil {
        // Excludes the platform's own answers.
        self = .answer
      } else {
        return nil
      }
    } else if segments.count == 6, segments[0] == "sys", segments[3] == "rrpc",
      segments[4] == "response"
    {
      self = .answer
    } else if segments.count > 5, segments[0] == "ext", segments[1] == "rrpc" {
      self = .answer
    } else if segments.count == 5, segments[0] == "ota", segments[1] == "device" {
      switch segments[2] {
      case "inform": self = .informFirmware
      case "progress": self = .reportProgress
      case "request": self = .requestFirmware
      default: return nil
      }
    } else {
      return nil
    }
  }

  /// The method for the part of a topic after `/sys/PK/DN/thing/`.
  static func request(_ rest: String) -> ThingMethod? {
    if let known = known[rest] { return known }
    let segments = rest.split(separator: "/", omittingEmptySubsequences: false)
    guard segments.count == 3, segments[0] == "event", segments[2] == "post",
      isIdentifier(segments[1])
    else { return nil }
    return .postEvent(String(segments[1]))
  }

  /// Whether the text can be the identifier of an event or service.
  ///
  /// Unverified: letters, digits and `_`, like all of the guide's identifiers.
  static func isIdentifier(_ text: Substring) -> Bool {
    !text.isEmpty
      && text.unicodeScalars.allSatisfy { SimulatedThings.isLetterOrDigit($0) || $0 == "_" }
  }

  private static let known: [String: ThingMethod] = [
    "event/property/post": .postProperties,
    "event/property/pack/post": .postPack,
    // The guide prints this topic with the method of the other one.
    "event/property/ack/post": .postPack,
    "deviceinfo/update": .updateTags,
    "deviceinfo/delete": .deleteTags,
    "property/desired/get": .getDesired,
    "property/desired/delete": .deleteDesired,
    "config/get": .getConfiguration,
    "dsltemplate/get": .getModel,
    "topo/add": .addTopology,
    "topo/delete": .deleteTopology,
    "topo/get": .getTopology,
    "list/found": .reportFound,
    "sub/register": .registerSubDevices,
    "model/up_raw": .postRaw,
  ]

  /// The member `method` of the envelope, or the log's word for a message without it.
  var name: String {
    switch self {
    case .postProperties: "thing.event.property.post"
    case .postEvent(let identifier): "thing.event.\(identifier).post"
    case .postPack: "thing.event.property.pack.post"
    case .updateTags: "thing.deviceinfo.update"
    case .deleteTags: "thing.deviceinfo.delete"
    case .getDesired: "thing.property.desired.get"
    case .deleteDesired: "thing.property.desired.delete"
    case .getConfiguration: "thing.config.get"
    case .getModel: "thing.dsltemplate.get"
    case .addTopology: "thing.topo.add"
    case .deleteTopology: "thing.topo.delete"
    case .getTopology: "thing.topo.get"
    case .reportFound: "thing.list.found"
    case .registerSubDevices: "thing.sub.register"
    case .informFirmware: "ota inform"
    case .reportProgress: "ota progress"
    case .requestFirmware: "ota request"
    case .postRaw: "up_raw"
    case .answer: "reply"
    }
  }

  /// Whether the message is `{id, params}` alone, as for upgrades in the guide.
  var isUpgrade: Bool {
    switch self {
    case .informFirmware, .reportProgress, .requestFirmware: true
    default: false
    }
  }

  /// Whether the platform sends no answer.
  var isUnanswered: Bool {
    switch self {
    case .informFirmware, .reportProgress, .answer: true
    default: false
    }
  }

  /// Whether the payload need not be JSON or CBOR.
  package var isOpaque: Bool { self == .postRaw || self == .answer }

  /// Whether `id` may be a number, as the guide prints it here, although its tables say String.
  var takesNumericIdentifier: Bool { isUpgrade || self == .getConfiguration }
}
