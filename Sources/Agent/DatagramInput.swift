internal import CPOSIX
internal import ConstrainedCore

/// A Unix datagram socket that other programs of the machine send their reports to, a line a datagram.
///
/// A sender whose own socket has a name is answered with the line that standard output has for it.
///
/// It is open until the process ends.
struct DatagramInput {
  /// -1 for none.
  var descriptor: Int32 = -1
  private var sender = sockaddr_un()
  private var senderCount: socklen_t = 0

  /// Listens at `path`, which ends with a zero byte; `false` with `errno` set when that cannot be.
  ///
  /// For the user and the group of this process. A socket that is there already, left over from an earlier
  /// run, is replaced.
  @inline(never)
  mutating func listen(at path: Span<UInt8>) -> Bool {
    // SAFETY: the path ends with a zero byte.
    descriptor = unsafe path.withUnsafeBytes {
      unsafe nbiot_listen_unix($0.bindMemory(to: CChar.self).baseAddress, $0.count)
    }
    return isOpen
  }

  /// Whether there is one.
  var isOpen: Bool { descriptor >= 0 }

  /// Takes the next datagram into `room` and returns its count, 0 when there is none; of one that is longer
  /// than `room` the end is missing.
  mutating func next(into room: inout MutableSpan<UInt8>) -> Int {
    let descriptor = descriptor
    // SAFETY: covers exactly the room; the address is written within its length.
    let count = unsafe room.withUnsafeMutableBufferPointer {
      unsafe nbiot_receive_unix(descriptor, $0.baseAddress, $0.count, &sender, &senderCount)
    }
    return max(0, count)
  }

  /// Answers the sender of the last datagram, if it can be; an answer that has no room is dropped.
  mutating func reply(_ answer: inout TextLine) {
    // SAFETY: both are read within their lengths.
    unsafe answer.written.withUnsafeBufferPointer { answer in
      unsafe nbiot_reply_unix(descriptor, answer.baseAddress, answer.count, &sender, senderCount)
    }
  }
}
