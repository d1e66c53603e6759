// SPDX-License-Identifier: Apache-2.0
internal import CoAPMessage
internal import Platform
internal import Synchronization

/// The callers of a client: those that wait, and those that have an id and have not arrived yet.
struct Callers {
  private(set) var isClosed = false
  /// Callers that wait for the device to be connected, or to have a token.
  private(set) var connecting: [Connecting] = []
  /// Callers that wait for the device's secret.
  private(set) var registering: [Registering] = []
  /// Reports that have not begun.
  var queue: [Pending] = []
  private var nextID: UInt64 = 0
  private var expected: Set<UInt64> = []
  private var cancelled: Set<UInt64> = []

  /// An id for a call that is about to arrive.
  mutating func makeID() -> UInt64 {
    nextID += 1
    expected.insert(nextID)
    return nextID
  }

  /// Why a call that arrives is refused; `nil` where it is taken.
  mutating func refusal(of id: UInt64) -> (any Error)? {
    expected.remove(id)
    if cancelled.remove(id) != nil { return CancellationError() }
    return isClosed ? DeviceClientError.closed : nil
  }

  /// Takes a caller that waits until `endConnecting`; whether it was not refused.
  mutating func take(_ caller: Connecting, _ completions: inout Completions) -> Bool {
    if let error = refusal(of: caller.id) {
      completions.finish(caller, .failure(error))
      return false
    }
    connecting.append(caller)
    return true
  }

  /// Takes a caller that waits until `endRegistering`; whether it was not refused.
  mutating func take(_ caller: Registering, _ completions: inout Completions) -> Bool {
    if let error = refusal(of: caller.id) {
      completions.finish(caller, .failure(error))
      return false
    }
    registering.append(caller)
    return true
  }

  /// Ends the wait of one that wants a secret, and of no other.
  mutating func refuse(
    _ caller: Registering,
    _ error: any Error,
    _ completions: inout Completions
  ) {
    registering.removeAll { $0.id == caller.id }
    completions.finish(caller, .failure(error))
  }

  /// Appends a report to the queue unless it is refused.
  mutating func take(_ report: Pending, _ completions: inout Completions) {
    if let error = refusal(of: report.id) {
      completions.finish(report, .failure(error))
    } else {
      queue.append(report)
    }
  }

  /// Lets go of a call, and says what it waited for; `nil` for one that is none of these.
  ///
  /// Ask for the reports under way first: a call that has not arrived is refused when it does.
  mutating func cancel(_ id: UInt64, _ completions: inout Completions) -> CancelledCall? {
    let error = CancellationError()
    if let index = connecting.firstIndex(where: { $0.id == id }) {
      completions.finish(connecting.remove(at: index), .failure(error))
      return .connecting
    }
    if let index = registering.firstIndex(where: { $0.id == id }) {
      completions.finish(registering.remove(at: index), .failure(error))
      return .registering
    }
    if let index = queue.firstIndex(where: { $0.id == id }) {
      completions.finish(queue.remove(at: index), .failure(error))
      return .queued
    }
    if expected.remove(id) != nil {
      cancelled.insert(id)
      return .expected
    }
    return nil
  }

  /// Ends the wait of those that want to be connected.
  mutating func endConnecting(
    _ result: Result<Void, any Error>,
    _ completions: inout Completions
  ) {
    for caller in connecting { completions.finish(caller, result) }
    connecting.removeAll()
  }

  /// Ends the wait of those that want a secret.
  mutating func endRegistering(
    _ result: Result<[UInt8], any Error>,
    _ completions: inout Completions
  ) {
    for caller in registering { completions.finish(caller, result) }
    registering.removeAll()
  }

  /// Fails the reports that have not begun.
  mutating func failQueue(_ error: any Error, _ completions: inout Completions) {
    for report in queue { completions.finish(report, .failure(error)) }
    queue.removeAll()
  }

  /// Fails all that wait.
  mutating func fail(_ error: any Error, _ completions: inout Completions) {
    endConnecting(.failure(error), &completions)
    endRegistering(.failure(error), &completions)
    failQueue(error, &completions)
  }

  /// Refuses all calls from now on; whether this is news.
  mutating func close() -> Bool {
    defer { isClosed = true }
    return !isClosed
  }
}

/// What a call that was cancelled had waited for.
enum CancelledCall {
  /// The connection.
  case connecting
  /// The device's secret.
  case registering
  /// Its turn.
  case queued
  /// It has not arrived yet.
  case expected
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

extension Mutex where Value: ~Copyable {
  /// Changes the value, and wakes waiting callers after releasing the lock.
  borrowing func change(_ body: (inout sending Value, inout Completions) -> Void) {
    var completions = Completions()
    withLock { body(&$0, &completions) }
    for action in completions.actions { action() }
  }
}
