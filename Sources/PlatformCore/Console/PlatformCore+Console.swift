/// What the console does to devices, and the failures that it plans, as requests meet them.
extension PlatformCore {
  /// Carries out what the console has asked for since the last request: forgets the sessions whose tokens it took
  /// back.
  package func applyConsole() {
    for path in things.takenBack {
      for token in sessions.filter({ $0.value.device.path == path }).keys {
        sessions[token] = nil
        takenBackTokens.remember(token, of: path)
      }
    }
    things.takenBack = []
  }

  /// The failure that is planned for such a request; `nil` when the platform works.
  ///
  /// `token` is the request's, for the log.
  package func nextFailure(
    _ kind: RequestKind,
    token: [UInt8]?,
    _ notes: inout RequestNotes
  ) -> SimulatedFailure? {
    guard let failure = things.nextFailure(kind) else { return nil }
    notes.device = token.flatMap { sessions[$0] }?.device.path
    notes.note =
      failure.times > 0
      ? "failed on purpose, \(failure.times) more to come" : "failed on purpose, the last time"
    return failure
  }

  /// Unverified (`disabled-device` of `Assumption`): that a disabled device is refused at `/auth` and on each
  /// request with its token.
  func checkEnabled(_ path: String) throws(Refusal) {
    guard !things.disabled.contains(path) else {
      throw Refusal(.disabledDevice, "the device is disabled")
    }
  }

  /// Counts a request that was taken: after so many the token is taken back, or the device disabled.
  package func countRequest(of session: PlatformSession) {
    things.countRequest(of: session.device.path)
    session.uses += 1
    guard let most = configuration.tokenUses, session.uses >= most else { return }
    sessions[session.token] = nil
    takenBackTokens.remember(session.token, of: session.device.path)
  }
}
