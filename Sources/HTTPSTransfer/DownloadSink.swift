/// Puts one answer's bytes where they belong in the part that has come so far.
final class DownloadSink: HTTPSSink {
  private let part: FirmwarePart
  private let size: UInt64
  private let asksForRange: Bool

  /// The answer's status, 0 when none came.
  private(set) var status = 0

  /// Why the transfer cannot go on, if it was ended here.
  private(set) var failure: FirmwareDownloadError?

  init(_ part: FirmwarePart, size: UInt64, asksForRange: Bool) {
    self.part = part
    self.size = size
    self.asksForRange = asksForRange
  }

  func begin(_ head: HTTPSHead) -> Bool {
    status = head.status
    do throws(FirmwareDownloadError) {
      switch status {
      case 200: try beginWhole(head)
      case 206: try beginPart(head)
      default: return false
      }
      return true
    } catch {
      failure = error
      return false
    }
  }

  func take(_ bytes: Span<UInt8>) -> Bool {
    do throws(FirmwareDownloadError) {
      guard UInt64(bytes.count) <= size - part.count else {
        throw .size(expected: size, found: nil)
      }
      try part.append(bytes)
      return true
    } catch {
      failure = error
      return false
    }
  }

  /// All of it, although a part may have been asked for: the server knows no ranges.
  private func beginWhole(_ head: HTTPSHead) throws(FirmwareDownloadError) {
    if let length = head.contentLength, length != size {
      throw .size(expected: size, found: length)
    }
    if part.count > 0 { try part.clear() }
  }

  private func beginPart(_ head: HTTPSHead) throws(FirmwareDownloadError) {
    guard asksForRange, let range = head.contentRange, let bytes = range.bytes else {
      throw .range
    }
    if let total = range.total, total != size { throw .size(expected: size, found: total) }
    guard bytes.lowerBound == part.count, bytes.upperBound < size else { throw .range }
  }
}
