// SPDX-License-Identifier: Apache-2.0
/// The purposes of a client's datagrams, and their cost.
public struct DeviceTraffic: Equatable, Sendable {
  /// Datagrams of one purpose, and their bytes of UDP payload.
  public struct Count: Equatable, Sendable {
    /// Datagrams sent.
    public internal(set) var datagramsUp = 0
    /// Bytes sent.
    public internal(set) var bytesUp = 0
    /// Datagrams received.
    public internal(set) var datagramsDown = 0
    /// Bytes received.
    public internal(set) var bytesDown = 0

    mutating func send(_ bytes: Int) {
      datagramsUp += 1
      bytesUp += bytes
    }

    mutating func receive(_ bytes: Int) {
      datagramsDown += 1
      bytesDown += bytes
    }
  }

  /// The number of requests for a token or for the device's own secret, not counting
  /// retransmissions; over MQTT the number of CONNECT packets.
  public internal(set) var authenticationRequests = 0
  /// `POST /auth` and registrations, including answers and retransmissions; over MQTT CONNECT, CONNACK and DISCONNECT.
  ///
  /// The end of a resumed handshake counts here if it shares a datagram with them
  /// (`joinsLastFlight`).
  public internal(set) var authentication = Count()
  /// The number of requests `POST /auth/devicename` before connections over MQTT
  /// (`MQTTClientAuthentication.https`).
  public internal(set) var tokenRequests = 0
  /// Those requests and their answers.
  public internal(set) var tokens = Count()
  /// Handshakes, and all other datagrams of DTLS itself.
  public internal(set) var handshakes = Count()
  /// Reports and other requests, including answers, acknowledgements and retransmissions.
  public internal(set) var reports = Count()
}
