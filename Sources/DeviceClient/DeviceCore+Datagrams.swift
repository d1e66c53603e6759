internal import CoAPSecurity
internal import ConstrainedCore
internal import DeviceSession
internal import UDPTransport

/// A client's datagrams, each counted and shown on its way between session and socket.
extension DeviceCore where Security: ~Copyable {
  /// Does what is due now, as `DeviceSession.drive` does.
  func exchange(_ state: inout State, at now: Instant) throws(TransportError) {
    try receive(&state, at: now)
    state.session.handleTimeout(at: now)
    try transmit(&state, at: now)
  }

  private func receive(_ state: inout State, at now: Instant) throws(TransportError) {
    // RFC 6347 Section 4.1: a record has up to 16,384 bytes, and what seals it.
    var datagram = FixedBytes<16_512>()
    // A flood does not keep the client from its timers: the rest is taken in by the next call.
    for _ in 0..<64 {
      var length: Int?
      try datagram.write { (writer: inout ByteWriter) throws(TransportError) in
        length = try state.link.socket.receiveHead(into: &writer)
      }
      guard let length else { return }
      guard length > 0 else { continue }
      count(length, datagram.bytes[0], in: &state)
      if !isSecureChannel { onMessage?(.received, datagram.bytes) }
      state.session.handleDatagram(datagram.bytes, of: length, at: now)
    }
  }

  private func count(_ length: Int, _ first: UInt8, in state: inout State) {
    // RFC 6347 Section 4.1: content type 23 is application data.
    if isSecureChannel, first != 23 {
      state.traffic.handshakes.receive(length)
    } else if state.session.isAuthenticated {
      state.traffic.reports.receive(length)
    } else {
      state.traffic.authentication.receive(length)
    }
  }

  private func transmit(_ state: inout State, at now: Instant) throws(TransportError) {
    var datagram = FixedBytes<1_472>()
    while true {
      var transmission: DeviceTransmission?
      datagram.write { (writer: inout ByteWriter) in
        do throws(DeviceError) {
          transmission = try state.session.pollTransmit(into: &writer, at: now)
        } catch {
          preconditionFailure("a buffer of maxDatagram bytes has room for any datagram")
        }
      }
      guard let transmission else { return }
      let length = datagram.bytes.count
      switch transmission {
      case .authentication(let attempt):
        if attempt == 1 { state.traffic.authenticationRequests += 1 }
        state.traffic.authentication.send(length)
      case .handshake: state.traffic.handshakes.send(length)
      case .report, .control: state.traffic.reports.send(length)
      }
      onTransmission?(transmission)
      if !isSecureChannel { onMessage?(.sent, datagram.bytes) }
      try state.link.socket.send(datagram.bytes)
    }
  }
}
