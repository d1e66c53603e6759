// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser

/// Computes signatures without sending anything, for comparison with another client or use in it.
struct SignCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sign",
    abstract: "Prints what the platform's protocols sign, and the signature; sends nothing.",
    discussion: """
      Example, the one that the device guide prints in its section 3.2:
        NBIOT_DEVICE_SECRET=secret nbiot sign mqtt --product-key pk \\
          --device-name device --client-id 12345 --timestamp 789 \\
          --sign-method hmacsha1 --transport tcp

      A secret comes from a file or from the environment (NBIOT_DEVICE_SECRET, NBIOT_PRODUCT_SECRET), \
      never from an argument, and is never printed.

      Exit status: 0 done, 2 usage, 5 standard output cannot be written.
      """,
    subcommands: [CoAP.self, MQTT.self, HTTP.self, Register.self, Topology.self]
  )

  /// A help text shared by the subcommands.
  static let sources = """
    An option takes precedence over the environment (NBIOT_PRODUCT_KEY, NBIOT_DEVICE_NAME, and the secret), and the \
    environment over --config FILE, a configuration of nbiot-agent.
    """
}
