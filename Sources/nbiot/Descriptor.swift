// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// What a descriptor holds, read and written by the system's calls alone.
///
/// Foundation's `FileHandle` would add Foundation as a whole and the tables of its calendars, 45 MB, to a program with
/// its runtime linked in; what is left of Foundation here lies in FoundationEssentials.
enum Descriptor {
  /// A failed call, with its errno.
  struct Failure: Error {
    let code: Int32
  }

  /// Reads until its end, or `limit` bytes.
  static func read(_ descriptor: Int32, upTo limit: Int) throws(Failure) -> [UInt8] {
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: min(limit, 65_536))
    while bytes.count < limit {
      let room = min(piece.count, limit - bytes.count)
      // SAFETY: the pointer covers the whole piece, `room` is within it, and it does not outlive the call.
      let count = unsafe piece.withUnsafeMutableBytes {
        unsafe Glibc.read(descriptor, $0.baseAddress, room)
      }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw Failure(code: errno) }
      guard count > 0 else { break }
      bytes += piece[..<count]
    }
    return bytes
  }

  /// Writes all of them, even if another program has made the pipe or terminal non-blocking.
  static func write(_ bytes: [UInt8], to descriptor: Int32) throws(Failure) {
    var offset = 0
    while offset < bytes.count {
      // SAFETY: the pointer covers the rest of the bytes, and does not outlive the call.
      let count = unsafe bytes.withUnsafeBytes {
        unsafe Glibc.write(
          descriptor,
          $0.baseAddress.map { unsafe $0 + offset },
          $0.count - offset
        )
      }
      let code = errno
      if count >= 0 {
        offset += count
      } else if code == EAGAIN {
        var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        // SAFETY: one entry, and the call does not keep the pointer.
        _ = unsafe poll(&entry, 1, -1)
      } else if code != EINTR {
        throw Failure(code: code)
      }
    }
  }
}
