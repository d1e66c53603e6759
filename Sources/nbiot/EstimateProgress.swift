// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import Synchronization
internal import SystemClocks

/// Says on standard error every five seconds how far a simulation is; a short one says nothing.
final class EstimateProgress: Sendable {
  private struct State {
    var ended = 0
    var next = MonotonicClock.now() + Milliseconds(5_000)
  }

  private let total: Int
  private let state = Mutex(State())

  init(total: Int) { self.total = total }

  /// One more report has been simulated.
  ///
  /// Simulations occupy every thread of the pool, so that the time is looked at here and not by a task.
  func count() {
    let line: String? = state.withLock { state in
      state.ended += 1
      let now = MonotonicClock.now()
      guard now >= state.next else { return nil }
      state.next = now + Milliseconds(5_000)
      return "nbiot: \(state.ended) of \(total) reports simulated"
    }
    if let line { Console.complain(line) }
  }
}
