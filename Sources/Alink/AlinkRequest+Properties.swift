// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
internal import PayloadCoding

/// The maximum number of properties in a post (device guide 6.5), and in a request for desired
/// values, for which the guide gives no number.
let maxProperties = 200

extension AlinkRequest where Kind == PropertyPost, Writer: ~Copyable & ~Escapable {
  /// Adds a property; `value` writes its value.
  ///
  /// `time` is the time of the measurement, in milliseconds since 1970. Without it the platform
  /// uses the time of arrival, and the message is shorter; `usesPlainValues` shortens it further.
  public mutating func add(
    _ identifier: Span<UInt8>,
    time: UInt64? = nil,
    _ value: (inout Writer) throws(CapacityError) -> Void
  ) throws(AlinkError) {
    try checkIdentifier(identifier)
    guard count < maxProperties else { throw .tooManyProperties }
    count += 1
    do throws(CapacityError) {
      try writer.property(identifier, time: time, isPlain: usesPlainValues, value)
    } catch {
      throw fail()
    }
  }

  /// Adds a property whose identifier is a literal.
  public mutating func add(
    _ identifier: StaticString,
    time: UInt64? = nil,
    _ value: (inout Writer) throws(CapacityError) -> Void
  ) throws(AlinkError) {
    try add(identifier.bytes, time: time, value)
  }

  /// Adds all properties of a batch.
  public mutating func add(_ batch: borrowing PropertyBatch<Writer>) throws(AlinkError) {
    guard count + batch.count <= maxProperties else { throw .tooManyProperties }
    do throws(CapacityError) {
      for index in 0..<batch.count { try writer.member(batch.member(index)) }
    } catch {
      throw fail()
    }
    count += batch.count
  }

  /// Adds a property written by a writer of the same format.
  mutating func add(written member: Span<UInt8>) throws(AlinkError) {
    guard count < maxProperties else { throw .tooManyProperties }
    count += 1
    do throws(CapacityError) { try writer.member(member) } catch { throw fail() }
  }
}

extension AlinkRequest where Kind == EventPost, Writer: ~Copyable & ~Escapable {
  /// Sets the event; `value` writes its members, keys and values alternating.
  ///
  /// `time` is the time of the event, in milliseconds since 1970.
  public mutating func event(
    _ identifier: Span<UInt8>,
    time: UInt64? = nil,
    _ value: (inout Writer) throws(CapacityError) -> Void
  ) throws(AlinkError) {
    try checkIdentifier(identifier)
    // It would have the topic of the properties.
    guard !identifier.isEqual(to: "property") else { throw .identifier }
    guard count == 0 else { throw .secondEvent }
    count = 1
    do throws(CapacityError) {
      try event.replace(with: identifier)
      try writer.eventMembers(time: time, value)
    } catch {
      throw fail()
    }
  }

  /// As above, with a literal as identifier.
  public mutating func event(
    _ identifier: StaticString,
    time: UInt64? = nil,
    _ value: (inout Writer) throws(CapacityError) -> Void
  ) throws(AlinkError) {
    try event(identifier.bytes, time: time, value)
  }
}

extension AlinkRequest where Kind == DesiredGet, Writer: ~Copyable & ~Escapable {
  /// Adds a property whose desired value is requested.
  public mutating func add(_ identifier: Span<UInt8>) throws(AlinkError) {
    try checkIdentifier(identifier)
    guard count < maxProperties else { throw .tooManyProperties }
    count += 1
    do throws(CapacityError) { try writer.string(identifier) } catch { throw fail() }
  }

  /// As above, with a literal as identifier.
  public mutating func add(_ identifier: StaticString) throws(AlinkError) {
    try add(identifier.bytes)
  }
}

extension AlinkRequest where Kind == DesiredDelete, Writer: ~Copyable & ~Escapable {
  /// Clears a property's desired value: only that of `version`, or without it the current one.
  public mutating func add(
    _ identifier: Span<UInt8>,
    version: UInt64? = nil
  ) throws(AlinkError) {
    try checkIdentifier(identifier)
    guard count < maxProperties else { throw .tooManyProperties }
    count += 1
    do throws(CapacityError) {
      try writer.key(identifier)
      try writer.beginObject()
      if let version {
        try writer.key("version")
        try writer.unsigned(version)
      }
      try writer.endObject()
    } catch {
      throw fail()
    }
  }

  /// As above, with a literal as identifier.
  public mutating func add(
    _ identifier: StaticString,
    version: UInt64? = nil
  ) throws(AlinkError) {
    try add(identifier.bytes, version: version)
  }
}

extension PayloadWriter where Self: ~Copyable & ~Escapable {
  /// Writes a property's name, and its value with the time, if there is one.
  mutating func property(
    _ identifier: Span<UInt8>,
    time: UInt64?,
    isPlain: Bool = false,
    _ value: (inout Self) throws(CapacityError) -> Void
  ) throws(CapacityError) {
    try key(identifier)
    if isPlain, time == nil { return try value(&self) }
    try beginObject()
    try key("value")
    try value(&self)
    if let time {
      try key("time")
      try unsigned(time)
    }
    try endObject()
  }

  /// Writes the members `value` and `time` of an event.
  mutating func eventMembers(
    time: UInt64?,
    _ value: (inout Self) throws(CapacityError) -> Void
  ) throws(CapacityError) {
    try key("value")
    try beginObject()
    try value(&self)
    try endObject()
    guard let time else { return }
    try key("time")
    try unsigned(time)
  }
}
