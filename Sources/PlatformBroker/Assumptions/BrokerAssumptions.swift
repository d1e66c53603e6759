// SPDX-License-Identifier: Apache-2.0
public import PlatformCore

/// What the simulated platform does over MQTT where only the cloud could tell; `BrokerAssumption.all` describes each.
///
/// Unverified: each of them. The device guide names CONNACK 2, 4 and 5 for a wrong id, sign and permission (3.2),
/// and no more.
public struct BrokerAssumptions: AssumedSettings {
  // MARK: Codes of a CONNACK

  /// For a client id, or a user name, that is not as the guide has it.
  public var badIdentifier: UInt8 = 2
  /// For a sign that does not fit the secret.
  public var badSign: UInt8 = 4
  /// For a device that is not known.
  public var unknownDevice: UInt8 = 5
  /// For a device that is disabled.
  public var disabledDevice: UInt8 = 5
  /// For a securemode that is another transport's.
  public var securityMode: UInt8 = 5
  /// For a keep-alive that is not 30 to 1,200 seconds.
  public var keepAlive: UInt8 = 5
  /// For a will.
  public var will: UInt8 = 5
  /// For a registration of an active or unknown device.
  public var registrationRefused: UInt8 = 5

  // MARK: Rules

  /// Whether a PUBLISH that is refused closes the connection; it is acknowledged otherwise.
  public var closesAfterRefusal = false
  /// Whether topic filters may have wildcards.
  public var takesWildcards = true
  /// Whether a device with `ext=3` is told before it is thrown out.
  public var givesNotice = true
  /// Whether devices that no product lists may register (`regnwl`).
  public var servesUnlisted = true
  /// Whether a firmware is pushed to a device whose version is not known yet.
  public var offersToUnknownVersion = true
  /// Whether the platform's replies and pushes have QoS 1.
  public var deliversOnce = true
  /// Whether several sub-devices may log in by one request.
  public var servesBatchLogin = true
  /// Whether `/ext/error` names the sub-device.
  public var namesInErrors = true

  /// The platform that the device guide comes nearest to.
  public init() {}
}

/// One of them by its name.
public typealias BrokerAssumption = NamedAssumption<BrokerAssumptions>

extension BrokerAssumptions {
  /// All of them.
  public static var decisions: [BrokerAssumption] {
    [
      .code("mqtt-bad-id", \.badIdentifier, "a client id or user name of another form"),
      .code("mqtt-bad-sign", \.badSign, "a sign that does not fit the secret"),
      .code("mqtt-unknown-device", \.unknownDevice, "a device that is not known"),
      .code("mqtt-disabled-device", \.disabledDevice, "a device that is disabled"),
      .code("mqtt-securemode", \.securityMode, "a securemode that is another transport's"),
      .code("mqtt-keep-alive", \.keepAlive, "a keep-alive that is not 30 to 1,200 s"),
      .code("mqtt-will", \.will, "a will"),
      .code(
        "mqtt-registration-refused",
        \.registrationRefused,
        "registration of an active or unknown device"
      ),
      .either(
        "mqtt-refused-publish",
        \.closesAfterRefusal,
        "closed",
        "acknowledged",
        "a PUBLISH that is refused, by its topic or size: a PUBACK, or the connection's end"
      ),
      .either(
        "mqtt-wildcards",
        \.takesWildcards,
        "taken",
        "refused",
        "wildcards in a topic filter, behind the device's names"
      ),
      .either(
        "mqtt-kick-notice",
        \.givesNotice,
        "sent",
        "absent",
        "/ext/notify before a device with ext=3 is thrown out"
      ),
      .either(
        "mqtt-regnwl",
        \.servesUnlisted,
        "served",
        "refused",
        "registration of devices that no product lists"
      ),
      .either(
        "mqtt-firmware",
        \.offersToUnknownVersion,
        "always",
        "informed",
        "a firmware is pushed once the device listens, or once it has reported another version"
      ),
      .either(
        "mqtt-downlink-qos",
        \.deliversOnce,
        "1",
        "0",
        "the QoS of replies and pushes, at most that of the subscription"
      ),
      .either(
        "mqtt-batch-login",
        \.servesBatchLogin,
        "served",
        "missing",
        "a gateway's combine/batch_login, up to 50 sub-devices at a time"
      ),
      .either(
        "mqtt-error-names",
        \.namesInErrors,
        "sent",
        "absent",
        "data with the sub-device's names in /ext/error"
      ),
    ]
  }
}

extension BrokerAssumption {
  /// A decision about the number of a CONNACK.
  fileprivate static func code(
    _ name: String,
    _ path: WritableKeyPath<BrokerAssumptions, UInt8>,
    _ summary: String
  ) -> BrokerAssumption {
    code(name, path, summary, in: 1...5, others: "another CONNACK of 1 to 5")
  }
}
