// SPDX-License-Identifier: Apache-2.0
internal import Dispatch
internal import FoundationEssentials
internal import Glibc
internal import PayloadCoding

/// Prints whole lines to standard output and standard error, each with one write.
enum Console {
  /// Opens /dev/null on closed standard descriptors at the start; otherwise the next file would get
  /// that number, and output would be written into it.
  ///
  /// Standard output stays unwritable, standard input unreadable.
  static func reserveDescriptors() {
    for number in STDIN_FILENO...STDERR_FILENO where fcntl(number, F_GETFD) < 0 {
      _ = unsafe open("/dev/null", number == STDOUT_FILENO ? O_RDONLY : O_WRONLY)
    }
  }

  /// Prints a line; text from others in it can neither control the terminal nor start another line.
  static func print(_ line: String) {
    write(Array((ReadableText.line(line.utf8Span.span) + "\n").utf8))
  }

  /// Prints a text of several lines, in which each text from others is on one line.
  static func print(lines: String) {
    let text = ReadableText.plain(lines.utf8Span.span, keepsLines: true) ?? lines
    write(Array((text + "\n").utf8))
  }

  /// Prints a line that cannot be obtained again; uses standard error if standard output cannot be
  /// written.
  static func printOnce(_ line: String) {
    // If the reader has gone, that must not end the program before the line is printed.
    _ = signal(SIGPIPE, SIG_IGN)
    let shown = ReadableText.line(line.utf8Span.span)
    guard (try? Descriptor.write(Array((shown + "\n").utf8), to: STDOUT_FILENO)) == nil else {
      return
    }
    complain(line)
    endWithoutOutput()
  }

  /// Prints a line of JSON with harmful characters in strings escaped, which does not change its
  /// value.
  static func print(json line: Span<UInt8>) {
    write(Array((ReadableText.line(line) + "\n").utf8))
  }

  /// Prints raw bytes.
  static func print(raw line: Span<UInt8>) {
    write(line.indices.map { line[$0] } + [0x0A])
  }

  /// Ends the program if standard output cannot be written, because its reader would miss results.
  private static func write(_ bytes: [UInt8]) {
    do throws(Descriptor.Failure) {
      try Descriptor.write(bytes, to: STDOUT_FILENO)
    } catch {
      // If a library ignores the signal.
      if error.code == EPIPE { EndingSignal.endByClosedPipe() }
      endWithoutOutput()
    }
  }

  private static func endWithoutOutput() -> Never {
    complain("nbiot: standard output cannot be written: check the disk, or who reads it")
    Glibc.exit(ExitStatus.output.rawValue)
  }

  /// Whether standard output accepts more at once, or fails at once; neither is true for a pipe
  /// whose reader stalls.
  static var isOutputReady: Bool {
    var entry = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
    // SAFETY: one entry, and the call does not keep the pointer.
    return unsafe poll(&entry, 1, 0) > 0
  }

  /// Writes a line to standard error, escaping characters that would control a terminal or start
  /// another line, because a message may quote a file name or the platform.
  static func complain(_ line: String) { complain(shown: ReadableText.line(line.utf8Span.span)) }

  /// Writes a text of several lines to standard error.
  static func complain(lines: String) {
    complain(shown: ReadableText.plain(lines.utf8Span.span, keepsLines: true) ?? lines)
  }

  private static func complain(shown line: String) {
    // If this fails, the failure cannot be reported.
    try? Descriptor.write(Array((line + "\n").utf8), to: STDERR_FILENO)
  }

  /// Shows a state on standard error, replacing the previous one, for an interactive user; an empty
  /// one removes it.
  static func show(_ state: String) {
    let line = ReadableText.plain(state.utf8Span.span, keepsLines: false) ?? ""
    try? Descriptor.write(Array("\r\(line)\u{1B}[K".utf8), to: STDERR_FILENO)
  }

