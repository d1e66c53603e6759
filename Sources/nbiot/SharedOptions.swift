// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Platform

// Options that more than one command has. Each stands here once, or in a group of its own file, so that it means the
// same everywhere and is explained in the same words.

/// `--output`.
struct OutputOption: ParsableArguments {
  @Option(name: .customLong("output"), help: "How results are printed.")
  var form = OutputArgument.text
}

/// `--region`.
struct RegionOption: ParsableArguments {
  @Option(
    name: .customLong("region"),
    help: "The platform's region; the device guide knows this one only."
  )
  var name = "cn-shanghai"

  /// A region is part of a host's name.
  func validate() throws {
    let isName = name.utf8.allSatisfy {
      $0 == 0x2D || (0x30...0x39).contains($0) || (0x61...0x7A).contains($0)
    }
    guard !name.isEmpty, isName else {
      throw ValidationError("--region has lower-case letters, digits and -, as cn-shanghai")
    }
  }
}

/// `--device-names`.
struct DeviceNamesOption: ParsableArguments {
  @Option(
    name: .customLong("device-names"),
    help: ArgumentHelp(
      """
      Which names devices may have beside letters and digits: _ @ . - : (current), or _ @ . as the device guide \
      has them (guide).
      """,
      valueName: "rule"
    )
  )
  var argument = DeviceNamesArgument.current

  var rule: DeviceNameRule { argument.rule }
}

/// `--client-id`.
struct ClientIDOption: ParsableArguments {
  @Option(
    name: .customLong("client-id"),
    help: ArgumentHelp("The client id (default: PRODUCTKEY&DEVICENAME).", valueName: "id"),
    transform: InputText.trimmed
  )
  var given: String?

  /// The client id, and where it was given; `nil` for the usual one.
  func setting(_ config: ConfigurationFile?) -> Setting<String>? {
    given.map { Setting(value: $0, origin: "--client-id") } ?? config?.clientID
  }
}

/// `--sign-method`; what is usual depends on what is signed.
struct SignMethodOption: ParsableArguments {
  @Option(
    name: .customLong("sign-method"),
    help: ArgumentHelp(
      "How the request is signed (default: hmacmd5; a registration hmacsha256, a sub-device hmacsha1).",
      valueName: "method"
    )
  )
  var given: SignMethodArgument?
}

/// `--timestamp`.
struct TimestampOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The time to send and sign: milliseconds since 1970, or now.",
      valueName: "milliseconds"
    )
  )
  var timestamp: TimestampArgument?

  var milliseconds: UInt64? { timestamp?.milliseconds }
}

/// `--ack-mode`.
struct AckModeOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "How /auth asks the platform to answer: piggybacked (0) or separate (1).",
      valueName: "mode"
    )
  )
  var ackMode: AckModeArgument?
}

/// `--timing`.
struct TimingOption: ParsableArguments {
  @Option(
    name: .customLong("timing"),
    help: ArgumentHelp(
      "When and how often a message is retransmitted (default: standard).",
      valueName: "timing"
    )
  )
  var given: TimingArgument?

  /// The timing of the option, else of the configuration.
  func argument(_ config: ConfigurationFile?) -> TimingArgument {
    given ?? config?.timing ?? .standard
  }
}

/// `--token-option`.
struct TokenOptionOption: ParsableArguments {
  @Option(
    name: .customLong("token-option"),
    help: ArgumentHelp(
      "Which option carries the token (default: 2088); 61 in the platform's SDKs 3.0 to 3.2.",
      valueName: "number"
    )
  )
  var given: TokenOptionArgument?
}

/// `--resumption`.
struct ResumptionOption: ParsableArguments {
  @Option(
    name: .customLong("resumption"),
    help: ArgumentHelp(
      "How a session is resumed: id (default), which costs the fewest bytes, ticket or none.",
      valueName: "way"
    )
  )
  var given: ResumptionArgument?
}

/// `--plain-values`.
struct PlainValuesOption: ParsableArguments {
  @Flag(
    help: "Properties without a time are values alone, as the platform's C SDKs send them."
  )
  var plainValues = false
}

/// `--topic`.
struct TopicOption: ParsableArguments {
  @Option(
    name: .customLong("topic"),
    help: "The topic, with its leading slash.",
    transform: InputText.trimmed
  )
  var given: String?

  /// The topic, and where it was given; `nil` where it was not.
  func setting(_ config: ConfigurationFile?) -> Setting<String>? {
    given.map { Setting(value: $0, origin: "--topic") } ?? config?.topic
  }

  /// Refuses what is no topic to report to, with where it was given.
  static func check(_ setting: Setting<String>) throws {
    do throws(TopicError) {
      _ = try Topic(Array(setting.value.utf8).span)
    } catch {
      throw ValidationError("\(setting.origin): \(error.description)")
    }
  }
}

/// `--payload`.
struct PayloadOption: ParsableArguments {
  @Option(
    name: .customLong("payload"),
    parsing: .unconditional,
    help: "The payload, @FILE for a file's bytes, or - for all of standard input."
  )
  var given: String?
}

/// `--firmware`.
struct FirmwareVersionOption: ParsableArguments {
  @Option(
    name: .customLong("firmware"),
    help: ArgumentHelp("The version that runs.", valueName: "version")
  )
  var version: String
}

/// `--to`.
struct DestinationOption: ParsableArguments {
  @Option(
    name: .customLong("to"),
    help: ArgumentHelp("The file that the firmware becomes.", valueName: "file"),
    completion: .file()
  )
  var path: String

  func validate() throws {
    guard !path.isEmpty else { throw ValidationError("--to needs a name") }
  }
}

/// Options that do nothing beside the others.
enum Contradiction {
  /// Refuses those of `options` that are given, because they belong to `thing`, which `other` asks for.
  static func check(
    _ options: [(name: String, isGiven: Bool)],
    belongTo thing: String,
    give other: String
  ) throws {
    let names = options.filter(\.isGiven).map(\.name)
    guard !names.isEmpty else { return }
    throw ValidationError(
      names.joined(separator: ", ") + (names.count == 1 ? " belongs" : " belong")
        + " to \(thing): give \(other), too, or leave " + (names.count == 1 ? "it" : "them")
        + " out"
    )
  }
}
