/// The output's storage has no room for what was to be written; what had been written before stays.
public struct CapacityError: Error, Equatable, Sendable {
  @inlinable
  package init() {}
}

/// An append-only cursor over bytes that the caller owns.
///
/// What the storage held before does not matter. A write that throws leaves `count` unchanged.
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

  /// How many bytes fit in all.
  @inlinable
  public var capacity: Int { storage.count }

  /// How many more bytes fit.
  @inlinable
  public var remaining: Int { storage.count - count }

  /// What has been written so far.
  @inlinable
  public var written: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get { storage.span.extracting(0..<count) }
  }

  /// Appends one byte.
  @inlinable
  public mutating func append(_ byte: UInt8) throws(CapacityError) {
    guard count < storage.count else { throw CapacityError() }
    storage[count] = byte
    length += 1
  }

  /// Appends all of `bytes`, or nothing.
  @inlinable
  public mutating func append(_ bytes: Span<UInt8>) throws(CapacityError) {
    let added = bytes.count
    guard added <= storage.count - count else { throw CapacityError() }
    guard added > 0 else { return }
    // SAFETY: `count + added <= storage.count` was checked above, and a MutableSpan is exclusive,
    // so that the source cannot overlap it.
    let start = length
    unsafe storage.withUnsafeMutableBufferPointer { target in
      unsafe bytes.withUnsafeBufferPointer { source in
        guard let to = target.baseAddress, let from = source.baseAddress else { return }
        unsafe (to + start).update(from: from, count: added)
      }
    }
    length += added
  }

  /// Appends the UTF-8 bytes of a literal, or nothing.
  @inlinable
  public mutating func append(_ text: StaticString) throws(CapacityError) {
    let added = text.utf8CodeUnitCount
    guard added <= storage.count - count else { throw CapacityError() }
    // SAFETY: a StaticString's bytes live as long as the program.
    let bytes = unsafe UnsafeBufferPointer(start: text.utf8Start, count: added)
    for index in 0..<added { storage[length + index] = unsafe bytes[index] }
    length += added
  }

  /// Appends a number in decimal digits, 1 to 20 bytes, or nothing.
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

  /// Hands the unwritten rest to `fill`, which writes from its start and returns how many bytes.
  ///
  /// For C calls that write into a buffer. `fill` must return at most the count it was given.
  @inlinable
  package mutating func appendUnchecked<Failure: Error>(
    _ fill: (UnsafeMutableBufferPointer<UInt8>) throws(Failure) -> Int
  ) throws(Failure) {
    let start = count
    let room = storage.count - start
    var made = 0
    var failure: Failure?
    // SAFETY: the pointer covers exactly the unwritten rest and does not outlive the call.
    unsafe storage.withUnsafeMutableBufferPointer { all in
      let rest = unsafe UnsafeMutableBufferPointer(rebasing: all[start...])
      do throws(Failure) { made = try unsafe fill(rest) } catch { failure = error }
    }
    if let failure { throw failure }
    precondition(made >= 0 && made <= room, "a C call wrote past the room it was given")
    length = start + made
  }
}
