// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser

/// How a device's messages are made and sent, which the platform rarely wants otherwise.
struct MessageOptions: ParsableArguments {
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
    help: ArgumentHelp("What /auth is written in; cbor is unverified.", valueName: "format")
  )
  var authFormat = FormatArgument.json
}
