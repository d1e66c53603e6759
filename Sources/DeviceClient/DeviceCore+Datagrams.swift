// SPDX-License-Identifier: Apache-2.0
internal import CoAPLink
internal import ConstrainedCore
internal import DeviceDriver
internal import ReportLink
internal import SecurityLayer
internal import UDPTransport

/// Moves a client's datagrams between session and socket, counting and showing each.
extension DeviceCore where Security: ~Copyable {
  /// Performs all pending work.
  func exchange(_ state: inout State, at now: Instant) throws(TransportError) {
    var traffic = state.traffic
    defer { state.traffic = traffic }
    try state.session.drive(over: state.link.socket, at: now) { session, passage, bytes, length in
      switch passage {
      case .received: count(length, bytes[0], session.isAuthenticated, in: &traffic)
      case .sent(let transmission):
        count(length, transmission, in: &traffic)
        onTransmission?(transmission)
      }
      guard !isSecureChannel else { return }
      if case .received = passage { onMessage?(.received, bytes) } else { onMessage?(.sent, bytes) }
    }
  }

  private func count(
    _ length: Int,
    _ first: UInt8,
    _ isAuthenticated: Bool,
    in traffic: inout DeviceTraffic
  ) {
    // RFC 6347 Section 4.1: content type 23 is application data.
    if isSecureChannel, first != 23 {
      traffic.handshakes.receive(length)
    } else if isAuthenticated {
      traffic.reports.receive(length)
    } else {
      traffic.authentication.receive(length)
    }
  }

  private func count(
    _ length: Int,
    _ transmission: DeviceTransmission,
    in traffic: inout DeviceTraffic
  ) {
    switch transmission {
    case .authentication(let attempt):
      if attempt == 1 { traffic.authenticationRequests += 1 }
      traffic.authentication.send(length)
    case .handshake: traffic.handshakes.send(length)
    case .report, .control: traffic.reports.send(length)
    }
  }
}
