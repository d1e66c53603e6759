// SPDX-License-Identifier: Apache-2.0
package import Foundation
internal import Synchronization

// Foundation's Process closes in a child what is open when it looks, and starts the child after that. What
// another test opens in between the child has too, and keeps open as long as it lives: then no end of input
// comes to a program whose pipe is closed here, nor is its end noticed. So the tests make pipes and start
// programs one at a time.
private let turn = Mutex(())

extension Process {
  /// Starts it, as `run` does, while no other test starts one or makes a pipe.
  package func start() throws { try turn.withLock { _ in try run() } }
}

extension Pipe {
  /// A pipe to or from a program that `Process.start` starts.
  package static func ofChild() -> Pipe { turn.withLock { _ in Pipe() } }
}
