// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX
internal import ConstrainedCore

/// A command under way, with a limit of its time, and what it prints.
struct CommandProcess {
  /// How many reads of `read` a turn of the loop has: a program that never stops printing is not waited for.
  static var readsPerTurn: Int { 64 }

  /// The process id; 0 if none is running.
  private var child: Int32 = 0
  private var isTold = false
  /// When it is to end.
  private var limit = Instant(milliseconds: .max)
  /// Its standard output while there is more to come; -1 for none.
  private(set) var descriptor: Int32 = -1

  /// Whether it runs.
  var isRunning: Bool { child > 0 }

  /// When `look` has something to do at the latest.
  var deadline: Instant? { isRunning ? limit : nil }

  /// Runs the command at `path` with two variables, `NAME=VALUE`, in its environment; 0, or the error number.
  ///
  /// All three end with a zero byte. `input` becomes its standard input, and stays the caller's.
  mutating func start(
    _ path: Span<UInt8>,
    _ first: Span<UInt8>,
    _ second: Span<UInt8>,
    input: Int32,
    until end: Instant
  ) -> Int32 {
    var code: Int32 = 0
    var output: Int32 = -1
    // SAFETY: all three end with a zero byte and are not kept.
    child = unsafe path.withUnsafeBytes { path in
      unsafe first.withUnsafeBytes { first in
        unsafe second.withUnsafeBytes { second in
          unsafe nbiot_start_request(
            path.bindMemory(to: CChar.self).baseAddress,
            first.bindMemory(to: CChar.self).baseAddress,
            second.bindMemory(to: CChar.self).baseAddress,
            input,
            &output,
            &code
          )
        }
      }
    }
    descriptor = output
    isTold = false
    limit = end
    guard code != 0 else { return 0 }
    // What failed to start is a child all the same, and ends at once.
    if child > 0 { _ = nbiot_ends(child, 1_000) }
    child = 0
    return code
  }

  /// Takes in its end, and ends it when its time is over: its status as `waitpid` has it, `nil` while it runs.
  ///
  /// What it has printed can still be read; then `closeOutput`.
  mutating func look(at now: Instant) -> Int32? {
    let status = nbiot_status(child)
    if status >= 0 {
      child = 0
      return status
    }
    if now >= limit {
      _ = kill(0 &- child, isTold ? SIGKILL : SIGTERM)
      isTold = true
      limit = now + Milliseconds(1_000)
    }
    return nil
  }

  /// Reads of what it prints; how many bytes, 0 where there is nothing for now.
  mutating func read(into scratch: inout InlineArray<1_024, UInt8>) -> Int {
    while descriptor >= 0 {
      var span = scratch.mutableSpan
      let file = descriptor
      // SAFETY: reads at most the room.
      let length = unsafe span.withUnsafeMutableBufferPointer {
        unsafe CPOSIX.read(file, $0.baseAddress, $0.count)
      }
      if length > 0 { return length }
      if length < 0, nbiot_errno() == EINTR { continue }
      if length < 0, nbiot_errno() == EAGAIN { break }
      closeOutput()
    }
    return 0
  }

  /// Reads no more of what it prints.
  mutating func closeOutput() {
    if descriptor >= 0 { _ = close(descriptor) }
    descriptor = -1
  }

  /// Ends the command and its whole group when the program ends.
  mutating func end() {
    guard isRunning else { return }
    _ = kill(0 &- child, SIGKILL)
    _ = nbiot_ends(child, 1_000)
    child = 0
  }
}
