// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import CoAPLink
internal import CoAPMessage
internal import ConstrainedCore
internal import DeviceStore
internal import Platform
internal import TrafficLedger

/// A client's core, independent of its transport.
protocol ClientCore: AnyObject, Sendable {
  var counters: DeviceCounters { get }
  var traffic: DeviceTraffic { get }
  var ledger: TrafficLedger { get }
  /// Whether no connection is ending any more whose last segments the ledger will have.
  var isLedgerComplete: Bool { get }
  /// How many connections the ledger has packets alone of.
  var missedConnections: Int { get }
  var keepingFailure: StoreError? { get }
  func start()
  func stop()
  /// Looks at the callers, or changes them without anything to do for them.
  func withCallers<Result>(_ body: (inout Callers) -> Result) -> Result
  /// Changes the callers, then performs pending work.
  func changeCallers(_ body: (inout Callers, inout Completions) -> Void)
  func takeRequestID() -> UInt32
  func connect(_ id: UInt64, _ continuation: CheckedContinuation<Void, any Error>)
  func register(
    _ id: UInt64,
    _ signMethod: SignMethod,
    _ continuation: CheckedContinuation<[UInt8], any Error>
  )
  func cancel(_ id: UInt64)
  func exportSession() -> [UInt8]?
  /// Resumes once nothing of the connection is left, after `stop`.
  func waitForEnd(_ continuation: CheckedContinuation<Void, Never>)
  func overhead(of topic: Topic) -> MessageOverhead
}

extension ClientCore {
  /// An id for a call that is about to arrive.
  func makeID() -> UInt64 { withCallers { $0.makeID() } }

  /// Waits until the device is connected, or has a token.
  ///
  /// The core asks for that in its next step, and ends the wait at once where there is nothing to wait for.
  func connect(_ id: UInt64, _ continuation: CheckedContinuation<Void, any Error>) {
    let caller = Connecting(id: id, continuation: continuation)
    changeCallers { callers, completions in _ = callers.take(caller, &completions) }
  }

  /// Appends a report to the queue.
  func publish(_ pending: Pending) {
    changeCallers { callers, completions in callers.take(pending, &completions) }
  }

  /// There is no session but over CoAP.
  func exportSession() -> [UInt8]? { nil }

  /// A socket needs no time to be closed.
  func waitForEnd(_ continuation: CheckedContinuation<Void, Never>) { continuation.resume() }
}

/// The destination of a report.
enum Target {
  /// A topic; `accept` overrides that of the settings, unless they omit the option.
  case topic(Topic, accept: ContentFormat? = nil)
  /// `/pull`, for at most so many messages.
  case pull(Int)

  /// The topic; empty for `/pull`.
  var topicBytes: [UInt8] {
    guard case .topic(let topic, _) = self else { return [] }
    return topic.bytes.bytes.indices.map { topic.bytes.bytes[$0] }
  }
}
