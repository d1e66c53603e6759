// SPDX-License-Identifier: Apache-2.0
internal import PayloadCoding
internal import PayloadValues
public import PlatformCore

/// What an MQTT client id says (device guide 3.2 and 3.3): `CLIENTID|securemode=2,signmethod=hmacsha1|`.
struct ClientIdentifier: Equatable {
  /// What stands before the bar, 1 to 64 bytes.
  let clientID: String
  /// 2 over TLS, 3 without; -2 for devices that are not registered beforehand.
  let securityMode: Int
  let signMethod: String?
  /// Digits.
  let timestamp: String?
  /// `register`, `regnwl` or `connwl`; `nil` for a device that has its secret.
  let kind: Kind?
  let random: String?
  let instanceID: String?
  /// Whether the device wants to be told before it is thrown out.
  let wantsNotice: Bool
  /// Whether the system's topics are subscribed to for it.
  let hasSystemTopics: Bool

  /// What a client wants that is no ordinary device.
  enum Kind: String {
    /// A device that the product lists wants its secret.
    case register
    /// A device that no product lists wants a token.
    case registerUnlisted = "regnwl"
    /// Such a device connects.
    case unlisted = "connwl"
  }

  private static let known: Set<String> = [
    "securemode", "signmethod", "timestamp", "authType", "random", "instanceId", "ext", "_ss",
  ]

  /// Reads a client id strictly.
  ///
  /// Unverified: `ext`, `_ss` and `connwl`, which public device code has and the guide has not.
  init(_ text: String, _ leniencies: inout LeniencyUse) throws(Refusal) {
    let parts = text.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 3, parts[2].isEmpty else {
      throw Refusal(.malformed, "the client id is not CLIENTID|securemode=…|")
    }
    guard (1...64).contains(parts[0].utf8.count) else {
      throw Refusal(.malformed, "the clientId has \(parts[0].utf8.count) bytes, not 1 to 64")
    }
    clientID = parts[0]
    let fields = try Self.fields(of: parts[1], &leniencies)
    guard let mode = fields["securemode"] else {
      throw Refusal(.malformed, "the client id has no securemode")
    }
    guard ["2", "3", "-2"].contains(mode), let number = Int(mode) else {
      throw Refusal(.malformed, "securemode is neither 2 nor 3")
    }
    securityMode = number
    signMethod = fields["signmethod"]
    timestamp = try Self.digits("timestamp", of: fields)
    random = fields["random"]
    instanceID = fields["instanceId"]
    if let text = fields["authType"] {
      guard let kind = Kind(rawValue: text) else {
        throw Refusal(.malformed, "authType is neither register nor regnwl")
      }
      self.kind = kind
    } else {
      kind = nil
    }
    wantsNotice = try Self.digits("ext", of: fields) == "3"
    let isSubscribed = try Self.digits("_ss", of: fields) ?? "0"
    guard isSubscribed == "0" || isSubscribed == "1" else {
      throw Refusal(.malformed, "_ss is neither 0 nor 1")
    }
    hasSystemTopics = isSubscribed == "1"
    let isUnlisted = kind == .registerUnlisted || kind == .unlisted
    guard (securityMode == -2) == isUnlisted else {
      throw Refusal(
        .malformed,
        "securemode -2 goes with authType regnwl and connwl, and with no other"
      )
    }
  }

  /// Takes the client id of a device whose user name is its `iotId`: any text of 1 to 64 bytes (device guide 3.2).
  init(beside text: String) throws(Refusal) {
    guard (1...64).contains(text.utf8.count) else {
      throw Refusal(.malformed, "the client id has \(text.utf8.count) bytes, not 1 to 64")
    }
    clientID = text
    securityMode = 2
    signMethod = nil
    timestamp = nil
    kind = nil
    random = nil
    instanceID = nil
    wantsNotice = false
    hasSystemTopics = false
  }

  private static func fields(
    of text: String,
    _ leniencies: inout LeniencyUse
  ) throws(Refusal) -> [String: String] {
    var fields: [String: String] = [:]
    var parts = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    if parts.count > 1, parts.last == "" {
      try leniencies.need(.clientIDFields, "the client id has a comma at its end") {
        Refusal(.malformed, $0, namesSetting: true)
      }
      parts.removeLast()
    }
    for part in parts {
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard pair.count == 2, !pair[0].isEmpty, !pair[1].isEmpty else {
        throw Refusal(.malformed, "a field of the client id is not NAME=VALUE")
      }
      let name = String(pair[0])
      if !known.contains(name) {
        let shown = ReadableText.unlabelled(Array(name.utf8.prefix(64)))
        try leniencies.need(.clientIDFields, "the client id has an unknown field \(shown)") {
          Refusal(.malformed, $0, namesSetting: true)
        }
      }
      guard fields.updateValue(String(pair[1]), forKey: name) == nil else {
        throw Refusal(.malformed, "a field of the client id comes twice")
      }
    }
    return fields
  }

  private static func digits(
    _ name: String,
    of fields: [String: String]
  ) throws(Refusal) -> String? {
    guard let value = fields[name] else { return nil }
    guard value.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else {
      throw Refusal(.malformed, "the field \(name) of the client id is no decimal number")
    }
    return value
  }
}

extension Leniency {
  /// Fields in an MQTT client id that the guide does not know, and a comma at their end: the C SDK v4.
  public static let clientIDFields = Leniency(rawValue: "client-id-fields")
}
