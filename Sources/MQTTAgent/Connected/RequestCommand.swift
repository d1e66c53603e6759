internal import CPOSIX
internal import ConstrainedCore

/// The command that is given what the platform sends: one at a time, each for a limited time, others wait.
struct RequestCommand {
  /// How many wait at most.
  static var capacity: Int { 8 }

  private var waiting = InlineArray<8, WaitingRequest>(repeating: WaitingRequest())
  private var count = 0
  private var current = WaitingRequest()
  /// The process id; 0 if none is running.
  private var child: Int32 = 0
  private var isTold = false
  /// When it is to end.
  private var limit = Instant(milliseconds: .max)
  /// The command's standard output while there is more to come; -1 for none.
  private(set) var descriptor: Int32 = -1
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

  /// When `look` or `startNext` has something to do.
  var deadline: Instant? {
    if child > 0 { return limit }
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
    guard child <= 0, count > 0 else { return nil }
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
    var code: Int32 = 0
    let file = current.file
    var output: Int32 = -1
    let (topicSpan, numberSpan) = (topic.span, number.span)
    // SAFETY: all three end with a zero byte and are not kept.
    child = unsafe path.withUnsafeBytes { path in
      unsafe topicSpan.withUnsafeBytes { topic in
        unsafe numberSpan.withUnsafeBytes { number in
          unsafe nbiot_start_request(
            path.bindMemory(to: CChar.self).baseAddress,
            topic.bindMemory(to: CChar.self).baseAddress,
            number.bindMemory(to: CChar.self).baseAddress,
            file,
            &output,
            &code
          )
        }
      }
    }
    descriptor = output
    printedCount = 0
    isTooLong = false
    isTold = false
    limit = current.deadline
    remove(0)
    guard code != 0 else { return nil }
    // What failed to start is a child all the same, and ends at once.
    if child > 0 { _ = nbiot_ends(child, 1_000) }
    child = 0
    return (current.number, code)
  }

  /// Takes in what the command prints, and its end; ends it when its time is over.
  mutating func look(at now: Instant) -> EndedRequest? {
    guard child > 0 else { return nil }
    read()
    let status = nbiot_status(child)
    if status >= 0 {
      read()
      closeOutput()
      child = 0
      let isExit = status & 0x7F == 0
      return EndedRequest(
        number: current.number,
        isBytes: current.isBytes,
        status: isExit && !isTooLong ? (status >> 8) & 0xFF : nil,
        isTooLong: isTooLong
      )
    }
    if now >= limit {
      _ = kill(0 &- child, isTold ? SIGKILL : SIGTERM)
      isTold = true
      limit = now + Milliseconds(1_000)
    }
    return nil
  }

  private mutating func read() {
    var scratch = InlineArray<1_024, UInt8>(repeating: 0)
    while descriptor >= 0 {
      var span = scratch.mutableSpan
      let file = descriptor
      // SAFETY: reads at most the room.
      let length = unsafe span.withUnsafeMutableBufferPointer {
        unsafe CPOSIX.read(file, $0.baseAddress, $0.count)
      }
      if length < 0, nbiot_errno() == EINTR { continue }
      if length == 0 || length < 0 && nbiot_errno() != EAGAIN { closeOutput() }
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

  private mutating func closeOutput() {
    if descriptor >= 0 { _ = close(descriptor) }
    descriptor = -1
  }

  /// Ends the command and its whole group when the program ends.
  mutating func end() {
    guard child > 0 else { return }
    _ = kill(0 &- child, SIGKILL)
    _ = nbiot_ends(child, 1_000)
    child = 0
  }
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
