internal import ArgumentParser

/// A gateway and its sub-devices (device guide 6.2 to 6.8).
struct GatewayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gateway",
    abstract: "What a gateway has to do for its sub-devices.",
    discussion: """
      Example, a sub-device into the topology, then online, with its readings:
        nbiot gateway add a1Sub,meter1,meter1.secret --config agent.conf
        nbiot gateway run meters.txt --config agent.conf --outbox outbox

      Example, the configuration that the platform offers to a gateway:
        nbiot gateway config sub-devices.json
      """,
    subcommands: [
      GatewayRunCommand.self, GatewayAddCommand.self, GatewayRemoveCommand.self,
      GatewayListCommand.self, GatewayOnlineCommand.self, GatewayOfflineCommand.self,
      GatewayConfigCommand.self,
    ]
  )
}
