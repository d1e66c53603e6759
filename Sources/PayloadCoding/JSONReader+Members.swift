// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore

/// Members that the platform's answers have.
extension JSONReader {
  /// The number that a value holds, also as digits in a string: the platform writes both.
  ///
  /// `nil` if it holds none, or one that does not fit.
  public func unsigned(in value: JSONToken) -> UInt64? {
    switch value {
    case .number(let range): wholeNumber(range)
    case .string(let range): unsigned(range)
    default: nil
    }
  }

  /// Replaces `target` with a string's text; returns `false` if the value is not a string, is
  /// empty, or does not fit.
  public func copy<let capacity: Int>(
    _ value: JSONToken,
    into target: inout FixedBytes<capacity>
  ) -> Bool {
    guard case .string(let range) = value, !range.isEmpty else { return false }
    do throws(CapacityError) {
      try target.write { (output: inout ByteWriter) throws(CapacityError) in
        try copyString(range, into: &output)
      }
      return true
    } catch {
      return false
    }
  }
}
