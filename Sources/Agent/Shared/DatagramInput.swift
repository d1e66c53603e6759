// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX
internal import ConstrainedCore
internal import SystemClocks

/// A Unix datagram socket for reports from other programs on the machine, one line per datagram.
///
/// A sender whose own socket has a name is answered with the line printed to standard output. The
/// socket is open until the process ends.
struct DatagramInput {
  /// -1 for none.
  var descriptor: Int32 = -1
  /// Who has sent the last datagram.
  private var sender = nbiot_sender()
  /// The file that the socket has made.
  private var own = stat()
  /// Whether the last datagram is an answer of this program or of another one like it: no report, and itself
  /// not to be answered, or two would answer each other for ever.
  private(set) var isAnswer = false
  private var replies = 0
  #if HTTPS
  /// Where datagrams are read to.
  private(set) var memory = HeapBytes(0)
  #endif
  /// The period in which they were sent, in units of 1,024 ms.
  private var second: Int64 = 0

  /// The maximum number of answers in that period, over all senders.
  private static var mostReplies: Int { 1_000 }

  /// Listens at `path`, which ends with a zero byte; returns `false` with `errno` set on failure.
  ///
  /// It has that mode and group, or the process's own group for `UInt32.max`. An existing socket is
  /// replaced if no process has it any more.
  mutating func listen(at path: Span<UInt8>, mode: UInt32, group: UInt32) -> Bool {
    // SAFETY: the path ends with a zero byte.
    descriptor = unsafe path.withUnsafeBytes {
      let path = unsafe $0.bindMemory(to: CChar.self)
      let descriptor = unsafe nbiot_listen_unix(path.baseAddress, path.count, mode, group)
      if descriptor >= 0 { _ = unsafe nbiot_look(path.baseAddress, 0, &own) }
      return descriptor
    }
    #if HTTPS
    if isOpen { memory = HeapBytes(LineInput.maxCount) }
    #endif
    return isOpen
  }

  /// Whether the socket is open.
  var isOpen: Bool { descriptor >= 0 }

  /// Takes the next datagram into `room` and returns its count, 0 when there is none; of one that is longer
  /// than `room` the end is missing.
  mutating func next(into room: inout MutableSpan<UInt8>) -> Int {
    let descriptor = descriptor
    // SAFETY: covers exactly the room; the address is written within its length.
    let count = unsafe room.withUnsafeMutableBufferPointer {
      unsafe nbiot_receive_unix(descriptor, $0.baseAddress, $0.count, &sender)
    }
    let length = max(0, min(count, room.count))
    let text = room.span.extracting(first: length)
    isAnswer = text.isAgentAnswer
    // Nobody is answered without a name.
    if isAnswer { sender.count = 0 }
    return max(0, count)
  }

  #if MQTT
  /// Copies the start of the next datagram, which stays; its count, 0 when there is none.
  func peek(into room: inout MutableSpan<UInt8>) -> Int {
    let descriptor = descriptor
    // SAFETY: covers exactly the room.
    return unsafe room.withUnsafeMutableBufferPointer {
      unsafe max(0, recvfrom(descriptor, $0.baseAddress, $0.count, Int32(MSG_PEEK), nil, nil))
    }
  }
  #endif

  /// Answers the sender of the last datagram, if it can be; an answer that has no room is dropped, and so is one
  /// to this very socket.
  mutating func reply(_ answer: borrowing TextLine) {
    let now = MonotonicClock.now().milliseconds &>> 10
    if now != second { replies = 0 }
    second = now
    replies &+= 1
    if replies > Self.mostReplies { return }
    // SAFETY: both are read within their lengths.
    unsafe answer.written.withUnsafeBufferPointer { answer in
      unsafe nbiot_reply_unix(
        descriptor,
        answer.baseAddress,
        answer.count,
        &sender,
        &own
      )
    }
  }
}

extension Span where Element == UInt8 {
  /// Whether it is what an agent answers to a datagram.
  var isAgentAnswer: Bool {
    #if MQTT
    if starts(with: Span("replied ")) { return true }
    #endif
    return starts(with: Phrase.accepted.text) || starts(with: Phrase.refused.text)
  }
}
