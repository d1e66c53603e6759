// SPDX-License-Identifier: Apache-2.0
internal import CoAPLink
internal import ConstrainedCore
internal import DeviceDriver
internal import DurableReports
internal import OpenSSLSupport
internal import SystemClocks
internal import UDPTransport

/// What moves the reports, over CoAP.
typealias AgentDriver = DeviceDriver<AgentSecurity, SystemRandom>

/// What the agent over CoAP has beside it.
typealias AgentExtras = HintCommand

/// The datagrams of the agent over CoAP.
extension Agent {
  /// Whether lines can come after the end of standard input.
  var staysOpen: Bool { datagrams.isOpen }

  /// What the link waits for.
  var linkDescriptor: Int32 { driver.server.descriptor }

  /// When the link has something to do.
  var linkDeadline: Instant? {
    // Nothing can be sent while the name is being resolved, even if it is overdue.
    mutating get {
      let deadline = driver.server.isResolving ? nil : driver.reports.pollTimeout()
      #if LEDGER
      return earlier(deadline, ledger.deadline)
      #else
      return deadline
      #endif
    }
  }

  /// Looks after the command for hints.
  mutating func look(at now: Instant) {
    extras.look(at: now)
    #if LEDGER
    lookAfterLedger(at: now)
    #endif
  }

  mutating func receive(at now: Instant) {
    do throws(TransportError) {
      try driver.receive(at: now)
    } catch {
      failLink(error, at: now)
    }
  }

  /// Sends close_notify if the channel has it; work in flight stays in the outbox.
  mutating func close() {
    driver.reports.close()
    if driver.server.socket.isOpen { transmit() }
    #if LEDGER
    writeLedger()
    #endif
  }

  /// Sends due datagrams, once there is a socket.
  mutating func transmit() {
    while !isOver {
      let now = MonotonicClock.now()
      do throws(TransportError) {
        return try driver.transmit(at: now) { hint in
          if configuration.has(.hintCommand) {
            extras.run(configuration.path(.hintCommand), hint, &line, at: now)
          }
        }
      } catch {
        if !failLink(error, at: now) { return }
      }
    }
  }

  /// Switches to the server's next address, if there is one; otherwise the report stays, and
  /// another socket may have a working address.
  @inline(never)
  @discardableResult
  mutating func failLink(_ failure: TransportError, at now: Instant) -> Bool {
    showLink(failure)
    return driver.fail(at: now)
  }
}
