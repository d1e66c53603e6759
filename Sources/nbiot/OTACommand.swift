// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser

/// The parent of the firmware commands.
struct OTACommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ota",
    abstract: "Upgrades of the firmware (device guide 4 and 6.11).",
    discussion: """
      A device asks, downloads and tells the platform how it goes with `upgrade`, or in steps of its own \
      with the others.

      Example:
        nbiot ota upgrade --firmware 1.0.1 --to firmware.bin \\
          --product-key a1B2c3D4e5F --device-name device1 \\
          --device-secret-file secret.txt
      """,
    subcommands: [Upgrade.self, Check.self, Download.self, Progress.self, Inform.self]
  )
}
