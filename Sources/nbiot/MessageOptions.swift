internal import ArgumentParser

/// How a device's messages are made and sent, which the platform rarely wants otherwise.
struct MessageOptions: ParsableArguments {
  @Option(
    name: .customLong("timing"),
    help: ArgumentHelp(
      "How patiently a message is sent again (default: standard).",
      valueName: "timing"
    )
  )
  var givenTiming: TimingArgument?

  @Flag(help: "Let the first timeout follow the round trips that are measured (CoCoA).")
  var adaptiveTimeout = false

  @Option(
    name: .customLong("accept"),
    help: ArgumentHelp(
      "The format asked for in the answers (default: json); none saves 2 bytes.",
      valueName: "format"
    )
  )
  var givenAccept: AcceptArgument?

  @Option(
    name: .customLong("client-id"),
    help: ArgumentHelp("The client id (default: PRODUCTKEY&DEVICENAME).", valueName: "id"),
    transform: InputText.trimmed
  )
  var givenClientID: String?

  @Option(
    name: .customLong("sign-method"),
    help: ArgumentHelp("How /auth is signed (default: hmacmd5).", valueName: "method")
  )
  var givenSignMethod: SignMethodArgument?

  @Option(
    name: .customLong("token-option"),
    help: ArgumentHelp(
      "Which option carries the token (default: 2088); 61 for platforms of the SDKs 3.0 to 3.2.",
      valueName: "number"
    )
  )
  var givenTokenOption: TokenOptionArgument?

  @Option(
    help: ArgumentHelp(
      "How /auth asks the platform to answer: piggybacked (0) or separate (1).",
      valueName: "mode"
    )
  )
  var ackMode: AckModeArgument?

  @Option(
    help: ArgumentHelp(
      "The timestamp of /auth: milliseconds since 1970, or now.",
      valueName: "milliseconds"
    )
  )
  var timestamp: TimestampArgument?

  @Option(
    help: ArgumentHelp("What /auth is written in; cbor is unverified.", valueName: "format")
  )
  var authFormat = FormatArgument.json

  @Option(help: "The platform's region; the device guide knows this one only.")
  var region = "cn-shanghai"

  @Option(
    help: ArgumentHelp(
      """
      Which names devices may have beside letters and digits: _ @ . - : (current), or _ @ . as the device guide \
      has them (guide).
      """,
      valueName: "rule"
    )
  )
  var deviceNames = DeviceNamesArgument.current
}
