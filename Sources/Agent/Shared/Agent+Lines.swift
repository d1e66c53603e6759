// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX
internal import ConstrainedCore
internal import DeviceDriver
internal import DeviceStore
internal import DurableReports
internal import OpenSSLSupport

// Embedded Swift wants the conformances of what the driver is made of.
#if MQTT
internal import MQTTChannel
internal import MQTTLink
#if GATEWAY
internal import GatewayLink
internal import GatewaySessions
internal import HTTPSChannel
internal import MQTTAuthentication
#endif
#elseif HTTPS
internal import HTTPSChannel
internal import HTTPSLink
#else
internal import CoAPLink
internal import SecurityLayer
#endif

/// The agent's output: results to standard output, everything else to standard error, one line
/// each.
extension Agent {
  /// Prints the current line, a result; if standard output cannot be written, the program ends, and
  /// nothing is lost.
  @inline(never)
  mutating func print() {
    guard !hasNoOutput, !line.write(to: 1) else { return }
    hasNoOutput = true
    isOver = true
  }

  /// Starts the line of a report that was not delivered and was deleted.
  mutating func finish(_ phrase: Phrase, _ id: UInt64) {
    hasRejected = true
    line.start(phrase)
    line.add(id)
  }

  /// Reports that the disk rejects writes, once until it accepts a report or refuses for another
  /// reason; with `--once` the agent does not wait for it.
  mutating func complain(_ failure: StoreError) {
    if configuration.arguments.isOnce { hasDiskRefused = true }
    if failure.number > 0, failure.number == diskFailure { return }
    diskFailure = failure.number
    line.start(.diskRefuses)
    failure.describe(in: &line)
    log(&line)
  }

  /// Reports the state found on disk.
  mutating func showStart() {
    let found = driver.reports.outboxFindings
    line.start(.started)
    line.add(driver.reports.sessionFinding.phrase)
    line.add(.pending, driver.reports.pendingReports)
    line.add(.damaged, found.damaged)
    line.add(.cut, found.cutBytes)
    log(&line)
  }
}

/// Prints a constant line to standard error.
@inline(never)
func log(_ text: Span<UInt8>) {
  var line = TextLine()
  line.add(text)
  log(&line)
}

/// Prints a line to standard error; if that cannot be written, the failure cannot be reported.
func log(_ line: inout TextLine) {
  #if !hasFeature(Embedded)
  if let reader = unsafe AgentLog.reader {
    let text = line.written
    return reader(String(decoding: text.indices.map { text[$0] }, as: UTF8.self))
  }
  #endif
  _ = line.write(to: 2)
}

extension SessionFinding {
  fileprivate var phrase: Phrase {
    switch self {
    case .none: .nothing
    case .found: .found
    case .foreign: .foreign
    case .damaged: .damagedFile
    case .notPrivate: .notPrivateFile
    }
  }
}
