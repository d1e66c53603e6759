internal import CPOSIX
internal import ConstrainedCore
internal import OpenSSLSupport

/// Files that are read whole at the start.
enum PrivateInput {
  /// Reads at most as many bytes as `room` has from the file at `path`, which ends with a zero byte; the
  /// count, or `nil` with `errno` set.
  ///
  /// Says so when others can read it too and `isSecret`.
  @inline(never)
  static func read(
    _ path: Span<UInt8>,
    into room: inout MutableSpan<UInt8>,
    isSecret: Bool
  ) -> Int? {
    // SAFETY: the path ends with a zero byte.
    let descriptor = unsafe path.withUnsafeBytes {
      unsafe nbiot_open_input($0.bindMemory(to: CChar.self).baseAddress)
    }
    guard descriptor >= 0 else { return nil }
    defer { _ = close(descriptor) }
    if isSecret, nbiot_is_readable_by_others(descriptor) != 0 {
      log(Phrase.secretReadable.text)
    }
    var length = 0
    while length < room.count {
      let offset = length
      // SAFETY: reads at most the bytes that are left of the room.
      let count = unsafe room.withUnsafeMutableBufferPointer {
        unsafe CPOSIX.read(descriptor, $0.baseAddress.map { unsafe $0 + offset }, $0.count - offset)
      }
      if count < 0, nbiot_errno() == EINTR { continue }
      guard count >= 0 else { return nil }
      if count == 0 { break }
      length += count
    }
    return length
  }
}
