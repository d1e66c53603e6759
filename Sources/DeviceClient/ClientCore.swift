internal import Alink
internal import CoAPLink
internal import CoAPMessage
internal import ConstrainedCore
internal import DeviceStore
internal import Platform

/// A client's core, independent of its security layer.
protocol ClientCore: AnyObject, Sendable {
  var counters: DeviceCounters { get }
  var traffic: DeviceTraffic { get }
  var keepingFailure: StoreError? { get }
  func start()
  func stop()
  func makeID() -> UInt64
  func takeRequestID() -> UInt32
  func connect(_ id: UInt64, _ continuation: CheckedContinuation<Void, any Error>)
  func register(
    _ id: UInt64,
    _ signMethod: SignMethod,
    _ continuation: CheckedContinuation<[UInt8], any Error>
  )
  func publish(_ pending: Pending)
  func cancel(_ id: UInt64)
  func exportSession() -> [UInt8]?
  /// Resumes once nothing of the connection is left, after `stop`.
  func waitForEnd(_ continuation: CheckedContinuation<Void, Never>)
  func overhead(of topic: Topic) -> MessageOverhead
}

extension ClientCore {
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

/// A report that waits for its turn or its answer.
struct Pending {
  let id: UInt64
  let target: Target
  let payload: [UInt8]
  let format: ContentFormat
  let continuation: CheckedContinuation<Receipt, any Error>
}

/// A caller that waits for the token.
struct Connecting {
  let id: UInt64
  let continuation: CheckedContinuation<Void, any Error>
}

/// A caller that waits for the device's secret.
struct Registering {
  let id: UInt64
  let signMethod: SignMethod
  let continuation: CheckedContinuation<[UInt8], any Error>
}

/// Work to do once the lock is released.
struct Completions {
  var actions: [@Sendable () -> Void] = []

  mutating func finish(_ pending: Pending, _ result: Result<Receipt, any Error>) {
    actions.append { pending.continuation.resume(with: result) }
  }

  mutating func finish(_ connecting: Connecting, _ result: Result<Void, any Error>) {
    actions.append { connecting.continuation.resume(with: result) }
  }

  mutating func finish(_ registering: Registering, _ result: Result<[UInt8], any Error>) {
    actions.append { registering.continuation.resume(with: result) }
  }
}
