// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
extension Array where Element == UInt8 {
  /// Two lower-case hexadecimal digits for each of `bytes`, in ASCII.
  package init(hexadecimal bytes: Span<UInt8>) {
    self.init(repeating: 0, count: 2 * bytes.count)
    var writer = ByteWriter(mutableSpan)
    do throws(CapacityError) {
      try writer.append(hexadecimal: bytes)
    } catch {
      preconditionFailure("there is room for two digits a byte")
    }
  }
}

extension String {
  /// Two lower-case hexadecimal digits for each of `bytes`.
  package init(hexadecimal bytes: Span<UInt8>) {
    self.init(decoding: [UInt8](hexadecimal: bytes), as: UTF8.self)
  }
}
#endif