  /// Whether standard error is a terminal.
  static var isInteractive: Bool { isatty(STDERR_FILENO) == 1 }

  /// Whether standard input is a terminal.
  static var isInputInteractive: Bool { isatty(STDIN_FILENO) == 1 }

  /// Whether standard input has data, or has ended, without waiting.
  static var isInputReady: Bool {
    var entry = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
    // SAFETY: one entry, and the call does not keep the pointer.
    return unsafe poll(&entry, 1, 0) > 0
  }

  /// The next bytes of standard input, at most 64 KiB, as soon as there are any; empty at its end.
  static func read() throws(Complaint) -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    // The data may be a password.
    defer { Secret.erase(&buffer) }
    while true {
      // SAFETY: the pointer covers the whole buffer and does not outlive the call.
      let count = unsafe buffer.withUnsafeMutableBytes {
        unsafe Glibc.read(STDIN_FILENO, $0.baseAddress, $0.count)
      }
      if count >= 0 { return Array(buffer[..<count]) }
      switch errno {
      case EINTR: continue
      case EAGAIN:
        // Another program has made the shared pipe or terminal non-blocking.
        var entry = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        // SAFETY: one entry, and the call does not keep the pointer.
        _ = unsafe poll(&entry, 1, -1)
      default:
        let reason = PrivateFile.text(errno)
        throw Complaint(
          "standard input cannot be read (\(reason)): it must be a file or a pipe, open to read"
        )
      }
    }
  }
}

/// Lines of standard input, read on demand, so that a fast writer waits in the pipe.
actor LineReader {
  /// How many bytes of a line are kept: more than it may have, so that a longer one is noticed.
  private let limit: Int

  private var input: ArraySlice<UInt8> = []
  private var isAtEnd = false
  private let interruption: WorkInterruption
  /// Why no more could be read; `nil` where the input has ended by itself.
  private(set) var failure: Complaint?

  /// Reads until the signal comes; what was read by then is still given out.
  ///
  /// A line of more than `limit` bytes is cut, to more than that.
  init(_ interruption: WorkInterruption, limit: Int) {
    self.interruption = interruption
    // One for its carriage return, which is removed, and one to be too long all the same.
    self.limit = limit + 2
  }

  /// The next line that is not empty, without its end; `nil` after the last, and where no more can be read.
  func next() async -> [UInt8]? { await next(isReady: false) }

  /// As above, for data already written; `nil` if the rest of a line is still to come.
  func nextReady() async -> [UInt8]? { await next(isReady: true) }

  private func next(isReady: Bool) async -> [UInt8]? {
    var line: [UInt8] = []
    while true {
      if input.isEmpty && !isAtEnd {
        if isReady, !Console.isInputReady { return nil }
        switch await Self.read(interruption) {
        case .success(nil): return nil
        case .success(let bytes?): input = bytes[...]
        case .failure(let complaint):
          // The incomplete line before it is dropped.
          failure = complaint
          isAtEnd = true
          return nil
        }
        isAtEnd = input.isEmpty
      }
      let end = input.firstIndex(of: 0x0A) ?? input.endIndex
      line += input[..<end].prefix(limit - line.count)
      let isComplete = end < input.endIndex
      input = isComplete ? input[(end + 1)...] : []
      guard isComplete || isAtEnd else { continue }
      if line.last == 0x0D { line.removeLast() }
      if !line.isEmpty { return line }
      if isAtEnd && input.isEmpty { return nil }
    }
  }

  /// The next bytes; `nil` where the signal came first.
  private static func read(
    _ interruption: WorkInterruption
  ) async -> Result<[UInt8]?, Complaint> {
    await withCheckedContinuation { continuation in
      // A blocking read, off the threads that concurrency runs on.
      DispatchQueue.global().async {
        guard interruption.waitForInput() else {
          return continuation.resume(returning: .success(nil))
        }
        continuation.resume(returning: Result(catching: Console.read).map { $0 })
      }
    }
  }
}
