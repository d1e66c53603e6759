// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import PayloadCoding

/// The maximum number of tags in a request (device guide 6.9).
private let maxTags = 200

extension AlinkRequest where Kind == TagUpdate, Writer: ~Copyable & ~Escapable {
  /// Sets a tag.
  public mutating func add(key: Span<UInt8>, value: Span<UInt8>) throws(AlinkError) {
    guard TagRule.allows(key: key) else { throw .tagKey }
    guard TagRule.allows(value: value) else { throw .tagValue }
    guard count < maxTags else { throw .tooManyTags }
    count += 1
    do throws(CapacityError) {
      try writer.beginObject()
      try writer.key("attrKey")
      try writer.string(key)
      try writer.key("attrValue")
      try writer.string(value)
      try writer.endObject()
    } catch {
      throw fail()
    }
  }

  /// Sets a tag whose key is a literal.
  public mutating func add(key: StaticString, value: Span<UInt8>) throws(AlinkError) {
    try add(key: key.bytes, value: value)
  }
}

extension AlinkRequest where Kind == TagDelete, Writer: ~Copyable & ~Escapable {
  /// Deletes a tag.
  public mutating func add(key: Span<UInt8>) throws(AlinkError) {
    guard TagRule.allows(key: key) else { throw .tagKey }
    guard count < maxTags else { throw .tooManyTags }
    count += 1
    do throws(CapacityError) {
      try writer.beginObject()
      try writer.key("attrKey")
      try writer.string(key)
      try writer.endObject()
    } catch {
      throw fail()
    }
  }

  /// Deletes a tag whose key is a literal.
  public mutating func add(key: StaticString) throws(AlinkError) {
    try add(key: key.bytes)
  }
}
