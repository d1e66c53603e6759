// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX
internal import ConstrainedCore

/// Sends a line to the running agent with the same configuration and prints its answer; success
/// means that the report is on disk.
func sendLine(_ arguments: Arguments) -> AgentStatus {
  var configuration = Configuration(arguments)
  configuration.read()
  configuration.require(.socket)
  let path = configuration.path(.socket)
  var printed = TextLine()
  #if HTTPS
  let memory = HeapBytes(LineInput.maxCount)
  var writer = ByteWriter(memory.mutableSpan)
  let isWhole = (try? arguments.writeLine(into: &writer)) != nil
  let line = memory.extracting(first: writer.count)
  #else
  var line = FixedBytes<8_192>()
  var isWhole = false
  line.write { (writer: inout ByteWriter) in
    isWhole = (try? arguments.writeLine(into: &writer)) != nil
  }
  #endif
  var refusal: LineOutcome? = isWhole ? nil : .tooLong
  let given = line.bytes.withoutLineEnd
  // The agent would answer neither.
  if isWhole, given.isEmpty { refusal = .payload }
  if given.isAgentAnswer {
    refusal = .option
  }
  if let refusal {
    printed.add(.refused, 0)
    printed.add(.space)
    printed.add(refusal.phrase)
    return printed.write(to: 1) ? .rejected : .output
  }
  var answer = InlineArray<256, UInt8>(repeating: 0)
  var room = answer.mutableSpan
  // SAFETY: the path ends with a zero byte; the others are read and written within their lengths.
  let count = unsafe path.withUnsafeBytes { path in
    unsafe line.bytes.withUnsafeBytes { line in
      unsafe room.withUnsafeMutableBytes { room in
        unsafe nbiot_ask_unix(
          path.bindMemory(to: CChar.self).baseAddress,
          path.count,
          line.baseAddress,
          line.count,
          room.baseAddress,
          room.count,
          10
        )
      }
    }
  }
  if count <= 0 {
    let code = nbiot_errno()
    say(
      code == EACCES ? .closedSocket : code == ETIMEDOUT ? .lateAgent : .noAgent,
      configuration.bytes(.socket),
      code
    )
    return .undelivered
  }
  // Without its line end, which `write` adds again.
  let text = room.span.extracting(0..<count).trimmed
  printed.add(text)
  guard printed.write(to: 1) else { return .output }
  #if MQTT
  if text.starts(with: Span("replied ")) { return .success }
  #endif
  return text.starts(with: Phrase.accepted.text) ? .success : .rejected
}
