internal import CPOSIX
internal import CoAPLink
internal import ConstrainedCore
internal import UDPTransport

/// SIGHUP: the program starts over in its process, with the configuration as it is now.
///
/// Reports are on disk, and go with the token and the numbers that are there too. What was read of standard
/// input and not taken yet goes along by a pipe, and with it the number of the last line that was taken, and
/// whether one was refused, by the disk or otherwise: a reload makes no exit status better.
extension Agent {
  /// Starts over, unless the configuration is wrong: then all stays as it was.
  @inline(never)
  mutating func reload(_ input: borrowing LineInput) {
    isReloadWanted = false
    if configuration.arguments.isOnce { return log(Phrase.reloadIgnored.text) }
    guard configuration.arguments.areStillGood() else { return log(Phrase.reloadRefused.text) }
    log(Phrase.reload.text)
    // What waits in the socket would go with it.
    var count = 0
    while count < 1_000, takeDatagramBatch() { count &+= 1 }
    close()
    hints.end()
    let flags: UInt32 =
      (input.isTooLong ? 1 : 0) | (hasRejected ? 2 : 0) | (hasDiskRefused ? 4 : 0)
    configuration.arguments.startOver(nbiot_legacy(line: lineNumber, flags: flags), input.rest)
    exit(AgentStatus.store.rawValue)
  }

  /// Goes on where the program stopped that ran in this process before.
  mutating func takeOver(_ input: inout LineInput) {
    let descriptor = configuration.arguments.rest
    if descriptor < 0 { return }
    let legacy = input.inherit(from: descriptor)
    lineNumber = legacy.line
    hasRejected = legacy.flags & 2 != 0
    hasDiskRefused = legacy.flags & 4 != 0
  }
}
