internal import CoAPMessage
internal import ConstrainedCore

/// How the platform treats a device that its console has disabled, and a token that it has taken back.
extension SimulatedPlatform {
  /// Unverified (`disabled-device` of `Assumption`): 4.03 for a disabled device, at `/auth` and on each request with its token.
  func checkEnabled(_ path: String) throws(Refusal) {
    guard !things.disabled.contains(path) else {
      throw Refusal(
        code: configuration.assumptions.disabledDevice,
        note: "the device is disabled"
      )
    }
  }

  /// Forgets the sessions whose tokens the console took back since the last request.
  mutating func dropTakenBack() {
    for path in things.takenBack {
      for token in sessions.filter({ $0.value.device.path == path }).keys {
        sessions[token] = nil
        takenBackTokens.remember(token, of: path)
      }
    }
    things.takenBack = []
  }

  /// Counts a request that was taken: after so many the token is taken back, or the device disabled.
  mutating func countRequest(of session: PlatformSession) {
    things.countRequest(of: session.device.path)
    session.uses += 1
    guard let most = configuration.tokenUses, session.uses >= most else { return }
    sessions[session.token] = nil
    takenBackTokens.remember(session.token, of: session.device.path)
  }
}

/// The last 100 tokens that were taken back, to tell the log why they are unknown.
struct TakenBackTokens {
  private var tokens: [(token: [UInt8], path: String)] = []

  /// Whose token it was.
  func device(of token: [UInt8]) -> String? { tokens.first { $0.token == token }?.path }

  mutating func remember(_ token: [UInt8], of path: String) {
    tokens.append((token, path))
    if tokens.count > 100 { tokens.removeFirst() }
  }
}
