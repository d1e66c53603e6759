internal import CPOSIX
internal import ConstrainedCore

/// A Unix datagram socket that other programs of the machine send their reports to, a line a datagram.
///
/// A sender whose own socket has a name is answered with the line that standard output has for it.
struct DatagramInput: ~Copyable {
  let descriptor: Int32
  private var sender = sockaddr_un()
  private var senderCount: socklen_t = 0

  /// Listens at `path`, for the user and the group of this process; a socket that is there already, left
  /// over from an earlier run, is replaced. `nil` with `errno` set when that cannot be.
  init?(path: Span<UInt8>) {
    var name = FixedBytes<108>()
    do throws(CapacityError) {
      try name.write { (writer: inout ByteWriter) throws(CapacityError) in
        try writer.append(path)
        try writer.append(0)
      }
    } catch {
      return nil
    }
    // SAFETY: the name ends with a zero byte.
    descriptor = unsafe name.bytes.withUnsafeBytes {
      unsafe nbiot_listen_unix($0.bindMemory(to: CChar.self).baseAddress)
    }
    if descriptor < 0 { return nil }
  }

  deinit { _ = close(descriptor) }

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
          descriptor, room.baseAddress, room.count, &sender, &senderCount)
        return received > 0 && received <= room.count ? received : 0
      }
    }
    guard received >= 0 else { return false }
    let all = line
    let range = all.bytes.trimmed(0..<all.count, keepingTabs: true)
    try? line.replace(with: all.bytes.extracting(range))
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
