/// The output's storage has no room for what was to be written; what had been written before stays.
public struct CapacityError: Error, Equatable, Sendable {
  @inlinable
  package init() {}
}

/// An append-only cursor over bytes that the caller owns.
///
/// What the storage held before does not matter, and what it holds after `count` bytes is undefined.
/// A write that throws leaves `count` unchanged.
/// Size: a span and a counter, 24 bytes on a 64-bit machine.
@frozen
public struct ByteWriter: ~Copyable, ~Escapable {
  @usableFromInline
  var storage: MutableSpan<UInt8>

  @usableFromInline
  var length: Int

  /// How many bytes have been written.
  @inlinable
  public var count: Int { length }

  /// Starts at the beginning of `storage`.
  @inlinable
  @_lifetime(copy storage)
  public init(_ storage: consuming MutableSpan<UInt8>) {
    self.storage = storage
    self.length = 0
  }

  /// Starts with the `count` lowest bytes of `head`, the lowest first, where there is room for 8.
  @inlinable
  @_lifetime(copy storage)
  package init(_ storage: consuming MutableSpan<UInt8>, startingWith head: UInt64, count: Int) {
    self.init(storage)
    precondition(appendAtOnce(head, count: count), "the caller has checked for 8 bytes")
  }

  /// How many bytes fit in all.
  @inlinable
  public var capacity: Int { storage.count }

  /// How many more bytes fit.
  @inlinable
  public var remaining: Int { storage.count &- length }

