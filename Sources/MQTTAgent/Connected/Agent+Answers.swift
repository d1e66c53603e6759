// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX
internal import ConstrainedCore
internal import DeviceDriver
internal import DurableReports
internal import MQTTChannel
internal import MQTTLink
internal import OpenSSLSupport

// Embedded Swift wants the conformances of what the driver is made of.
#if GATEWAY
internal import GatewayLink
internal import GatewaySessions
internal import HTTPSChannel
internal import MQTTAuthentication
#endif

/// Answers to the platform that stand among reports.
///
/// Somebody waits for them for seconds, while reports may wait for hours for room in the outbox.
extension Agent {
  /// Takes the answers among the lines of standard input that wait for room or for the disk: those that are whole in
  /// the next 4 KB.
  ///
  /// Each leaves an empty line, so that those behind it keep their numbers.
  @inline(never)
  mutating func takeAnswers(of input: inout LineInput) {
    if heldUntil == nil, takesInput() { return }
    var offset = 0
    var number = lineNumber
    while !isOver, let range = input.line(after: offset) {
      number &+= 1
      // The first line may be the end of one that is too long.
      let isWhole = offset > 0 || !input.isTooLong
      let isTaken = isWhole && takeAnswer(input.rest.extracting(range), at: number)
      if isTaken { input.empty(range) }
      offset = (isTaken ? range.lowerBound : range.upperBound) &+ 1
    }
    while input.next(), !input.isTooLong, input.line.isEmpty {
      lineNumber &+= 1
      input.consume()
    }
    hasLine = input.next()
  }

  /// Takes a line if it is an answer; whether it is one.
  private mutating func takeAnswer(_ text: Span<UInt8>, at number: UInt64) -> Bool {
    let line = text.withoutLineEnd
    guard line.isAnswerLine else { return false }
    takeAnswer(line, number: number)
    return true
  }

  /// Takes the answers among the datagrams, up to the first report, which waits for room or for the disk.
  @inline(never)
  mutating func takeWaitingAnswers() {
    for _ in 0..<64 where !isOver {
      // Longer than what is told by its whole text.
      var start = InlineArray<64, UInt8>(repeating: 0)
      var room = start.mutableSpan
      let count = datagrams.peek(into: &room)
      let line = room.span.extracting(first: min(count, room.count)).withoutLineEnd
      guard line.isAnswerLine, takeDatagram() else {
        extras.isDatagramHeld = true
        return
      }
    }
  }
}
