/// Puts one answer's bytes where they belong in the part that has come so far.
final class DownloadSink: HTTPSSink {
  /// What is asked for.
  struct Request {
    /// From where on; `nil` for all.
    var offset: UInt64?
    /// The entity tag of the answers before, if they had one.
    var tag: String?
    /// Whether a body in another coding is decoded, so that its length says nothing.
    var decodes = false
  }

  private let part: FirmwarePart
  private let size: UInt64
  private let request: Request
  /// How many of the body's bytes are there already.
  private var overlap: UInt64 = 0
  /// How many more belong to the part; the rest is passed over.
  private var left = UInt64.max

  /// The answer's head; without a status when none came.
  private(set) var head = HTTPSHead()

  /// Why the transfer cannot go on, if it was ended here.
  private(set) var failure: FirmwareDownloadError?

  /// Whether all has to be asked for anew, and not joined to what is there.
  private(set) var isUnjoinable = false

  /// Whether the body is compressed, and not its length.
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

  /// All of it, although a part may have been asked for: the server knows no ranges, or has another file now.
  private func beginWhole(_ head: HTTPSHead) throws(FirmwareDownloadError) {
    if !request.decodes {
      // A file of that length may lie there compressed, and be called so: its digest will tell.
      if head.isEncoded, head.contentLength != size {
        isEncoded = true
        throw .range
      }
      if let length = head.contentLength, length != size {
        // Just the part that was asked for, but not called so: all the same it starts over.
        isUnjoinable = request.offset != nil
        throw .size(expected: size, found: length)
      }
    }
    if part.count > 0 { try part.clear() }
  }

  /// A part: it may begin before what is asked for, and end anywhere, but must join what is there.
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
