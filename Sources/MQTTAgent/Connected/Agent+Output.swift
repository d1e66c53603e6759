// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import DeviceDriver
internal import DeviceStore
internal import DurableReports
internal import MQTTChannel
internal import MQTTLayer
internal import MQTTLink
internal import OpenSSLSupport
internal import PlatformMQTT
internal import ReportLink

// Embedded Swift wants the conformances of what the driver is made of.
#if GATEWAY
internal import GatewayLink
internal import GatewaySessions
internal import HTTPSChannel
internal import MQTTAuthentication
#endif

/// What the agent over MQTT says of its link.
extension Agent {
  /// Prints an event.
  @inline(never)
  mutating func show(_ event: DurableEvent) {
    switch event {
    case .authenticated:
      isUnauthenticated = false
      // A connection is what reports that wait for one were waiting for.
      driver.reports.moveOn()
      line.start("info connected")
      log(&line)
      return tell()
    case .authenticationFailed: showFailure()
    case .delivered(let id):
      line.start(.delivered)
      line.add(id)
      return print()
    case .rejected(let id):
      finish(.rejected, id)
      add(reply: driver.reports.link.replyCode(of: id))
      return print()
    case .givenUp(let id, let reason):
      finish(.givenUp, id)
      line.add(reason == .maxAge ? .maxAge : .maxAttempts)
      return print()
    case .expired(let id):
      finish(.expired, id)
      return print()
    case .dropped(let id):
      finish(.dropped, id)
      return print()
    case .superseded(let id):
      line.start(.superseded)
      line.add(id)
      return print()
    case .postponed(let id):
      line.start(.postponed)
      let code = driver.reports.link.replyCode(of: id)
      if code != nil {
        line.add(.rejection)
      } else {
        line.add(driver.reports.link.ending.wasSent ? "not-acknowledged" : "not-sent")
      }
      line.add(.id)
      line.add(id)
      add(reply: code)
    case .downlink: return takeDownlink()
    case .storeFailed(let failure): return complain(failure)
    }
    log(&line)
  }

  /// Adds the code of the platform's reply to a report, if that was refused by one.
  private mutating func add(reply code: UInt64?) {
    if let code { line.add(.reply, code) }
  }

  /// Begins the line that says why there is no connection.
  private mutating func showFailure() {
    switch driver.reports.link.failure {
    case .refused(let code):
      line.start("warning connection-refused connack=")
      line.add(UInt64(code.rawValue))
      line.add(" standard=")
      line.add(code.standardMeaning?.word ?? "reserved")
      line.add(" sdk=")
      line.add(code.publicMeaning?.word ?? "reserved")
      isUnauthenticated = code != .unavailable
    case .connection(let reason):
      isUnauthenticated = reason.isRefusal
      line.start(.noLink)
      add(reason)
    case .signing: line.start("error signing-failed")
    }
  }

  /// Appends why no connection came about, in the words of the agent over CoAP.
  private mutating func add(_ failure: MQTTFailure) {
    switch failure {
    case .refused: line.add(.refusal)
    case .unreachable: line.add("unreachable")
    case .timedOut: line.add(.timedOut)
    case .unknownAuthority: line.add(.unknownAuthority)
    case .expired: line.add(.expiredCertificate)
    case .notYetValid: line.add(.notYetValid)
    case .invalidAuthority: line.add(.invalidAuthority)
    case .weakSignature: line.add(.weakSignature)
    case .weakKey: line.add(.weakKey)
    case .wrongPurpose: line.add(.wrongPurpose)
    case .certificate(let code): line.add(.badCertificate, UInt64(clamping: code))
    case .serverName: line.add(.wrongName)
    case .oldVersion: line.add(.oldVersion)
    case .handshake: line.add(.handshake)
    case .malformed: line.add("malformed")
    case .oversized: line.add("oversized")
    case .library: line.add("library")
    #if GATEWAY
    case .authentication(let reason): addAuthentication(reason)
    #elseif !SMALL
    case .authentication: line.add("library")
    #endif
    }
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
    line.add(" connections=")
    line.add(UInt64(done.connections))
    line.add(" reports=")
    line.add(UInt64(done.reports))
    line.add(" acknowledged=")
    line.add(UInt64(done.acknowledged))
    line.add(" downlinks=")
    line.add(UInt64(done.downlinks))
    line.add(" sends=")
    line.add(UInt64(done.sends))
    line.add(" messages-dropped=")
    line.add(UInt64(done.dropped))
    line.add(.diskSyncs, driver.reports.outboxWrites.syncs)
    line.add(.diskBytes, driver.reports.outboxWrites.bytes)
    log(&line)
  }
}

extension ConnackMeaning {
  /// A word for a line.
  fileprivate var word: StaticString {
    switch self {
    case .accepted: "accepted"
    case .protocolVersion: "protocol-version"
    case .identifier: "client-id"
    case .unavailable: "server-unavailable"
    case .credentials: "user-or-password"
    case .notAuthorized: "not-authorized"
    }
  }
}

extension MQTTFailure {
  /// Whether the server was refused, because it cannot prove who it is: a retry would fail in the same way.
  fileprivate var isRefusal: Bool {
    switch self {
    case .refused, .unreachable, .timedOut, .malformed, .oversized, .library: false
    #if GATEWAY
    case .authentication(let reason): reason.isRefusal
    #endif
    default: true
    }
  }
}
