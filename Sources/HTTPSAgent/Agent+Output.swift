// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import DeviceDriver
internal import DeviceStore
internal import DurableReports
internal import HTTPSChannel
internal import HTTPSLayer
internal import HTTPSLink
internal import OpenSSLSupport
internal import Platform
internal import PlatformHTTPS
internal import ReportLink

/// What the agent over HTTPS says of its link.
extension Agent {
  /// Prints an event.
  @inline(never)
  mutating func show(_ event: DurableEvent) {
    switch event {
    case .authenticated:
      isUnauthenticated = false
      line.start(.authenticated)
    case .authenticationFailed:
      noteRefusal()
      line.start(.authenticationFailed)
      addFailure()
    case .delivered(let id):
      isUnauthenticated = false
      line.start(.delivered)
      line.add(id)
      let messageID = driver.reports.link.messageID
      if !messageID.isEmpty {
        line.add(.id)
        line.add(messageID.bytes)
      }
      return print()
    case .rejected(let id):
      finish(.rejected, id)
      line.add(" reason=")
      addFailure()
      return print()
    case .postponed(let id):
      noteRefusal()
      line.start(.postponed)
      addFailure()
      line.add(.id)
      line.add(id)
    case .storeFailed(let failure): return complain(failure)
    case .downlink: return
    case .givenUp, .expired, .dropped, .superseded: return showEnd(event)
    }
    log(&line)
  }

  /// Notes whether the platform does not take the device, or the server cannot prove who it is.
  private mutating func noteRefusal() {
    isUnauthenticated =
      driver.reports.link.ending.verdict == .credentials
      || driver.reports.link.failure.isOfServer
  }

  /// Appends why the last request failed.
  private mutating func addFailure() {
    switch driver.reports.link.failure {
    case .transfer(let failure): return add(failure)
    case .code(let code, let status):
      line.add(.refusal)
      line.add(" code=")
      line.add(code.rawValue)
      if status != 200 { add(status: status) }
    case .status(let status):
      line.add("foreign-answer")
      add(status: status)
    case .answer(.tooLong(.token)): return line.add(.tokenTooLong)
    case .answer: return line.add(.unusableAnswer)
    case .signing: return line.add(.noKey)
    case .memory: return line.add("no-memory")
    }
    let message = driver.reports.link.message
    if message.isEmpty { return }
    line.add(.message)
    line.add(message.bytes)
  }

  private mutating func add(status: UInt16) {
    line.add(" status=")
    line.add(UInt64(status))
  }

  /// Appends why there is no answer, in the words of the other agents.
  private mutating func add(_ failure: HTTPSFailure) {
    switch failure {
    case .unresolved:
      line.add(.unknownHost)
      addProxy()
    case .unreachable:
      line.add("unreachable")
      addProxy()
    case .timedOut: line.add(.timedOut)
    case .unknownAuthority: line.add(.unknownAuthority)
    case .expired: line.add(.expiredCertificate)
    case .notYetValid: line.add(.notYetValid)
    case .certificate: line.add("certificate")
    case .serverName: line.add(.wrongName)
    case .handshake: line.add(.handshake)
    case .authorities: line.add("authorities")
    case .broken: line.add(.interrupted)
    case .tooLong: line.add("answer-too-long")
    case .notHTTP: line.add("not-http")
    case .library(let code):
      line.add("libcurl=")
      line.add(UInt64(clamping: code))
    }
  }

  /// Appends that the proxy may be what is not there.
  private mutating func addProxy() {
    if configuration.choice(.proxy) == 1 { line.add(" (or https_proxy)") }
  }

  /// Prints the end of a report that no answer of the platform has ended.
  ///
  /// The other agents have the same in their own place: shared, it would make each 100 bytes larger.
  private mutating func showEnd(_ event: DurableEvent) {
    switch event {
    case .givenUp(let id, let reason):
      finish(.givenUp, id)
      line.add(reason == .maxAge ? .maxAge : .maxAttempts)
    case .expired(let id): finish(.expired, id)
    case .dropped(let id): finish(.dropped, id)
    case .superseded(let id):
      line.start(.superseded)
      line.add(id)
    default: return
    }
    print()
  }

  /// Prints the counters.
  mutating func showCounters() {
    let done = driver.reports.link.counters
    line.start(.counters)
    line.add(.pending, driver.reports.pendingReports)
    line.add(.acceptedReports, driver.reports.outboxCounters.accepted)
    line.add(.deliveredReports, driver.reports.deliveredReports)
    line.add(.rejectedReports, driver.reports.rejectedReports)
    line.add(.givenUpReports, driver.reports.outboxCounters.givenUp)
    line.add(.expiredReports, driver.reports.outboxCounters.expired)
    line.add(.droppedReports, driver.reports.outboxCounters.dropped)
    line.add(.supersededReports, driver.reports.outboxCounters.superseded)
    line.add(.authentications, done.authentications)
    line.add(.requests, done.authentications + done.reports)
    line.add(.diskSyncs, driver.reports.sessionWrites.syncs + driver.reports.outboxWrites.syncs)
    line.add(.diskBytes, driver.reports.sessionWrites.bytes + driver.reports.outboxWrites.bytes)
    log(&line)
  }
}

extension HTTPSLinkFailure {
  /// Whether the server cannot prove who it is, or does not speak TLS: a retry would fail in the same way.
  fileprivate var isOfServer: Bool {
    guard case .transfer(let failure) = self else { return false }
    return switch failure {
    case .unknownAuthority, .expired, .notYetValid, .certificate, .serverName, .handshake,
      .authorities:
      true
    default: false
    }
  }
}
