// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX
internal import ConstrainedCore

/// SIGHUP: the program restarts within its process, with the current configuration.
///
/// Reports are on disk, and so are the token and the numbers. Standard input that was read but not
/// processed is passed through a pipe, with the number of the last processed line, and whether a
/// line was refused, by the disk or otherwise: a reload does not improve the exit status.
extension Agent {
  /// Restarts, unless the configuration has an error: then nothing changes.
  @inline(never)
  mutating func reload(_ input: borrowing LineInput) {
    isReloadWanted = false
    if configuration.arguments.isOnce { return log(Phrase.reloadIgnored.text) }
    guard configuration.arguments.areStillGood() else { return log(Phrase.reloadRefused.text) }
    log(Phrase.reload.text)
    // What waits in the socket would go with it.
    var count = 0
    while count < 1_000, takeDatagram() { count &+= 1 }
    close()
    extras.end()
    let flags: UInt32 =
      (input.isTooLong ? 1 : 0) | (hasRejected ? 2 : 0) | (hasDiskRefused ? 4 : 0)
    configuration.arguments.startOver(nbiot_legacy(line: lineNumber, flags: flags), input.rest)
    nbiot_exit(AgentStatus.store.rawValue)
  }

  /// Continues where the previous program in this process stopped.
  mutating func takeOver(_ input: inout LineInput) {
    let descriptor = configuration.arguments.rest
    if descriptor < 0 { return }
    let legacy = input.inherit(from: descriptor)
    lineNumber = legacy.line
    hasRejected = legacy.flags & 2 != 0
    hasDiskRefused = legacy.flags & 4 != 0
  }
}
