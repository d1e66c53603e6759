// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// A regular file that is open for reading, until nobody needs it any more.
package final class OpenFile: Sendable {
  /// The length in bytes.
  package let size: Int64
  /// An entity tag for its content, without quotes: another one once the file was written.
  package let tag: String
  private let descriptor: Int32

  /// Opens a file; `nil` if it cannot be read, or is no regular file.
  package init?(_ path: String) {
    // Without O_NONBLOCK a pipe of that name would hold everything up.
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      return nil
    }
    self.descriptor = descriptor
    size = Int64(status.st_size)
    let time = status.st_mtim
    tag = [
      UInt64(status.st_ino), UInt64(truncatingIfNeeded: time.tv_sec),
      UInt64(truncatingIfNeeded: time.tv_nsec), UInt64(truncatingIfNeeded: size),
    ]
    .map { String($0, radix: 16) }.joined(separator: "-")
  }

  deinit { close(descriptor) }

  /// Up to `count` bytes from `offset`; `nil` if there are none, because the file has become shorter or fails.
  package func read(at offset: Int64, count: Int) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: count)
    // SAFETY: writes at most the room.
    let result = unsafe bytes.withUnsafeMutableBytes {
      unsafe pread(descriptor, $0.baseAddress, $0.count, off_t(offset))
    }
    guard result > 0 else { return nil }
    return result == count ? bytes : Array(bytes.prefix(result))
  }
}
