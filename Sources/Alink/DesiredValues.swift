// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
public import PayloadCoding

/// Reads the answer to `DesiredGet` (device guide 6.6): the desired values that are set, one at a
/// time.
public struct DesiredValues<Reader: PayloadReader & ~Escapable>: ~Escapable {
  private var reader: Reader
  private var hasBegun = false
  private var isOver = false

  /// Reads `data` of the reply; `null` has no values.
  @_lifetime(copy data)
  public init(_ data: Reader) {
    reader = data
  }

  /// The next value; `nil` after the last.
  @_lifetime(copy self)
  public mutating func next() throws(AlinkMessageError) -> DesiredValue<Reader>? {
    if !hasBegun {
      hasBegun = true
      switch try reader.next() {
      case .beginObject: break
      case .null: isOver = true
      default: throw .notAnObject
      }
    }
    guard !isOver, case .key(let identifier)? = try reader.next() else {
      isOver = true
      return nil
    }
    guard try reader.next() == .beginObject else { throw .member(.value) }
    var version: UInt64?
    var value: Reader? = nil
    var range = 0..<0
    while case .key(let name)? = try reader.next() {
      let before = reader
      guard let token = try reader.next() else { throw .malformed }
      if reader.text(name, equals: "version") {
        guard version == nil else { throw .repeated(.version) }
        version = try reader.number(token, .version)
      } else {
        let isValue = reader.text(name, equals: "value")
        try reader.pass(token)
        guard isValue else { continue }
        guard value == nil else { throw .repeated(.value) }
        value = before
        range = before.position..<reader.position
      }
    }
    guard let value else { throw .member(.value) }
    return DesiredValue(identifier: identifier, version: version, value: value, range: range)
  }
}

/// The desired value of a property.
public struct DesiredValue<Reader: PayloadReader & ~Escapable>: ~Escapable {
  /// The property's identifier.
  public let identifier: PayloadText
  /// The version of the value, for use in `DesiredDelete`; 1 for the first.
  public let version: UInt64?
  /// A reader for the value.
  public let value: Reader
  /// The range of the value in the message.
  public let range: Range<Int>

  @_lifetime(copy value)
  init(identifier: PayloadText, version: UInt64?, value: Reader, range: Range<Int>) {
    self.range = range
    self.identifier = identifier
    self.version = version
    self.value = value
  }
}
