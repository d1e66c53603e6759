// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX
internal import ConstrainedCore

/// Lines of standard input, read as they arrive, without blocking.
struct LineInput {
  /// The maximum length of a line in bytes; longer ones are skipped.
  #if HTTPS
  /// The longest payload, and half a KB for what stands before it.
  static var maxCount: Int { 131_584 }
  #else
  static var maxCount: Int { 4_096 }
  #endif

  /// Where the input stands within what was read.
  struct Place {
    // Neither of these is more than the storage has.
    fileprivate var start = 0
    /// How many bytes after `start` hold no line's end.
    fileprivate var searched = 0
    fileprivate var isTooLong = false
  }

  /// Where it stands; it can be put back there until `read` is called.
  var place = Place()
  private var end = 0
  /// Whether nothing more will come.
  private(set) var isAtEnd = false

  /// Whether the line at hand, or the one whose end has not come yet, is too long to be kept: what `line`
  /// gives is no more than its end.
  var isTooLong: Bool { place.isTooLong }

  #if HTTPS
  private let storage = HeapBytes(LineInput.maxCount + 1)
  #else
  private var storage = InlineArray<4_097, UInt8>(repeating: 0)
  #endif

  /// The bytes that were read but not processed.
  var rest: Span<UInt8> {
    @_lifetime(borrow self)
    get { storage.span.extracting(place.start..<end) }
  }

  /// Starts with the rest of another input, and returns the state of its program.
  mutating func inherit(from descriptor: Int32) -> nbiot_legacy {
    var legacy = nbiot_legacy()
    var span = storage.mutableSpan
    // SAFETY: reads at most the available room.
    end = unsafe span.withUnsafeMutableBufferPointer {
      unsafe nbiot_inherit(descriptor, &legacy, $0.baseAddress, $0.count)
    }
    place.isTooLong = legacy.flags & 1 != 0
    return legacy
  }

  /// Reads what is there, once; to be called when `poll` says that something is.
  ///
  /// `false` when it cannot be read: that is told, and no more will come.
  mutating func read() -> Bool {
    if place.start > 0 {
      for index in 0..<(end &- place.start) { storage[index] = storage[place.start &+ index] }
      end &-= place.start
      place.start = 0
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
    let count = end &- place.start
    while place.searched < count, storage[place.start &+ place.searched] != 0x0A {
      place.searched &+= 1
    }
    let isWhole = place.searched < count
    if !isWhole, count > Self.maxCount {
      place = Place(isTooLong: true)
      end = 0
    }
    return isWhole || (isAtEnd && (place.searched > 0 || isTooLong))
  }

  #if MQTT
  /// Whether `read` takes something in.
  var hasRoom: Bool { end &- place.start < storage.count }

  /// Finds a whole line, behind so many bytes of those that were not processed; `nil` when there is none.
  ///
  /// The range does not have the line's end.
  func line(after offset: Int) -> Range<Int>? {
    let bytes = rest
    var end = offset
    while end < bytes.count, bytes[end] != 0x0A { end &+= 1 }
    return end < bytes.count || isAtEnd && end > offset ? offset..<end : nil
  }

  /// Leaves an empty line of one that `line(after:)` has found.
  mutating func empty(_ range: Range<Int>) {
    place.searched = 0
    let start = place.start &+ range.lowerBound
    for index in start..<(end &- range.count) { storage[index] = storage[index &+ range.count] }
    end &-= range.count
  }
  #endif

  /// The line found by `next`, without its line end.
  var line: Span<UInt8> {
    @_lifetime(borrow self)
    get { storage.span.extracting(place.start..<(place.start &+ place.searched)).withoutLineEnd }
  }

  /// Goes on behind the line that `next` gave.
  mutating func consume() {
    place = Place(start: min(end, place.start &+ place.searched &+ 1))
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
