internal import ArgumentParser

/// A gateway and its sub-devices (device guide 6.2 to 6.8).
struct GatewayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gateway",
    abstract: "What a gateway has to do for its sub-devices.",
    discussion: """
      Example, the configuration that the platform offers to a gateway:
        nbiot gateway config sub-devices.json
      """,
    subcommands: [GatewayConfigCommand.self]
  )
}
