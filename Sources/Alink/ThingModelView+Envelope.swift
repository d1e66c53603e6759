// SPDX-License-Identifier: Apache-2.0
internal import PayloadCoding

/// Reads the parts of a request around its values.
extension ThingModelView {
  /// Reads up to the value of the payload's member `name`.
  func enter<Reader: PayloadReader & ~Escapable>(
    _ reader: inout Reader,
    _ name: StaticString
  ) throws(ThingModelError) {
    guard try next(&reader) == .beginObject else {
      throw .notARequest(offset: reader.tokenOffset)
    }
    while case .key(let key) = try next(&reader) {
      if reader.text(key, equals: name) { return }
      try skipValue(&reader)
    }
    throw .notARequest(offset: reader.tokenOffset)
  }

  /// Reads the rest of the payload after that value.
  func leave<Reader: PayloadReader & ~Escapable>(
    _ reader: inout Reader,
    _ name: StaticString
  ) throws(ThingModelError) {
    while case .key(let key) = try next(&reader) {
      if reader.text(key, equals: name) { throw .unexpectedMember(offset: reader.tokenOffset) }
      try skipValue(&reader)
    }
    do throws(Reader.Failure) {
      while try reader.nextToken() != nil {}
    } catch {
      throw .unreadablePayload
    }
  }
}
