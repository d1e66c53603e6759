// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
extension JSONError: CustomStringConvertible {
  /// States what is wrong, and at which byte, counted from 0.
  public var description: String {
    switch self {
    case .truncated: "it ends too early"
    case .unexpectedByte(let offset): "byte \(offset) is not allowed there"
    case .tooDeep(let offset):
      "at byte \(offset) it is nested too deeply (at most \(JSONReader.maxDepth) levels)"
    case .invalidUTF8(let offset): "the text at byte \(offset) is not UTF-8"
    case .loneSurrogate(let offset): "the escape at byte \(offset) is half a character"
    case .numberTooLarge(let offset): "the number at byte \(offset) is too large"
    }
  }
}
#endif
