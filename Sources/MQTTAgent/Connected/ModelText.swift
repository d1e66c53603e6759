// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX
internal import ConstrainedCore

/// The text of a thing model, read once into memory that the process keeps until it ends.
@safe
struct ModelText {
  /// The longest file that is taken, and a byte.
  private static var capacity: Int { 65_536 }

  private let memory: UnsafeMutablePointer<UInt8>?
  private let count: Int

  /// Starts without one.
  init() {
    unsafe memory = nil
    count = 0
  }

  /// Reads the file of the configuration; an error ends the process.
  @inline(never)
  init(_ configuration: borrowing Configuration) {
    let memory = unsafe malloc(Self.capacity)?.bindMemory(to: UInt8.self, capacity: Self.capacity)
    guard let memory = unsafe memory else {
      fail(.usage, Span("error no memory for the thing model" as StaticString))
    }
    // SAFETY: the span covers what was allocated, ends with this function, and is only written to up to `count`.
    var room = unsafe MutableSpan(_unsafeStart: memory, count: Self.capacity)
    count = PrivateInput.read(configuration.path(.thingModel), into: &room, .unreadableModel)
    if count == 0 || count == Self.capacity { configuration.refuse(.thingModel) }
    unsafe self.memory = memory
  }

  /// Whether there is none.
  var isEmpty: Bool { count == 0 }

  /// The text.
  var bytes: Span<UInt8> {
    @_lifetime(immortal)
    get {
      guard let memory = unsafe memory else { return Span() }
      // SAFETY: so many bytes were read into it, and nothing frees or changes them.
      let bytes = unsafe Span(_unsafeStart: memory, count: count)
      return unsafe _overrideLifetime(bytes, copying: ())
    }
  }
}
