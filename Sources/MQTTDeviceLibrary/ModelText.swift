// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import ConstrainedCore

/// The text of a thing model in the caller's memory, which stays as it is until the device is destroyed.
@safe
struct ModelText {
  private let start: UnsafePointer<UInt8>?
  private let count: Int

  /// A text of C; one that is no thing model is refused, and `nil` is none.
  init(_ given: UnsafePointer<CChar>?) throws(LibraryError) {
    let bytes = unsafe text(given)
    count = bytes.count
    // SAFETY: only compared and read within its count.
    unsafe start = bytes.withUnsafeBufferPointer { $0.baseAddress }
    guard unsafe given != nil else { return }
    do throws(ThingModelError) {
      _ = try ThingModelView(bytes)
    } catch {
      throw .argument
    }
  }

  /// Whether there is none.
  var isEmpty: Bool { count == 0 }

  /// The text.
  var bytes: Span<UInt8> {
    @_lifetime(immortal)
    get {
      guard let start = unsafe start else { return Span() }
      // SAFETY: so many bytes are there, and the caller neither frees nor changes them.
      let bytes = unsafe Span(_unsafeStart: start, count: count)
      return unsafe _overrideLifetime(bytes, copying: ())
    }
  }
}
