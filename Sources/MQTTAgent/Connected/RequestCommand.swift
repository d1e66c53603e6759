// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX
internal import ConstrainedCore

/// The command that is given what the platform sends: one at a time, each for a limited time, others wait.
struct RequestCommand {
  /// How many wait at most.
  static var capacity: Int { 8 }

  private var waiting = InlineArray<8, WaitingRequest>(repeating: WaitingRequest())
  private var count = 0
  private var current = WaitingRequest()
  private var process = CommandProcess()
  private var printedCount = 0
  private var isTooLong = false
  private var printed = InlineArray<4_096, UInt8>(repeating: 0)

  /// A message that the command gets.
  private struct WaitingRequest {
    /// 0 where it needs no answer.
    var number: UInt32 = 0
    var isBytes = false
    /// The file with the payload.
    var file: Int32 = -1
    var deadline = Instant(milliseconds: .max)
    var topic = FixedBytes<128>()
  }

  /// What the ended command has printed.
  var output: Span<UInt8> {
    @_lifetime(borrow self)
    get { printed.span.extracting(0..<printedCount) }
  }

  /// The command's standard output while there is more to come; -1 for none.
  var descriptor: Int32 { process.descriptor }

  /// When `look` or `startNext` has something to do.
  var deadline: Instant? {
    if let deadline = process.deadline { return deadline }
    return count > 0 ? Instant(milliseconds: .min) : nil
  }

  /// Keeps a message until the command is free; `false` where there is no room.
  mutating func add(
    _ number: UInt32,
    _ topic: Span<UInt8>,
    _ payload: Span<UInt8>,
    isBytes: Bool,
    until deadline: Instant
  ) -> Bool {
    guard count < Self.capacity else { return false }
    var request = WaitingRequest()
    do throws(CapacityError) { try request.topic.replace(with: topic) } catch { return false }
    // SAFETY: read within its length.
    request.file = unsafe payload.withUnsafeBytes {
      unsafe nbiot_memory_file($0.baseAddress, $0.count)
    }
    guard request.file >= 0 else { return false }
    request.number = number
    request.isBytes = isBytes
    request.deadline = deadline
    waiting[count] = request
    count += 1
    return true
  }

  /// Forgets a request that is over and still waits.
  mutating func forget(_ number: UInt32) {
    for index in 0..<count where waiting[index].number == number {
      remove(index)
      return
    }
  }

  private mutating func remove(_ index: Int) {
    _ = close(waiting[index].file)
    for next in index..<(count - 1) { waiting[next] = waiting[next + 1] }
    count -= 1
  }

  /// Runs the next one, if none runs; the number of a request for which it could not be run, with the reason.
  mutating func startNext(_ path: Span<UInt8>, at now: Instant) -> (number: UInt32, code: Int32)? {
    guard !process.isRunning, count > 0 else { return nil }
    current = waiting[0]
    var topic = InlineArray<160, UInt8>(repeating: 0)
    var number = InlineArray<32, UInt8>(repeating: 0)
    var topicWriter = ByteWriter(topic.mutableSpan)
    // The rest of both is zero.
    try? topicWriter.append("NBIOT_TOPIC=")
    try? topicWriter.append(current.topic.bytes)
    var numberWriter = ByteWriter(number.mutableSpan)
    try? numberWriter.append("NBIOT_REQUEST=")
    try? numberWriter.append(decimal: UInt64(widening: current.number))
    let code = process.start(
      path,
      topic.span,
      number.span,
      input: current.file,
      until: current.deadline
    )
    printedCount = 0
    isTooLong = false
    remove(0)
    return code == 0 ? nil : (current.number, code)
  }

  /// Takes in what the command prints, and its end; ends it when its time is over.
  mutating func look(at now: Instant) -> EndedRequest? {
    guard process.isRunning else { return nil }
    read()
    guard let status = process.look(at: now) else { return nil }
    read()
    process.closeOutput()
    let isExit = status & 0x7F == 0
    return EndedRequest(
      number: current.number,
      isBytes: current.isBytes,
      status: isExit && !isTooLong ? (status >> 8) & 0xFF : nil,
      isTooLong: isTooLong
    )
  }

  private mutating func read() {
    var scratch = InlineArray<1_024, UInt8>(repeating: 0)
    for _ in 0..<CommandProcess.readsPerTurn {
      let length = process.read(into: &scratch)
      guard length > 0 else { return }
      for index in 0..<length {
        guard printedCount < printed.count else {
          isTooLong = true
          break
        }
        printed[printedCount] = scratch[index]
        printedCount += 1
      }
    }
  }

  /// Ends the command and its whole group when the program ends.
  mutating func end() { process.end() }
}

/// A command that has ended.
struct EndedRequest {
  /// The request's number; 0 for what needs no answer.
  let number: UInt32
  /// Whether the answer is bytes.
  let isBytes: Bool
  /// The exit status; `nil` where it was killed, or printed more than an answer has.
  let status: Int32?
  /// Whether it printed more than 4,096 bytes.
  let isTooLong: Bool
}
