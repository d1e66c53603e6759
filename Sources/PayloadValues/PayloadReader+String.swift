internal import ConstrainedCore
package import PayloadCoding

extension PayloadReader where Self: ~Escapable {
  /// A text or key that this reader has read.
  package func string(_ text: PayloadText) -> String {
    // Neither the escapes nor the chunks of a text make it longer than they are.
    var buffer = [UInt8](repeating: 0, count: text.range.count)
    var writer = ByteWriter(buffer.mutableSpan)
    do throws(CapacityError) {
      try copy(text, into: &writer)
    } catch {
      preconditionFailure("a text has no more bytes than it is written with")
    }
    let count = writer.count
    return String(decoding: buffer[..<count], as: UTF8.self)
  }
}
