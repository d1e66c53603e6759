// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore

extension FixedBytes where capacity == 128 {
  /// Replaces a token or a secret by `…` wherever it stands in a text for people.
  ///
  /// Fewer than 8 bytes protect nothing, and may be a word of the text.
  public mutating func mask(_ secret: Span<UInt8>) {
    if secret.count < 8 { return }
    let text = self
    try? write { (writer: inout ByteWriter) throws(CapacityError) in
      var index = 0
      while index < text.count {
        let end = index + secret.count
        if end <= text.count, text.bytes.extracting(index..<end).isEqual(to: secret) {
          try writer.append("…")
          index = end
        } else {
          try writer.append(text.bytes[index])
          index += 1
        }
      }
    }
  }
}
