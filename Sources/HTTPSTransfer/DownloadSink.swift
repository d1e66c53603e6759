// SPDX-License-Identifier: Apache-2.0
/// Writes the bytes of one response to their place in the partial file.
final class DownloadSink: HTTPSSink {
  /// The request that is being answered.
  struct Request {
    /// The offset of the requested range; `nil` for the whole file.
    var offset: UInt64?
    /// The entity tag of earlier responses, if they had one.
    var tag: String?
    /// Whether a compressed body is decoded, so that Content-Length does not apply.
    var decodes = false
  }

  private let part: FirmwarePart
  private let size: UInt64
  private let request: Request
  /// The number of the body's bytes that the part already has.
  private var overlap: UInt64 = 0
  /// The number of bytes still to be written; the rest is ignored.
  private var left = UInt64.max

  /// The head of the response; its status is 0 if none arrived.
  private(set) var head = HTTPSHead()

  /// Why the sink has aborted the transfer; `nil` if it has not.
  private(set) var failure: FirmwareDownloadError?

  /// Whether the whole file must be requested again, because the response does not continue the
  /// part.
  private(set) var isUnjoinable = false

  /// Whether the body is compressed, with a Content-Length other than the size.
  private(set) var isEncoded = false

  init(_ part: FirmwarePart, size: UInt64, _ request: Request) {
    self.part = part
    self.size = size
    self.request = request
  }

  func begin(_ head: HTTPSHead) -> Bool {
    self.head = head
    do throws(FirmwareDownloadError) {
      switch head.status {
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
      let skipped = Int(min(overlap, UInt64(bytes.count)))
      overlap -= UInt64(skipped)
      var rest = bytes.extracting(droppingFirst: skipped)
      if UInt64(rest.count) > left { rest = rest.extracting(first: Int(left)) }
      left -= UInt64(rest.count)
      guard UInt64(rest.count) <= size - part.count else {
        isUnjoinable = request.offset != nil
        throw .size(expected: size, found: nil)
      }
      if !rest.isEmpty { try part.append(rest) }
      return true
    } catch {
      failure = error
      return false
    }
  }

  /// Starts a whole file, even if a range was requested: the server does not support ranges, or its
  /// file has changed.
  private func beginWhole(_ head: HTTPSHead) throws(FirmwareDownloadError) {
    if !request.decodes {
      // An uncompressed file of that length may be labelled as compressed: the digest will tell.
      if head.isEncoded, head.contentLength != size {
        isEncoded = true
        throw .range
      }
      if let length = head.contentLength, length != size {
        // Possibly the requested range without its label: start over in any case.
        isUnjoinable = request.offset != nil
        throw .size(expected: size, found: length)
      }
    }
    if part.count > 0 { try part.clear() }
  }

  /// Starts a range: it may begin before the requested offset and end anywhere, but must overlap or
  /// adjoin the part.
  private func beginPart(_ head: HTTPSHead) throws(FirmwareDownloadError) {
    isUnjoinable = request.offset != nil
    guard let range = head.contentRange, let bytes = range.bytes, !head.isEncoded,
      range.total == nil || range.total == size, bytes.upperBound < size,
      bytes.contains(part.count),
      request.tag == nil || head.entityTag == nil || head.entityTag == request.tag
    else { throw .range }
    let count = bytes.upperBound - bytes.lowerBound + 1
    if let length = head.contentLength, length != count { throw .range }
    overlap = part.count - bytes.lowerBound
    left = bytes.upperBound - part.count + 1
    isUnjoinable = false
  }
}
