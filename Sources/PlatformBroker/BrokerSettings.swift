// SPDX-License-Identifier: Apache-2.0
/// Where the simulated platform's MQTT side listens, and how it behaves.
public struct BrokerSettings: Sendable {
  /// The address to listen on, in digits.
  public var host = "127.0.0.1"
  /// The port of each transport that there is to be; 0 for any free one.
  public var ports: [BrokerTransport: Int] = [:]
  /// The certificate of the transports over TLS, with those between it and its authority, in PEM.
  public var certificate: [UInt8] = []
  /// Its private key, in PEM.
  public var key: [UInt8] = []
  /// What only the cloud could tell.
  public var assumptions = BrokerAssumptions()
  /// The plugin for mosquitto; `nil` for that beside the program or in its library directory.
  public var plugin: String?
  /// The port on 127.0.0.1 for whoever pushes messages; 0 for any free one, `nil` for none.
  public var controlPort: Int?

  /// No transport.
  public init() {}
}

/// Why the MQTT side does not run, in words.
public struct BrokerError: Error, Equatable, Sendable {
  /// What is wrong, and what to do.
  public let reason: String
  /// Whether another program has a port.
  let isPortTaken: Bool

  init(_ reason: String, isPortTaken: Bool = false) {
    self.reason = reason
    self.isPortTaken = isPortTaken
  }
}
