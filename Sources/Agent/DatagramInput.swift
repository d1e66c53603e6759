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
  mutating func listen(at path: Span<UInt8>) -> Bool {
    // SAFETY: the path ends with a zero byte.
    descriptor = unsafe path.withUnsafeBytes {
      unsafe nbiot_listen_unix($0.bindMemory(to: CChar.self).baseAddress, $0.count)
    }
    return isOpen
  }

  /// Whether there is one.
  var isOpen: Bool { descriptor >= 0 }

  /// Takes the next datagram and says whether there was one; a line's end at its end is cut off.
  ///
  /// One that is too long comes empty.
  mutating func next(into line: inout FixedBytes<4_096>) -> Bool {
    var received = 0
    let descriptor = descriptor
    line.write { (writer: inout ByteWriter) in
      unsafe writer.appendUnchecked { room in
        // SAFETY: covers exactly the room; the address is written within its length.
        received = unsafe nbiot_receive_unix(
          descriptor,
          room.baseAddress,
          room.count,
          &sender,
          &senderCount
        )
        return received > 0 && received <= room.count ? received : 0
      }
    }
    guard received >= 0 else { return false }
    let all = line
    line.write { (writer: inout ByteWriter) in try? writer.append(all.bytes.withoutLineEnd) }
    return true
  }

  /// Answers the sender of the last datagram, if it can be; an answer that has no room is dropped.
  func reply(_ answer: Span<UInt8>) {
    // SAFETY: both are read within their lengths.
    unsafe answer.withUnsafeBufferPointer { answer in
      unsafe withUnsafePointer(to: sender) { address in
        unsafe nbiot_reply_unix(descriptor, answer.baseAddress, answer.count, address, senderCount)
      }
    }
  }
}
