// SPDX-License-Identifier: Apache-2.0
package import ConstrainedCore
internal import PlatformFaults

/// The console's actions on devices, and its planned failures, as seen by requests.
extension PlatformCore {
  /// Applies the console's actions and faults since the last request: drops the sessions of revoked tokens, or all.
  package func applyConsole() {
    if faults.takeForgotten() { forgetSessions() }
    for path in things.takenBack {
      for token in sessions.filter({ $0.value.device.path == path }).keys {
        sessions[token] = nil
        takenBackTokens.remember(token, of: path)
      }
    }
    things.takenBack = []
  }

  /// The failure of such a request, planned or a fault's; `nil` if the platform works.
  ///
  /// `token` is the request's, `device` whose it is where no token says so, `topic` a report's with a slash in front;
  /// with `takesCodes` those of HTTPS count as well.
  package func nextFailure(
    _ kind: RequestKind,
    token: [UInt8]?,
    takesCodes: Bool = false,
    device: String? = nil,
    topic: String? = nil,
    at now: Instant,
    _ notes: inout RequestNotes
  ) -> SimulatedFailure? {
    let known = token.flatMap { sessions[$0] }?.device.path
    guard let failure = things.nextFailure(kind, takesCodes: takesCodes) else {
      let fault = faults.answer(
        to: kind.faulted,
        takesCodes: takesCodes,
        device: known ?? device,
        topic: topic,
        at: now
      )
      guard let fault else { return nil }
      if let known { notes.device = known }
      notes.note = "failed on purpose by fault \(fault.id)"
      return SimulatedFailure(status: fault.status, retryAfter: fault.retryAfter, kind: kind)
    }
    notes.device = known
    notes.note =
      failure.times > 0
      ? "failed on purpose, \(failure.times) more to come" : "failed on purpose, the last time"
    return failure
  }

  /// Whether there is a fault of answers that depends on who asks.
  package var asksForDevices: Bool { faults.asksForDevices }

  /// Forgets all tokens, as after a restart of the platform; devices, desired values and messages stay.
  package func forgetSessions() {
    sessions = [:]
    tokens = [:]
  }

  /// Refuses a disabled device.
  ///
  /// Unverified (`disabled-device` of `Assumption`): that it is refused at `/auth`, and on each
  /// request with its token.
  func checkEnabled(_ path: String) throws(Refusal) {
    guard !things.disabled.contains(path) else {
      throw Refusal(.disabledDevice, "the device is disabled")
    }
  }

  /// Counts an accepted request, after a number of which the token is revoked or the device
  /// disabled.
  package func countRequest(of session: PlatformSession) {
    things.countRequest(of: session.device.path)
    session.uses += 1
    guard let most = configuration.tokenUses, session.uses >= most else { return }
    sessions[session.token] = nil
    takenBackTokens.remember(session.token, of: session.device.path)
  }
}

extension RequestKind {
  /// The kind by which faults name it.
  var faulted: FaultedRequest {
    switch self {
    case .authentication: .authentication
    case .registration: .registration
    case .report: .report
    case .pull: .pull
    }
  }
}