  /// What has been written so far.
  @inlinable
  public var written: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get { storage.span.extracting(0..<count) }
  }

  /// Appends one byte.
  @inlinable
  public mutating func append(_ byte: UInt8) throws(CapacityError) {
    guard length < storage.count else { throw CapacityError() }
    storage[length] = byte
    length &+= 1
  }

  /// Appends all of `bytes`, or nothing.
  @inlinable
  public mutating func append(_ bytes: Span<UInt8>) throws(CapacityError) {
    guard bytes.count <= remaining else { throw CapacityError() }
    put(bytes)
  }

  /// Appends the UTF-8 bytes of a literal, or nothing.
  @inlinable
  public mutating func append(_ text: StaticString) throws(CapacityError) {
    try append(Span(text))
  }

  /// Appends a number in decimal digits, 1 to 20 bytes, or nothing.
  @inline(never)
  public mutating func append(decimal value: UInt64) throws(CapacityError) {
    var divisor: UInt64 = 1
    var digits = 1
    while value / divisor >= 10 {
      divisor *= 10
      digits += 1
    }
    guard digits <= remaining else { throw CapacityError() }
    var rest = value
    while divisor > 0 {
      storage[count] = UInt8(truncatingIfNeeded: 0x30 + rest / divisor)
      length += 1
      rest %= divisor
      divisor /= 10
    }
  }

  /// Forgets what was written after the first `count` bytes.
  @inlinable
  public mutating func truncate(to count: Int) {
    precondition(count >= 0 && count <= length, "a writer is only ever cut shorter")
    length = count
  }

  /// Moves the written bytes of `range` in front of those from `start` on, which stand before them.
  package mutating func move(_ range: Range<Int>, to start: Int) {
    precondition(
      start >= 0 && start <= range.lowerBound && range.upperBound <= length,
      "only what was written is moved, and only to the front"
    )
    guard !range.isEmpty else { return }
    reverse(start..<range.lowerBound)
    reverse(range)
    reverse(start..<range.upperBound)
  }

  /// Changes a byte that was written.
  package mutating func replace(at offset: Int, with byte: UInt8) {
    precondition(offset >= 0 && offset < length, "only what was written is changed")
    storage[offset] = byte
  }

  private mutating func reverse(_ range: Range<Int>) {
    var (low, high) = (range.lowerBound, range.upperBound - 1)
    while low < high {
      let byte = storage[low]
      storage[low] = storage[high]
      storage[high] = byte
      low += 1
      high -= 1
    }
  }

  /// Hands the unwritten rest to `fill`, which writes from its start and returns how many bytes.
  ///
  /// For C calls that write into a buffer. `fill` must return at most the count it was given.
  @inlinable
  package mutating func appendUnchecked<Failure: Error>(
    _ fill: (UnsafeMutableBufferPointer<UInt8>) throws(Failure) -> Int
  ) throws(Failure) {
    let start = count
    let room = storage.count &- start
    var made = 0
    var failure: Failure?
    // SAFETY: the pointer covers exactly the unwritten rest and does not outlive the call.
    unsafe storage.withUnsafeMutableBufferPointer { all in
      let rest = unsafe UnsafeMutableBufferPointer(
        start: all.baseAddress.map { unsafe $0 + start },
        count: room
      )
      do throws(Failure) { made = try unsafe fill(rest) } catch { failure = error }
    }
    if let failure { throw failure }
    precondition(made >= 0 && made <= room, "a C call wrote past the room it was given")
    length = start &+ made
  }

  /// Appends the `count` lowest bytes of `head`, at most 8 and the lowest first, if there is room for
  /// 8, which are all stored; says whether.
  @inlinable
  @inline(__always)
  package mutating func appendAtOnce(_ head: UInt64, count headCount: Int) -> Bool {
    guard remaining >= 8 else { return false }
    let start = length
    var target = unsafe storage.mutableBytes
    // SAFETY: there is room for 8 bytes after `start`.
    unsafe target.storeBytes(of: head.littleEndian, toUncheckedByteOffset: start, as: UInt64.self)
    length &+= headCount
    return true
  }

  /// Appends the `count` lowest bytes of `head`, at most 8 and the lowest first, and then `bytes`, if
  /// there is room; says whether.
  @inlinable
  @inline(__always)
  package mutating func append(
    _ head: UInt64,
    count headCount: Int,
    then bytes: Span<UInt8>
  ) -> Bool {
    guard bytes.count <= remaining &- headCount else { return false }
    if !appendAtOnce(head, count: headCount) { putSlowly(head, count: headCount) }
    if bytes.count >= 8, bytes.count <= 16 {
      // SAFETY: there is room for the bytes, and they are no fewer than a UInt64 has.
      unsafe putEnds(UInt64.self, of: bytes)
      length &+= bytes.count
    } else {
      put(bytes)
    }
    return true
  }

  /// Appends `head` and then `bytes`, at most 16, if there is room; says whether.
  ///
  /// Two loads that may overlap copy most options and spare them a call of `memcpy`.
  @inlinable
  @inline(__always)
  package mutating func appendAtOnce(_ head: UInt8, then bytes: Span<UInt8>) -> Bool {
    let count = bytes.count
    guard count < remaining, count <= 16 else { return false }
    // SAFETY: there is room for 1 and `count` bytes after `length`.
    unsafe storage[unchecked: length] = head
    length &+= 1
    if count >= 8 {
      unsafe putEnds(UInt64.self, of: bytes)
    } else if count >= 4 {
      unsafe putEnds(UInt32.self, of: bytes)
    } else if count >= 2 {
      unsafe putEnds(UInt16.self, of: bytes)
    } else if count == 1 {
      unsafe putEnds(UInt8.self, of: bytes)
    }
    length &+= count
    return true
  }

  /// Copies the first and the last bytes to where there is room for all of `bytes`, as many of each
  /// as a `Word` has and `bytes` has, too.
  @unsafe
  @inlinable
  @inline(__always)
  mutating func putEnds<Word: BitwiseCopyable>(_: Word.Type, of bytes: Span<UInt8>) {
    let source = unsafe bytes.bytes
    let last = bytes.count &- MemoryLayout<Word>.size
    let start = unsafe source.unsafeLoadUnaligned(fromUncheckedByteOffset: 0, as: Word.self)
    let end = unsafe source.unsafeLoadUnaligned(fromUncheckedByteOffset: last, as: Word.self)
    let offset = length
    var target = unsafe storage.mutableBytes
    unsafe target.storeBytes(of: start, toUncheckedByteOffset: offset, as: Word.self)
    unsafe target.storeBytes(of: end, toUncheckedByteOffset: offset &+ last, as: Word.self)
  }

  /// Appends a byte where the caller has checked that there is room.
  @inlinable
  @inline(__always)
  package mutating func put(_ byte: UInt8) {
    storage[length] = byte
    length &+= 1
  }

  /// Appends all of `bytes` where the caller has checked that there is room.
  @inlinable
  @inline(__always)
  package mutating func put(_ bytes: Span<UInt8>) {
    let start = length
    let count = bytes.count
    guard count > 0 else { return }
    precondition(count <= storage.count &- start, "the caller has checked that there is room")
    // SAFETY: there is room, a MutableSpan is exclusive, so that `bytes` cannot overlap it, and
    // neither address is nil, because both have bytes.
    unsafe storage.withUnsafeMutableBytes { target in
      unsafe bytes.withUnsafeBytes { source in
        let to = unsafe target.baseAddress.unsafelyUnwrapped + start
        unsafe to.copyMemory(from: source.baseAddress.unsafelyUnwrapped, byteCount: count)
      }
    }
    length = start &+ count
  }

  /// Appends the `count` lowest bytes of `head`, the lowest first, where the caller has checked that
  /// there is room.
  @usableFromInline
  mutating func putSlowly(_ head: UInt64, count: Int) {
    for index in 0..<count {
      put(UInt8(truncatingIfNeeded: head &>> UInt64(widening: UInt8(index &* 8))))
    }
  }
}
