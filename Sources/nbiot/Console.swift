internal import Foundation
internal import PayloadCoding

/// Whole lines to standard output and standard error, each written at once.
enum Console {
  /// Takes the places of standard descriptors that are closed, at the start: the next file would get the number,
  /// and output would be written into it.
  ///
  /// Standard output stays one that cannot be written, standard input one that cannot be read.
  static func reserveDescriptors() {
    for number in STDIN_FILENO...STDERR_FILENO where fcntl(number, F_GETFD) < 0 {
      _ = unsafe open("/dev/null", number == STDOUT_FILENO ? O_RDONLY : O_WRONLY)
    }
  }

  /// Prints a line: what others have written in it neither steers the terminal nor begins another line.
  static func print(_ line: String) {
    write(Data((ReadableText.line(line.utf8Span.span) + "\n").utf8))
  }

  /// Prints a text of several lines, of which each part that others have written is on one.
  static func print(lines: String) {
    let text = ReadableText.plain(lines.utf8Span.span, keepsLines: true) ?? lines
    write(Data((text + "\n").utf8))
  }

  /// Prints what cannot be had again: on standard error where standard output cannot be written.
  static func printOnce(_ line: String) {
    // A reader that has gone must not end the program before that.
    _ = signal(SIGPIPE, SIG_IGN)
    let shown = ReadableText.line(line.utf8Span.span)
    guard failure(writing: Data((shown + "\n").utf8), to: STDOUT_FILENO) != 0 else { return }
    complain(line)
    endWithoutOutput()
  }

  /// Prints a line of JSON, in which harmful characters of strings become escapes: the same value.
  static func print(json line: Span<UInt8>) {
    write(Data((ReadableText.line(line) + "\n").utf8))
  }

  /// Prints bytes as they are.
  static func print(raw line: Span<UInt8>) {
    var data = Data(capacity: line.count + 1)
    for index in line.indices { data.append(line[index]) }
    data.append(0x0A)
    write(data)
  }

  /// Ends the program when standard output cannot be written: whoever reads it would miss results.
  private static func write(_ data: Data) {
    let code = failure(writing: data, to: STDOUT_FILENO)
    guard code != 0 else { return }
    // Where a library has the signal ignored.
    if code == EPIPE { EndingSignal.endByClosedPipe() }
    endWithoutOutput()
  }

  private static func endWithoutOutput() -> Never {
    complain("nbiot: standard output cannot be written: check the disk, or who reads it")
    Foundation.exit(ExitStatus.output.rawValue)
  }

  /// Writes all of it, also where another program has made the pipe or terminal one that does not wait; the
  /// error's number, 0 for none.
  private static func failure(writing data: Data, to descriptor: Int32) -> Int32 {
    var offset = 0
    while offset < data.count {
      // SAFETY: the pointer covers the rest of the data and does not outlive the call.
      let count = unsafe data.withUnsafeBytes {
        unsafe Foundation.write(
          descriptor,
          $0.baseAddress.map { unsafe $0 + offset },
          $0.count - offset
        )
      }
      let code = errno
      if count >= 0 {
        offset += count
      } else if code == EAGAIN {
        var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        // SAFETY: one entry, and the call does not keep the pointer.
        _ = unsafe poll(&entry, 1, -1)
      } else if code != EINTR {
        return code
      }
    }
    return 0
  }

  /// Whether standard output takes more at once, or fails at once: a pipe whose reader has stopped does neither.
  static var isOutputReady: Bool {
    var entry = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
    // SAFETY: one entry, and the call does not keep the pointer.
    return unsafe poll(&entry, 1, 0) > 0
  }

  /// Writes a line to standard error; what would steer a terminal or begin another line is shown escaped,
  /// for a complaint may quote a file's name or the platform.
  static func complain(_ line: String) { complain(shown: ReadableText.line(line.utf8Span.span)) }

  /// Writes a text of several lines to standard error.
  static func complain(lines: String) {
    complain(shown: ReadableText.plain(lines.utf8Span.span, keepsLines: true) ?? lines)
  }

  private static func complain(shown line: String) {
    // There is nobody left to tell when this fails.
    try? FileHandle.standardError.write(contentsOf: Data((line + "\n").utf8))
  }

  /// Shows a state on standard error in place of the one before, for a person who watches; an empty one
  /// takes it away.
  static func show(_ state: String) {
    let line = ReadableText.plain(state.utf8Span.span, keepsLines: false) ?? ""
    try? FileHandle.standardError.write(contentsOf: Data("\r\(line)\u{1B}[K".utf8))
  }

  /// Whether a person reads standard error.
  static var isInteractive: Bool { isatty(STDERR_FILENO) == 1 }

  /// Whether a person types standard input.
  static var isInputInteractive: Bool { isatty(STDIN_FILENO) == 1 }

  /// Whether standard input has something, or its end, without waiting.
  static var isInputReady: Bool {
    var entry = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
    // SAFETY: one entry, and the call does not keep the pointer.
    return unsafe poll(&entry, 1, 0) > 0
  }

  /// The next bytes of standard input, at most 64 KiB, as soon as there are any; none at its end.
  static func read() throws(Complaint) -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    // It may be a password.
    defer { Secret.erase(&buffer) }
    while true {
      // SAFETY: the pointer covers the whole buffer and does not outlive the call.
      let count = unsafe buffer.withUnsafeMutableBytes {
        unsafe Foundation.read(STDIN_FILENO, $0.baseAddress, $0.count)
      }
      if count >= 0 { return Array(buffer[..<count]) }
      switch errno {
      case EINTR: continue
      case EAGAIN:
        // Another program that has the same pipe or terminal does not want to wait there.
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

/// Lines of standard input, read when they are asked for, so that a fast writer waits in the pipe.
actor LineReader {
  /// How much of a line is kept: more than any payload may have, so that a longer one is refused.
  static let limit = 65_537

  private var input: ArraySlice<UInt8> = []
  private var isAtEnd = false
  private let interruption: WorkInterruption
  /// Why no more could be read; `nil` where the input has ended by itself.
  private(set) var failure: Complaint?

  /// Reads until the signal comes; what was read by then is still given out.
  init(_ interruption: WorkInterruption) { self.interruption = interruption }

  /// The next line that is not empty, without its end; `nil` after the last, and where no more can be read.
  func next() async -> [UInt8]? { await next(isReady: false) }

  /// The same of what has been written already; `nil` where the rest of a line is still to come.
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
          // What came before is no whole line.
          failure = complaint
          isAtEnd = true
          return nil
        }
        isAtEnd = input.isEmpty
      }
      let end = input.firstIndex(of: 0x0A) ?? input.endIndex
      line += input[..<end].prefix(Self.limit - line.count)
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
