// SPDX-License-Identifier: Apache-2.0
public import PlatformCore

/// What the simulated platform does over HTTPS where only the cloud could tell; `WebAssumption.all` describes each.
///
/// Unverified: each of them. The device guide lists the codes without saying more than a few words about each (3.2,
/// 3.8), and does not say which HTTP status goes with them.
public struct WebAssumptions: AssumedSettings {
  /// The code of a report to a topic that the device may not publish to.
  public var refusedTopic = 10_001
  /// The code of a report of more than 131,072 bytes.
  public var longPayload = 10_001
  /// The code of a report with a token that has expired or was taken back.
  public var endedToken = 20_001
  /// The code of a report with the token of a disabled device.
  public var disabledDevice = 20_003
  /// The code of `/auth/devicename` for a disabled device.
  public var disabledConnection = 401
  /// The code of a registration of an active or unknown device.
  public var registrationRefused = 401
  /// Whether a refusal has an HTTP status of its own; it is 200 otherwise.
  public var hasOwnStatus = false
  /// Whether the answer to a report has a comma after the message id, as in the guide.
  public var hasTrailingComma = false

  /// The platform that the device guide comes nearest to.
  public init() {}
}

/// One of them by its name.
public typealias WebAssumption = NamedAssumption<WebAssumptions>

extension WebAssumptions {
  /// All of them.
  public static var decisions: [WebAssumption] {
    [
      .code("https-refused-topic", \.refusedTopic, "a report to a topic that is not the device's"),
      .code("https-long-payload", \.longPayload, "a report of more than 131,072 bytes"),
      .code("https-ended-token", \.endedToken, "a token that has expired or was taken back"),
      .code("https-disabled-device", \.disabledDevice, "the token of a disabled device"),
      .code(
        "https-disabled-connection",
        \.disabledConnection,
        "/auth/devicename of a disabled device"
      ),
      .code(
        "https-registration",
        \.registrationRefused,
        "registration of an active or unknown device"
      ),
      .either(
        "https-status",
        \.hasOwnStatus,
        "own",
        "200",
        "the HTTP status of a refusal: 200, or one of its own"
      ),
      .either(
        "https-trailing-comma",
        \.hasTrailingComma,
        "sent",
        "absent",
        "the comma after the message id"
      ),
    ]
  }
}

extension WebAssumption {
  /// A decision about one of the platform's codes.
  fileprivate static func code(
    _ name: String,
    _ path: WritableKeyPath<WebAssumptions, Int>,
    _ summary: String
  ) -> WebAssumption {
    // 200 would be a success.
    code(name, path, summary, in: 1...99_999, others: "another code") { $0 != 200 }
  }
}
