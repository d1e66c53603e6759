// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import Synchronization
internal import UDPTransport

/// Ctrl-C and SIGTERM amid work that is told line by line: what is under way is given up, what was read is told, and
/// then the program ends by the signal.
///
/// There is one at a time. The second signal ends the program at once, and so does a reader of standard output that
/// takes nothing more for a second.
final class WorkInterruption: Sendable {
  private let state = Mutex<(isRequested: Bool, cancel: (@Sendable () -> Void)?)>((false, nil))
  private let wakeup: WakeSignal?

  /// Takes no signals yet: see `listen`.
  init() {
    // Without it (EMFILE) only the second signal ends a wait for input.
    wakeup = try? WakeSignal()
  }

  /// Whether the program is to end.
  var isRequested: Bool { state.withLock { $0.isRequested } }

  /// Takes the signals as long as the result lives.
  func listen() -> InterruptSignal {
    InterruptSignal {
      let cancel = self.state.withLock { state in
        state.isRequested = true
        return state.cancel
      }
      cancel?()
      self.wakeup?.set()
      Self.endIfOutputStalls()
    }
  }

  /// Runs `body` as a task that the signal cancels.
  func run<Result: Sendable>(
    _ body: @escaping @Sendable () async throws -> Result
  ) async throws -> Result {
    let task = Task { try await body() }
    let isLate = state.withLock { state in
      state.cancel = { task.cancel() }
      return state.isRequested
    }
    if isLate { task.cancel() }
    defer { state.withLock { $0.cancel = nil } }
    return try await task.value
  }

  /// Waits for standard input; `false` where the signal came first.
  func waitForInput() -> Bool {
    guard !isRequested else { return false }
    wakeup?.wait(forSocket: STDIN_FILENO, until: nil)
    return !isRequested
  }

  /// Ends the program where results wait for a reader that has stopped; it has ended by itself otherwise.
  private static func endIfOutputStalls() {
    var stalled = 0
    while stalled < 20 {
      usleep(50_000)
      stalled = Console.isOutputReady ? 0 : stalled + 1
    }
    EndingSignal.endIfNoted()
  }
}
