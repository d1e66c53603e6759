internal import ArgumentParser

/// Upgrades of the firmware.
struct OTACommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ota",
    abstract: "Upgrades of the firmware (device guide 4 and 6.11).",
    discussion: """
      A device asks, downloads and tells the platform how it goes with `upgrade`, or in steps of its own
      with the others.

      Example, with what the platform's message about an upgrade says:
        nbiot ota download --url 'https://…' --size 432945 \\
          --md5 93230c3bde425a9d7984a594ac55ea1e --to firmware.bin
      """,
    subcommands: [Upgrade.self, Check.self, Download.self, Progress.self, Inform.self]
  )
}
