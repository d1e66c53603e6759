package import ConstrainedCore

/// What a device has been granted.
package struct Grant {
  /// Its session, whose token it is told.
  package let session: PlatformSession
  /// What the field `ackMode` says; `nil` where it is missing.
  package let answersSeparately: Bool?
}

extension PlatformCore {
  /// Begins a session of the device that a form proves.
  package func authenticate(
    _ form: SubmittedCredentials,
    at now: Instant,
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
    let session = makeSession(of: checked.device, at: now)
    keep(session)
    return Grant(session: session, answersSeparately: checked.answersSeparately)
  }
}
