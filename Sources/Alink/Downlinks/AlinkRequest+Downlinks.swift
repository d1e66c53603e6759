// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
public import PayloadCoding

// What a device sends because of what came: a property that was set is posted, a desired value that was applied is
// cleared.

extension AlinkRequest where Kind == PropertyPost, Writer == JSONWriter {
  /// Adds the properties that a `propertySet` has set, each with the value that is printed there, digit by digit.
  ///
  /// After the answer 200 a device posts what it has set (device guide 6.5). `message` is what `downlink` was read
  /// from. A property, its value among it, may have 1,024 bytes.
  public mutating func add(
    setBy downlink: Downlink,
    in message: Span<UInt8>,
    time: UInt64? = nil
  ) throws(AlinkError) {
    let object = message.extracting(downlink.contents)
    var reader = JSONReader(received: object)
    var member = InlineArray<1_100, UInt8>(repeating: 0)
    do throws(JSONError) {
      guard try reader.next() == .beginObject else { throw .truncated }
    } catch {
      throw .unreadable
    }
    while let property = try Self.next(&reader) {
      var identifier = FixedBytes<64>()
      do throws(CapacityError) {
        try identifier.write { (output: inout ByteWriter) throws(CapacityError) in
          try reader.copyString(property.name, into: &output)
        }
      } catch {
        throw .identifier
      }
      try checkIdentifier(identifier.bytes)
      var writer = ByteWriter(member.mutableSpan)
      do throws(CapacityError) {
        // Identifiers need no escapes.
        try writer.append(UInt8(ascii: "\""))
        try writer.append(identifier.bytes)
        try writer.append("\":")
        if !usesPlainValues || time != nil { try writer.append("{\"value\":") }
        try writer.append(object.extracting(property.value))
        if let time {
          try writer.append(",\"time\":")
          try writer.append(decimal: time)
        }
        if !usesPlainValues || time != nil { try writer.append(UInt8(ascii: "}")) }
      } catch {
        throw .capacity
      }
      let count = writer.count
      try add(written: member.span.extracting(0..<count))
    }
  }

  /// Where the next member's name and value are; `nil` after the last one.
  private static func next(
    _ reader: inout JSONReader
  ) throws(AlinkError) -> (name: Range<Int>, value: Range<Int>)? {
    do throws(JSONError) {
      guard case .key(let name)? = try reader.next() else { return nil }
      guard let token = try reader.next() else { throw .truncated }
      let start = reader.tokenOffset
      try reader.skip(token)
      return (name, start..<reader.position)
    } catch {
      throw .unreadable
    }
  }
}

extension AlinkRequest where Kind == DesiredDelete, Writer: ~Copyable & ~Escapable {
  /// Clears a desired value that was applied: that version alone, so that one which was set meanwhile stays.
  public mutating func add<Reader: PayloadReader & ~Escapable>(
    clearing value: DesiredValue<Reader>
  ) throws(AlinkError) {
    var identifier = FixedBytes<64>()
    do throws(CapacityError) {
      try identifier.write { (output: inout ByteWriter) throws(CapacityError) in
        try value.value.copy(value.identifier, into: &output)
      }
    } catch {
      throw .identifier
    }
    try add(identifier.bytes, version: value.version)
  }
}

extension AlinkRequest where Kind == DesiredGet, Writer: ~Copyable & ~Escapable {
  /// Asks for the desired values of all properties that the platform may set (`accessMode`).
  public mutating func add(settableOf model: ThingModelView) throws(AlinkError) {
    var position = 0
    while let identifier = model.settableProperty(after: &position) {
      try add(identifier.bytes)
    }
  }
}
