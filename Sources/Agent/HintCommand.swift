// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX
internal import CoAPLink
internal import ConstrainedCore
internal import DeviceDriver

/// The command that passes hints about the radio's next seconds to the modem: one at a time, each
/// for a limited time.
struct HintCommand {
  /// How long a command may run before its process group gets SIGTERM.
  private static var limit: Milliseconds { Milliseconds(10_000) }

  /// The process id; 0 if none is running.
  private var child: Int32 = 0
  private var isTold = false
  /// The time to check the running command again.
  private(set) var deadline: Instant?

  /// Runs `path`, which ends with a zero byte, with one word: `last`, `one-answer` or `more`.
  ///
  /// The datagram waits for its end, at most a second; its exit status is ignored. While one is
  /// still running, no other is started.
  mutating func run(
    _ path: Span<UInt8>,
    _ hint: RadioHint,
    _ line: inout TextLine,
    at now: Instant
  ) {
    look(at: now)
    if child != 0 { return log(Phrase.hintSkipped.text) }
    let word: StaticString =
      switch hint {
      case .lastUplink: "last\0"
      case .oneAnswer: "one-answer\0"
      case .moreToCome: "more\0"
      }
    var code: Int32 = 0
    // SAFETY: both end with a zero byte and are not kept.
    child = unsafe path.withUnsafeBytes { path in
      word.withUTF8Buffer { word in
        unsafe nbiot_start_command(
          path.bindMemory(to: CChar.self).baseAddress,
          UnsafeRawPointer(word.baseAddress)?.assumingMemoryBound(to: CChar.self),
          &code
        )
      }
    }
    if child > 0, ends(within: 1_000) {
      child = 0
    } else if code == 0 {
      code = ETIMEDOUT
      isTold = false
      deadline = now + Self.limit
    }
    guard code != 0 else { return }
    line.start(.hintFailed)
    line.add(errno: code)
    log(&line)
  }

  /// Reaps the command if it has ended; otherwise sends SIGTERM to its group when its time is over,
  /// and SIGKILL a second later.
  @inline(never)
  mutating func look(at now: Instant) {
    if child <= 0 { child = 0 }
    if child == 0 || !isTold && ends(within: 0) { return forget() }
    guard let deadline, now >= deadline else { return }
    _ = kill(0 &- child, isTold ? SIGKILL : SIGTERM)
    self.deadline = now + Milliseconds(1_000)
    if isTold, ends(within: 1_000) { forget() }
    isTold = true
  }

  /// Ends the command and its whole group when the program ends.
  mutating func end() {
    if child <= 0 || ends(within: 0) { return }
    _ = kill(0 &- child, SIGKILL)
    _ = ends(within: 1_000)
    child = 0
  }

  private mutating func forget() {
    child = 0
    deadline = nil
    isTold = false
  }

  private func ends(within milliseconds: Int32) -> Bool { nbiot_ends(child, milliseconds) >= 0 }
}
