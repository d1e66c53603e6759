// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import PayloadCoding

/// Reads `params` of the platform's request `thing.service.property.get`: a list of the identifiers
/// of the requested properties (the TSL of device guide 6.5 and 6.7).
///
/// The device has to refuse unknown identifiers with 460; `ThingModelView.check(propertyGet:)`
/// finds them.
public struct PropertyNames<Reader: PayloadReader & ~Escapable>: ~Escapable {
  private var reader: Reader
  private var hasBegun = false
  private var isOver = false

  /// Reads `params` of the message.
  @_lifetime(copy list)
  public init(_ list: Reader) {
    reader = list
  }

  /// The next identifier, 1 to 64 bytes; `nil` after the last.
  public mutating func next() throws(AlinkMessageError) -> FixedBytes<64>? {
    if !hasBegun {
      guard try reader.next() == .beginArray else { throw .member(.parameters) }
      hasBegun = true
    }
    guard !isOver, let token = try reader.next(), token != .endArray else {
      isOver = true
      return nil
    }
    let name: FixedBytes<64> = try reader.fixed(token, .identifier)
    guard !name.isEmpty else { throw .member(.identifier) }
    return name
  }
}
