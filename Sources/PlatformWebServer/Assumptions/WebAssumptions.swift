/// What the simulated platform does over HTTPS where only the cloud could tell; `WebAssumption.all` describes each.
///
/// Unverified: each of them. The device guide lists the codes without saying more than a few words about each (3.2,
/// 3.8), and does not say which HTTP status goes with them.
public struct WebAssumptions: Equatable, Sendable {
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

/// One of them by its name, for a command line and its documentation.
public struct WebAssumption {
  /// Its name.
  public let name: String
  /// Its values, the default first.
  public let choices: String
  /// What it decides, in a few words.
  public let summary: String
  private let read: (WebAssumptions) -> String
  private let write: (inout WebAssumptions, String) -> Bool

  /// The value in force.
  public func value(in assumptions: WebAssumptions) -> String { read(assumptions) }

  /// Decides otherwise; `false` for a value that it cannot have.
  public func set(_ value: String, in assumptions: inout WebAssumptions) -> Bool {
    write(&assumptions, value)
  }

  /// The decision of that name.
  public static func named(_ name: String) -> WebAssumption? { all.first { $0.name == name } }

  /// All of them.
  public static var all: [WebAssumption] {
    [
      code("https-refused-topic", \.refusedTopic, "a report to a topic that is not the device's"),
      code("https-long-payload", \.longPayload, "a report of more than 131,072 bytes"),
      code("https-ended-token", \.endedToken, "a token that has expired or was taken back"),
      code("https-disabled-device", \.disabledDevice, "the token of a disabled device"),
      code(
        "https-disabled-connection",
        \.disabledConnection,
        "/auth/devicename of a disabled device"
      ),
      code(
        "https-registration",
        \.registrationRefused,
        "registration of an active or unknown device"
      ),
      either(
        "https-status",
        \.hasOwnStatus,
        "own",
        "200",
        "the HTTP status of a refusal: 200, or one of its own"
      ),
      either(
        "https-trailing-comma",
        \.hasTrailingComma,
        "sent",
        "absent",
        "the comma after the message id"
      ),
    ]
  }

  private static func code(
    _ name: String,
    _ path: WritableKeyPath<WebAssumptions, Int>,
    _ summary: String
  ) -> WebAssumption {
    WebAssumption(
      name: name,
      choices: "\(WebAssumptions()[keyPath: path]), another code",
      summary: summary,
      read: { "\($0[keyPath: path])" },
      write: { assumptions, text in
        // 0 and 200 would be successes.
        guard let code = Int(text), (1...99_999).contains(code), code != 200, text == "\(code)"
        else { return false }
        assumptions[keyPath: path] = code
        return true
      }
    )
  }

  private static func either(
    _ name: String,
    _ path: WritableKeyPath<WebAssumptions, Bool>,
    _ yes: String,
    _ no: String,
    _ summary: String
  ) -> WebAssumption {
    WebAssumption(
      name: name,
      choices: "\(no), \(yes)",
      summary: summary,
      read: { $0[keyPath: path] ? yes : no },
      write: { assumptions, text in
        guard text == yes || text == no else { return false }
        assumptions[keyPath: path] = text == yes
        return true
      }
    )
  }
}
