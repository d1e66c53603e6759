// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
public import PayloadCoding

/// The request `thing.event.property.pack.post` (device guide 6.5): each product's model checks its
/// devices' parts.
extension ThingModelView {
  /// Checks the gateway's own part; sub-devices are skipped.
  ///
  /// `reader` must be before a whole payload.
  public func check<Reader: PayloadReader & ~Escapable>(
    packPost reader: inout Reader
  ) throws(ThingModelError) {
    try enter(&reader, "params")
    try check(part: &reader)
    try leave(&reader, "params")
  }

  /// Checks the parts of sub-devices of one product, whose model this is; the gateway and other
  /// products' sub-devices are skipped.
  ///
  /// `reader` must be before a whole payload; a message with sub-devices of several products takes
  /// one call for each.
  public func check<Reader: PayloadReader & ~Escapable>(
    packPost reader: inout Reader,
    ofSubDevicesOf productKey: Span<UInt8>
  ) throws(ThingModelError) {
    try enter(&reader, "params")
    guard try next(&reader) == .beginObject else { throw .notARequest(offset: reader.tokenOffset) }
    while case .key(let key) = try next(&reader) {
      guard reader.text(key, equals: "subDevices") else {
        try skipValue(&reader)
        continue
      }
      guard try next(&reader) == .beginArray else { throw .notARequest(offset: reader.tokenOffset) }
      while true {
        let start = reader
        if try next(&reader) == .endArray { break }
        reader = start
        if try isPart(start, of: productKey) {
          try check(part: &reader)
        } else {
          try skipValue(&reader)
        }
      }
    }
    try leave(&reader, "params")
  }

  /// Checks the properties and events of the next object.
  private func check<Reader: PayloadReader & ~Escapable>(
    part reader: inout Reader
  ) throws(ThingModelError) {
    guard try next(&reader) == .beginObject else { throw .notARequest(offset: reader.tokenOffset) }
    while case .key(let key) = try next(&reader) {
      if reader.text(key, equals: "properties") {
        try check(properties: &reader, isPost: true)
      } else if reader.text(key, equals: "events") {
        try check(events: &reader)
      } else {
        try skipValue(&reader)
      }
    }
  }

  private func check<Reader: PayloadReader & ~Escapable>(
    events reader: inout Reader
  ) throws(ThingModelError) {
    guard try next(&reader) == .beginObject else { throw .notARequest(offset: reader.tokenOffset) }
    while case .key(let key) = try next(&reader) {
      let place = reader.tokenOffset
      guard let name = Self.name(key, in: reader),
        root.member("events")?.item(identifier: name.bytes) != nil
      else { throw .unknownIdentifier(offset: place) }
      try check(event: name.bytes, params: &reader)
    }
  }

  /// Whether the next object has an `identity` of that product.
  private func isPart<Reader: PayloadReader & ~Escapable>(
    _ start: Reader,
    of productKey: Span<UInt8>
  ) throws(ThingModelError) -> Bool {
    var reader = start
    guard try next(&reader) == .beginObject else { throw .notARequest(offset: reader.tokenOffset) }
    while case .key(let key) = try next(&reader) {
      guard reader.text(key, equals: "identity") else {
        try skipValue(&reader)
        continue
      }
      guard try next(&reader) == .beginObject else {
        throw .notARequest(offset: reader.tokenOffset)
      }
      while case .key(let name) = try next(&reader) {
        let isKey = reader.text(name, equals: "productKey")
        let token = try next(&reader)
        guard isKey else {
          do throws(Reader.Failure) { try reader.skip(token) } catch { throw .unreadablePayload }
          continue
        }
        guard case .text(let text) = token, let found = Self.name(text, in: reader) else {
          return false
        }
        return found.bytes.isEqual(to: productKey)
      }
      return false
    }
    return false
  }
}
