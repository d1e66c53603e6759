internal import CPOSIX
internal import ConstrainedCore

/// Lines of standard input, read as they arrive, without blocking.
struct LineInput {
  /// The maximum length of a line in bytes; longer ones are skipped.
  static var maxCount: Int { 4_096 }

  // None of these is more than the storage has.
  private var start = 0
  private var end = 0
  /// How many bytes after `start` hold no line's end.
  private var searched = 0
  /// Whether nothing more will come.
  private(set) var isAtEnd = false

  /// Whether the line at hand, or the one whose end has not come yet, is too long to be kept: what `line`
  /// gives is no more than its end.
  private(set) var isTooLong = false

  private var storage = InlineArray<4_097, UInt8>(repeating: 0)

  /// The bytes that were read but not processed.
  var rest: Span<UInt8> {
    @_lifetime(borrow self)
    get { storage.span.extracting(start..<end) }
  }

  /// Starts with the rest of another input, and returns the state of its program.
  mutating func inherit(from descriptor: Int32) -> nbiot_legacy {
    var legacy = nbiot_legacy()
    var span = storage.mutableSpan
    // SAFETY: reads at most the available room.
    end = unsafe span.withUnsafeMutableBufferPointer {
      unsafe nbiot_inherit(descriptor, &legacy, $0.baseAddress, $0.count)
    }
    isTooLong = legacy.flags & 1 != 0
    return legacy
  }

  /// Reads what is there, once; to be called when `poll` says that something is.
  ///
  /// `false` when it cannot be read: that is told, and no more will come.
  mutating func read() -> Bool {
    if start > 0 {
      for index in 0..<(end &- start) { storage[index] = storage[start &+ index] }
      end &-= start
      start = 0
    }
    let room = storage.count &- end
    guard room > 0, !isAtEnd else { return true }
    var span = storage.mutableSpan
    let offset = end
    // SAFETY: reads at most the room after the stored bytes.
    let count = unsafe span.withUnsafeMutableBufferPointer {
      unsafe CPOSIX.read(0, $0.baseAddress.map { unsafe $0 + offset }, room)
    }
    if count > 0 {
      end &+= count
    } else if count == 0 {
      isAtEnd = true
    } else if nbiot_errno() != EINTR, nbiot_errno() != EAGAIN {
      isAtEnd = true
      say(.unreadableInput, Span("standard input"), nbiot_errno())
    }
    return count >= 0 || !isAtEnd
  }

  /// Finds the next line and says whether there is one; `consume` goes on behind it.
  mutating func next() -> Bool {
    while searched < end &- start, storage[start &+ searched] != 0x0A { searched &+= 1 }
    let isWhole = searched < end &- start
    if !isWhole, end &- start > Self.maxCount {
      start = 0
      end = 0
      searched = 0
      isTooLong = true
    }
    return isWhole || (isAtEnd && (searched > 0 || isTooLong))
  }

  /// The line found by `next`, without its line end.
  var line: Span<UInt8> {
    @_lifetime(borrow self)
    get { storage.span.extracting(start..<(start &+ searched)).withoutLineEnd }
  }

  /// Goes on behind the line that `next` gave.
  mutating func consume() {
    start = min(end, start &+ searched &+ 1)
    searched = 0
    isTooLong = false
  }
}

extension Span where Element == UInt8 {
  /// The bytes without trailing line ends.
  var withoutLineEnd: Span<UInt8> {
    @inline(never)
    @_lifetime(copy self)
    get {
      var count = count
      while count > 0, self[count - 1] == 0x0A || self[count - 1] == 0x0D { count -= 1 }
      return extracting(first: count)
    }
  }
}
