internal import CPOSIX
internal import ConstrainedCore

/// The command that is given configurations: one at a time, for a limited time.
struct ConfigurationCommand {
  /// The process id; 0 if none is running.
  private var child: Int32 = 0
  private var isTold = false
  /// When it is to end.
  private var limit = Instant(milliseconds: .max)
  /// The command's standard output, which is read and dropped; -1 for none.
  private(set) var descriptor: Int32 = -1

  /// Whether it runs.
  var isRunning: Bool { child > 0 }

  /// When `look` has something to do at the latest.
  var deadline: Instant? { isRunning ? limit : nil }

  /// Runs the command at `path`, which ends with a zero byte, with the open file as its standard input, and the topic and
  /// the file's path, the directory's and a name, in its environment; 0, or the error number.
  mutating func start(
    _ path: Span<UInt8>,
    topic: Span<UInt8>,
    directory: Span<UInt8>,
    name: StaticString,
    input: Int32,
    until end: Instant
  ) -> Int32 {
    var topicText = InlineArray<160, UInt8>(repeating: 0)
    var fileText = InlineArray<320, UInt8>(repeating: 0)
    var topicWriter = ByteWriter(topicText.mutableSpan)
    // The rest of both is zero: topics have 128 bytes at most, paths 255.
    try? topicWriter.append("NBIOT_TOPIC=")
    try? topicWriter.append(topic)
    var fileWriter = ByteWriter(fileText.mutableSpan)
    try? fileWriter.append("NBIOT_FILE=")
    try? fileWriter.append(directory)
    try? fileWriter.append("/")
    try? fileWriter.append(name)
    var code: Int32 = 0
    var output: Int32 = -1
    let (topicSpan, fileSpan) = (topicText.span, fileText.span)
    // SAFETY: all three end with a zero byte and are not kept.
    child = unsafe path.withUnsafeBytes { path in
      unsafe topicSpan.withUnsafeBytes { topic in
        unsafe fileSpan.withUnsafeBytes { file in
          unsafe nbiot_start_request(
            path.bindMemory(to: CChar.self).baseAddress,
            topic.bindMemory(to: CChar.self).baseAddress,
            file.bindMemory(to: CChar.self).baseAddress,
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

  /// Takes in the command's end, and ends it when its time is over: its exit status, or -1 where it was killed; `nil`
  /// while it runs, and where none does.
  mutating func look(at now: Instant) -> Int32? {
    guard isRunning else { return nil }
    drop()
    let status = nbiot_status(child)
    if status >= 0 {
      closeOutput()
      child = 0
      return status & 0x7F == 0 ? (status >> 8) & 0xFF : -1
    }
    if now >= limit {
      _ = kill(0 &- child, isTold ? SIGKILL : SIGTERM)
      isTold = true
      limit = now + Milliseconds(1_000)
    }
    return nil
  }

  /// Reads what it prints, so that it is not held up.
  private mutating func drop() {
    var scratch = InlineArray<1_024, UInt8>(repeating: 0)
    // A program that never stops printing is not waited for.
    for _ in 0..<64 where descriptor >= 0 {
      var span = scratch.mutableSpan
      let file = descriptor
      // SAFETY: reads at most the room.
      let length = unsafe span.withUnsafeMutableBufferPointer {
        unsafe read(file, $0.baseAddress, $0.count)
      }
      if length < 0, nbiot_errno() == EINTR { continue }
      if length == 0 || length < 0 && nbiot_errno() != EAGAIN { closeOutput() }
      guard length > 0 else { return }
    }
  }

  private mutating func closeOutput() {
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
