internal import CPOSIX
internal import ConstrainedCore
internal import DeviceSession

/// The command that tells the modem what is known about the radio's next seconds.
enum HintCommand {
  /// Runs `path`, which ends with a zero byte, with one word: `last`, `one-answer` or `more`.
  ///
  /// The datagram waits for its end, a second at most; what it makes of the hint is its own affair.
  @inline(never)
  static func run(_ path: Span<UInt8>, _ hint: RadioHint, _ line: inout TextLine) {
    let word: StaticString =
      switch hint {
      case .lastUplink: "last\0"
      case .oneAnswer: "one-answer\0"
      case .moreToCome: "more\0"
      }
    // SAFETY: both end with a zero byte and are not kept.
    let code = unsafe path.withUnsafeBytes { path in
      word.withUTF8Buffer { word in
        unsafe nbiot_run(
          path.bindMemory(to: CChar.self).baseAddress,
          UnsafeRawPointer(word.baseAddress)?.assumingMemoryBound(to: CChar.self)
        )
      }
    }
    guard code != 0 else { return }
    line.start(.hintFailed)
    line.add(errno: code)
    log(&line)
  }
}
