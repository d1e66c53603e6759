// SPDX-License-Identifier: Apache-2.0
/// The storage has no room for the write; everything written before it stays.
public struct CapacityError: Error, Equatable, Sendable {
  @inlinable
  package init() {}
}

/// An append-only cursor over bytes that the caller owns.
///
/// The storage's earlier contents do not matter; its bytes after `count` are undefined. A write
/// that throws leaves `count` unchanged. Size: a span and a counter, 24 bytes on a 64-bit machine.
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

  /// Starts with the `count` lowest bytes of `head`, lowest first; `storage` must hold at least 8
  /// bytes.
  @inlinable
  @_lifetime(copy storage)
  package init(_ storage: consuming MutableSpan<UInt8>, startingWith head: UInt64, count: Int) {
    self.init(storage)
    precondition(appendAtOnce(head, count: count), "the caller has checked for 8 bytes")
  }

  /// The size of the storage in bytes.
  @inlinable
  public var capacity: Int { storage.count }

  /// How many more bytes fit.
  @inlinable
  public var remaining: Int { storage.count &- length }

  /// The bytes written so far.
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

  /// Appends all of `bytes`; appends nothing when they do not fit.
  @inlinable
  public mutating func append(_ bytes: Span<UInt8>) throws(CapacityError) {
    guard bytes.count <= remaining else { throw CapacityError() }
    put(bytes)
  }

  /// Appends the UTF-8 bytes of a literal; appends nothing when they do not fit.
  @inlinable
  public mutating func append(_ text: StaticString) throws(CapacityError) {
    try append(Span(text))
  }

  /// Appends a number in decimal, 1 to 20 digits; appends nothing when they do not fit.
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

  /// Appends `bytes` with a number in decimal digits in the place of each `mark`, unless that is empty; or nothing.
  @inline(never)
  package mutating func append(
    _ bytes: Span<UInt8>,
    replacing mark: Span<UInt8>,
    with value: UInt64
  ) throws(CapacityError) {
    let start = length
    var rest = bytes
    do throws(CapacityError) {
      while !mark.isEmpty, rest.count >= mark.count {
        if rest.extracting(first: mark.count).isEqual(to: mark) {
          try append(decimal: value)
          rest = rest.extracting(droppingFirst: mark.count)
        } else {
          try append(rest[0])
          rest = rest.extracting(droppingFirst: 1)
        }
      }
      try append(rest)
    } catch {
      length = start
      throw error
    }
  }

  /// Discards everything after the first `count` bytes.
  @inlinable
  public mutating func truncate(to count: Int) {
    precondition(count >= 0 && count <= length, "truncate cannot lengthen a writer")
    length = count
  }

  /// Moves the written bytes of `range` forward to `start`; the bytes in between follow them.
  package mutating func move(_ range: Range<Int>, to start: Int) {
    precondition(
      start >= 0 && start <= range.lowerBound && range.upperBound <= length,
      "move takes written bytes towards the front"
    )
    guard !range.isEmpty else { return }
    reverse(start..<range.lowerBound)
    reverse(range)
    reverse(start..<range.upperBound)
  }

  /// Overwrites a byte that has been written.
  package mutating func replace(at offset: Int, with byte: UInt8) {
    precondition(offset >= 0 && offset < length, "replace takes the offset of a written byte")
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

  /// Passes the unwritten rest to `fill`, a C call that writes from its start and returns the
  /// number of bytes written.
  ///
  /// `fill` must not return more than the count it was given.
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

  /// Appends the `count` lowest bytes of `head`, at most 8, lowest first; returns `false` with
  /// fewer than 8 bytes of room, since it stores all 8.
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

  /// Appends the `count` lowest bytes of `head`, at most 8, lowest first, then `bytes`; returns
  /// `false` when they do not fit.
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
      // SAFETY: there is room for the bytes, and there are at least 8 of them.
      unsafe putEnds(UInt64.self, of: bytes)
      length &+= bytes.count
    } else {
      put(bytes)
    }
    return true
  }

  /// Appends `head` and then at most 16 bytes; returns `false` when they are more or do not fit.
  ///
  /// Two loads that may overlap copy most options without a call to `memcpy`.
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

  /// Copies the first and the last `Word` of `bytes`, which may overlap; `bytes` must be at least
  /// one `Word` long, at most two, and fit.
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

  /// Appends a byte; the caller has checked that it fits.
  @inlinable
  @inline(__always)
  package mutating func put(_ byte: UInt8) {
    storage[length] = byte
    length &+= 1
  }

  /// Appends all of `bytes`; the caller has checked that they fit.
  @inlinable
  @inline(__always)
  package mutating func put(_ bytes: Span<UInt8>) {
    let start = length
    let count = bytes.count
    guard count > 0 else { return }
    precondition(count <= storage.count &- start, "the caller has checked that there is room")
    // SAFETY: the bytes fit; a MutableSpan is exclusive, so `bytes` cannot overlap it; neither
    // address is nil, because neither is empty.
    unsafe storage.withUnsafeMutableBytes { target in
      unsafe bytes.withUnsafeBytes { source in
        let to = unsafe target.baseAddress.unsafelyUnwrapped + start
        unsafe to.copyMemory(from: source.baseAddress.unsafelyUnwrapped, byteCount: count)
      }
    }
    length = start &+ count
  }

  /// Appends the `count` lowest bytes of `head`, lowest first; the caller has checked that they
  /// fit.
  @usableFromInline
  mutating func putSlowly(_ head: UInt64, count: Int) {
    for index in 0..<count {
      put(UInt8(truncatingIfNeeded: head &>> UInt64(widening: UInt8(index &* 8))))
    }
  }
}
