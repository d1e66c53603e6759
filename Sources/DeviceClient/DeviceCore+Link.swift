// SPDX-License-Identifier: Apache-2.0
internal import CoAPLink
internal import Platform
internal import SystemClocks
internal import UDPTransport

/// Reactions to an error of the link, and to silence.
extension DeviceCore where Security: ~Copyable {
  /// Whether the link's error is not yet a reason to give up the work in flight.
  ///
  /// Anybody can forge an ICMP message. From a server that has answered, it is believed only if it
  /// follows another transmission as well.
  static func isDoubtful(_ failure: TransportError, _ state: inout State) -> Bool {
    guard case .refused = failure, state.link.hasAnswered else { return false }
    if state.isIdle { return true }
    let sent = state.session.counters.datagramsUp
    guard let before = state.refusedAfter else {
      state.refusedAfter = sent
      return true
    }
    return sent == before
  }

  /// Records a failed authentication: a refusal is an answer; after anything else the next attempt
  /// uses a new socket.
  ///
  /// Silence at one of the server's addresses says nothing about the next (RFC 6724 Section 2).
  static func noteFailure(_ failure: AuthenticationFailure, _ state: inout State) {
    switch failure {
    case .refused, .putOff: state.link.confirm()
    default: if state.link.fail(), failure.isSilence { state.isMovingOn = true }
    }
  }

  static func registerAgain(_ registering: Registering, _ state: inout State) -> Bool {
    do throws(DeviceError) {
      try state.session.register(signMethod: registering.signMethod, at: MonotonicClock.now())
      return true
    } catch {
      return false
    }
  }
}
