// SPDX-License-Identifier: Apache-2.0
package import ConstrainedCore

/// The result of a successful authentication.
package struct Grant {
  /// The device's session, with its token.
  package let session: PlatformSession
  /// The field `ackMode`; `nil` if it is missing.
  package let answersSeparately: Bool?
}

extension PlatformCore {
  /// Starts a session for the device whose credentials are valid.
  package func authenticate(
    _ form: SubmittedCredentials,
    at now: Instant,
    for service: TokenService = .messages,
    _ notes: inout RequestNotes
  ) throws(Refusal) -> Grant {
    let checked = try form.check(
      devices: devices,
      names: configuration.deviceNames,
      &notes.leniencies
    )
    let path = checked.device.path
    notes.device = path
    try checkEnabled(path)
    if registered[path] != nil { registered[path] = true }
    let session = makeSession(of: checked.device, at: now, for: service)
    keep(session)
    return Grant(session: session, answersSeparately: checked.answersSeparately)
  }
}
