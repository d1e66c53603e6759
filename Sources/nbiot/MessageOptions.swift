// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser

/// How a device's messages are made and sent, which the platform rarely wants otherwise.
struct MessageOptions: ParsableArguments {
  @Flag(help: "Adapt the first timeout to the measured round trips (CoCoA).")
  var adaptiveTimeout = false

  @Option(
    name: .customLong("accept"),
    help: ArgumentHelp(
      "The format requested for answers (default: json); none saves 2 bytes.",
      valueName: "format"
    )
  )
  var givenAccept: AcceptArgument?

  @Option(
    help: ArgumentHelp("The format of /auth; cbor is unverified.", valueName: "format")
  )
  var authFormat = FormatArgument.json
}
