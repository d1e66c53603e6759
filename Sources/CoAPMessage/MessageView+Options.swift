// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

extension MessageView {
  /// The first critical option that is not understood, because of which the message must be
  /// rejected (RFC 7252 Section 5.4.1); `nil` if there is none.
  ///
  /// An option is not understood when its number is unknown, when it is a request option in a
  /// response (Section 5.4), when its value's length is outside the defined range (Section 5.4.3),
  /// or when it is repeated although it must not be (Section 5.4.5). A string that is not UTF-8
  /// counts as one of wrong length.
  public var unrecognizedCriticalOption: OptionNumber? {
    var iterator = options
    var previous: OptionNumber?
    while let option = iterator.next() {
      // conformance: 7252-5.4-a 7252-5.4.1-a
      if option.number.isCritical,
        !option.isRecognized(after: previous) || code.isResponse && option.number.isForRequests
      {
        return option.number
      }
      previous = option.number
    }
    return nil
  }

  /// The value of the first option of that number; `nil` if it is absent, has more than 32 bits, or
  /// has a length outside the defined range: such an elective option is ignored (RFC 7252 Section
  /// 5.4.3).
  public func uint(_ number: OptionNumber) -> UInt32? {
    guard let option = first(number), option.isRecognized(after: nil),
      let value = option.uintValue, value &>> 32 == 0
    else { return nil }
    return UInt32(truncatingIfNeeded: value)
  }
}

extension OptionView {
  /// Whether the option is understood; `previous` is the number of the option before it.
  fileprivate func isRecognized(after previous: OptionNumber?) -> Bool {
    guard let definition = number.definition else { return false }
    // conformance: 7252-5.4.3-a
    guard value.count >= definition.minLength, value.count <= definition.maxLength else {
      return false
    }
    // conformance: 7252-5.4.5-a
    if !definition.isRepeatable, previous == number { return false }
    return definition.format != .string || value.isUTF8
  }
}
