// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import Synchronization

/// Says on standard error which messages were refused or dropped: ten lines a second at most, then how many more.
final class RefusalLog: Sendable {
  private struct Second {
    /// Lines in this second; 0 while none of the last second is remembered.
    var lines = 0
    var untold = 0
    /// The last message without a line.
    var last = ""
  }

  private static let limit = 10

  private let second = Mutex(Second())

  /// Says a line, or counts it.
  func warn(_ text: String) {
    let lines = second.withLock { second in
      if second.lines < Self.limit {
        second.lines += 1
        return second.lines
      }
      second.untold += 1
      second.last = text
      return 0
    }
    if lines > 0 { Console.complain("warning: \(text)") }
    if lines == 1 { wait() }
  }

  /// Says how many have no line, and begins the next second.
  func flush() {
    let (untold, last) = second.withLock { second in
      defer { second = Second(lines: second.untold > 0 ? 1 : 0) }
      return (second.untold, second.last)
    }
    guard untold > 0 else { return }
    Console.complain("warning: \(untold) more messages were refused or dropped; the last: \(last)")
    wait()
  }

  private func wait() {
    DispatchQueue.global().asyncAfter(deadline: .now() + 1) { self.flush() }
  }
}
