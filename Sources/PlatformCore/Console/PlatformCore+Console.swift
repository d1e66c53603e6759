/// The console's actions on devices, and its planned failures, as seen by requests.
extension PlatformCore {
  /// Applies the console's actions since the last request: drops the sessions of revoked tokens.
  package func applyConsole() {
    for path in things.takenBack {
      for token in sessions.filter({ $0.value.device.path == path }).keys {
        sessions[token] = nil
        takenBackTokens.remember(token, of: path)
      }
    }
    things.takenBack = []
  }

  /// The planned failure for such a request; `nil` if the platform works.
  ///
  /// `token` is the request's, for the log; with `takesCodes` those of HTTPS count as well.
  package func nextFailure(
    _ kind: RequestKind,
    token: [UInt8]?,
    takesCodes: Bool = false,
    _ notes: inout RequestNotes
  ) -> SimulatedFailure? {
    guard let failure = things.nextFailure(kind, takesCodes: takesCodes) else { return nil }
    notes.device = token.flatMap { sessions[$0] }?.device.path
    notes.note =
      failure.times > 0
      ? "failed on purpose, \(failure.times) more to come" : "failed on purpose, the last time"
    return failure
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
