/// What a client's datagrams were for, and what they cost.
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

  /// How often the client has asked for a token, or for a secret of its own; retransmissions are not counted.
  public internal(set) var authenticationRequests = 0
  /// `POST /auth` and registrations, with their answers and retransmissions.
  ///
  /// The end of a resumed handshake counts here where it goes in one datagram with them (`joinsLastFlight`).
  public internal(set) var authentication = Count()
  /// Handshakes, and whatever else DTLS sends of its own.
  public internal(set) var handshakes = Count()
  /// Reports and other requests, with their answers, acknowledgements and retransmissions.
  public internal(set) var reports = Count()
}
