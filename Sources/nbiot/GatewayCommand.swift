// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser

/// A gateway and its sub-devices (device guide 6.2 to 6.8).
struct GatewayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gateway",
    abstract: "What a gateway has to do for its sub-devices.",
    discussion: """
      Example, a sub-device into the topology, then online, with a reading:
        nbiot gateway add a1SubProduct,meter1,meter1.secret \\
          --endpoint 127.0.0.1:8883 --ca-file certificates/ca.pem --config agent.conf
        echo a1SubProduct,meter1,meter1.secret > meters.txt
        printf 'a1SubProduct/meter1\\tuser/update\\t{"kWh":12}\\n' \\
          | nbiot gateway run meters.txt --endpoint 127.0.0.1:8883 \\
            --ca-file certificates/ca.pem --config agent.conf

      --config takes nbiot-gateway.conf as it is; its sub-device, sub-devices, authentication and on-configuration are for \
      nbiot-gateway alone.

      Example, the configuration that the platform offers to a gateway:
        nbiot gateway config sub-devices.json
      """,
    subcommands: [
      GatewayAddCommand.self, GatewayListCommand.self, GatewayOnlineCommand.self,
      GatewayOfflineCommand.self, GatewayRunCommand.self, GatewayRemoveCommand.self,
      GatewayConfigCommand.self,
    ]
  )
}
