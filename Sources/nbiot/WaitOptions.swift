// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import ConstrainedCore
internal import DeviceClient

/// How long a command waits where the platform puts its request off.
struct WaitOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "How long each request waits in all where the platform puts it off (4.29 or 5.03).",
      valueName: "seconds"
    )
  )
  var maxWait: UInt32 = 300

  func apply(to configuration: inout DeviceClientConfiguration) {
    configuration.maxWait = Milliseconds(Int64(maxWait) * 1_000)
    configuration.onPutOff = { wait in
      let seconds = (wait.count + 999) / 1_000
      Console.complain("nbiot: the platform puts it off; it is sent again in \(seconds) s")
    }
  }
}
