// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// The command that is given configurations: one at a time, for a limited time.
struct ConfigurationCommand {
  private var process = CommandProcess()

  /// The command's standard output, which is read and dropped; -1 for none.
  var descriptor: Int32 { process.descriptor }

  /// When `look` has something to do at the latest; `nil` while none runs.
  var deadline: Instant? { process.deadline }

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
    return process.start(path, topicText.span, fileText.span, input: input, until: end)
  }

  /// Takes in the command's end, and ends it when its time is over: its exit status, or -1 where it was killed; `nil`
  /// while it runs, and where none does.
  mutating func look(at now: Instant) -> Int32? {
    guard process.isRunning else { return nil }
    drop()
    guard let status = process.look(at: now) else { return nil }
    process.closeOutput()
    return status & 0x7F == 0 ? (status >> 8) & 0xFF : -1
  }

  /// Reads what it prints, so that it is not held up.
  private mutating func drop() {
    var scratch = InlineArray<1_024, UInt8>(repeating: 0)
    for _ in 0..<CommandProcess.readsPerTurn where process.read(into: &scratch) == 0 { return }
  }

  /// Ends the command and its whole group when the program ends.
  mutating func end() { process.end() }
}
