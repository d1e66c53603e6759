// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
package import PayloadCoding

extension PayloadReader where Self: ~Escapable {
  /// The text or key as a `String`.
  package func string(_ text: PayloadText) -> String {
    // Resolving escapes or joining chunks never makes a text longer.
    var buffer = [UInt8](repeating: 0, count: text.range.count)
    var writer = ByteWriter(buffer.mutableSpan)
    do throws(CapacityError) {
      try copy(text, into: &writer)
    } catch {
      preconditionFailure("a decoded text is no longer than its encoding")
    }
    let count = writer.count
    return String(decoding: buffer[..<count], as: UTF8.self)
  }
}
