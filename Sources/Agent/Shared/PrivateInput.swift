// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX
internal import ConstrainedCore
internal import OpenSSLSupport

/// Reads whole files at the start.
enum PrivateInput {
  /// Reads the regular file at `path`, which ends with a zero byte, up to the size of `room`;
  /// returns the count.
  ///
  /// Ends the process with `problem` if the file cannot be read or is not UTF-8. Logs a warning if
  /// others can change it, or can read it and it holds the secret.
  @inline(never)
  static func read(
    _ path: Span<UInt8>,
    into room: inout MutableSpan<UInt8>,
    _ problem: Phrase
  ) -> Int {
    let name = path.extracting(first: path.count &- 1)
    // SAFETY: the path ends with a zero byte.
    let descriptor = unsafe path.withUnsafeBytes {
      unsafe nbiot_open_input($0.bindMemory(to: CChar.self).baseAddress)
    }
    guard descriptor >= 0 else { fail(problem, name) }
    defer { _ = close(descriptor) }
    let mode = nbiot_regular_mode(descriptor)
    if mode == 0 { fail(.noRegularFile, name, code: 0) }
    if problem == .unusableSecret, mode & 0o077 != 0 {
      log(Phrase.secretReadable.text)
    } else if mode & 0o022 != 0 {
      say(.writableByOthers, name, -1)
    }
    var length = 0
    while length < room.count {
      let offset = length
      // SAFETY: reads at most the bytes that are left of the room.
      let count = unsafe room.withUnsafeMutableBufferPointer {
        unsafe CPOSIX.read(descriptor, $0.baseAddress.map { unsafe $0 + offset }, $0.count - offset)
      }
      if count < 0, nbiot_errno() == EINTR { continue }
      guard count >= 0 else { fail(problem, name) }
      if count == 0 { break }
      length += count
    }
    // A UTF-16 byte order mark, in either byte order.
    if length > 1, room[0] &+ room[1] == 0xFD, room[0] >= 0xFE {
      fail(.isUTF16, name, code: 0)
    }
    for index in 0..<length where room[index] == 0 { fail(.hasZeroByte, name, code: 0) }
    return length
  }
}
