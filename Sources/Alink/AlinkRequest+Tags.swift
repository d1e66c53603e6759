internal import ConstrainedCore
internal import PayloadCoding

/// The most tags of a request (device guide 6.9).
private let maxTags = 200

extension AlinkRequest where Kind == TagUpdate, Writer: ~Copyable & ~Escapable {
  /// Sets a tag.
  public mutating func add(key: Span<UInt8>, value: Span<UInt8>) throws(AlinkError) {
    guard isTagKey(key) else { throw .tagKey }
    guard isTagValue(value) else { throw .tagValue }
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
    guard isTagKey(key) else { throw .tagKey }
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

private func isTagKey(_ key: Span<UInt8>) -> Bool {
  guard key.count >= 1, key.count <= 64 else { return false }
  for index in key.indices where !isWordByte(key[index]) { return false }
  return key[0] < UInt8(ascii: "0") || key[0] > UInt8(ascii: "9")
}

/// Device guide 6.9 names letters, digits, `_`, `-`, `.` and Chinese characters: those of Unicode's
/// script Han.
private func isTagValue(_ value: Span<UInt8>) -> Bool {
  guard value.count >= 1 else { return false }
  var offset = 0
  while offset < value.count {
    let byte = value[offset]
    guard byte >= 0x80 else {
      guard isWordByte(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") else {
        return false
      }
      offset += 1
      continue
    }
    guard let scalar = UTF8Check.scalar(value, at: offset), isHan(scalar.value) else {
      return false
    }
    offset += scalar.count
  }
  return true
}

private func isHan(_ scalar: UInt32) -> Bool {
  switch scalar {
  case 0x2E80...0x2FD5, 0x3005, 0x3007, 0x3021...0x3029, 0x3038...0x303B, 0x3400...0x4DBF,
    0x4E00...0x9FFF, 0xF900...0xFAD9, 0x2_0000...0x3_23AF:
    true
  default: false
  }
}

private func isWordByte(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
    true
  default: false
  }
}
