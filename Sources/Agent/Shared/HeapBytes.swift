// SPDX-License-Identifier: Apache-2.0
#if HTTPS || GATEWAY
internal import CPOSIX
internal import ConstrainedCore

/// Memory of a fixed size that is kept until the process ends; the system gives the pages that are used.
@safe
struct HeapBytes {
  private let start: UnsafeMutablePointer<UInt8>?
  let count: Int

  /// Makes so many bytes of zeros; without memory the process ends.
  @inline(never)
  init(_ count: Int) {
    let memory = unsafe count > 0 ? calloc(1, count) : nil
    if unsafe count > 0 && memory == nil { fail(.usage, Span("error no memory" as StaticString)) }
    unsafe start = memory?.bindMemory(to: UInt8.self, capacity: count)
    self.count = count
  }

  private init(_ start: UnsafeMutablePointer<UInt8>?, _ count: Int) {
    unsafe self.start = start
    self.count = count
  }

  /// The first of them.
  func extracting(first count: Int) -> HeapBytes {
    unsafe HeapBytes(start, min(count, self.count))
  }

  /// The bytes, as `FixedBytes` calls them.
  var bytes: Span<UInt8> {
    @_lifetime(immortal)
    get { span }
  }

  var span: Span<UInt8> {
    @_lifetime(immortal)
    get {
      // SAFETY: so many bytes, which stay.
      unsafe _overrideLifetime(
        Span(_unsafeElements: UnsafeBufferPointer(start: start, count: count)),
        copying: ()
      )
    }
  }

  /// The same to be written; only one part of the program does so at a time.
  var mutableSpan: MutableSpan<UInt8> {
    @_lifetime(immortal)
    get {
      // SAFETY: as above.
      unsafe _overrideLifetime(
        MutableSpan(_unsafeElements: UnsafeMutableBufferPointer(start: start, count: count)),
        copying: ()
      )
    }
  }

  subscript(index: Int) -> UInt8 {
    get { span[index] }
    nonmutating set {
      var bytes = mutableSpan
      bytes[index] = newValue
    }
  }
}
#endif
