package import ConstrainedCore

// What is signed is name and value of each field in ASCII order of the names, without separators
// (device guide 3.2, 3.6, 3.8, 6.2 and 6.3).

extension ByteWriter {
  /// Appends a name and its value.
  @inline(never)  // A request has many.
  package mutating func append(
    _ name: StaticString,
    then value: Span<UInt8>
  ) throws(CapacityError) {
    try append(name)
    try append(value)
  }

  /// Appends `deviceName…productKey…`, which every signed text has.
  package mutating func appendNames(
    _ identity: borrowing @_addressable DeviceIdentity
  ) throws(CapacityError) {
    try append("deviceName", then: identity.deviceName.bytes)
    try append("productKey", then: identity.productKey.bytes)
  }

  /// Appends `clientId…`, which comes before the names.
  package mutating func appendClientID(
    _ identity: borrowing @_addressable DeviceIdentity
  ) throws(CapacityError) {
    try append("clientId", then: identity.clientID.bytes)
  }

  /// Appends `timestamp…`, which comes last.
  package mutating func appendTimestamp(_ timestamp: UInt64?) throws(CapacityError) {
    guard let timestamp else { return }
    try append("timestamp")
    try append(decimal: timestamp)
  }

  /// Appends `&name=` of a form, or `name=` for its first field.
  package mutating func appendField(
    _ name: StaticString,
    isFirst: Bool = false
  ) throws(CapacityError) {
    if !isFirst { try append(UInt8(ascii: "&")) }
    try append(name)
    try append(UInt8(ascii: "="))
  }

  /// Appends a value of a form as `application/x-www-form-urlencoded` writes it: all but letters,
  /// digits and `* - . _` in percent signs and digits (URL Standard, section 5.2).
  package mutating func append(form bytes: Span<UInt8>) throws(CapacityError) {
    for index in bytes.indices {
      switch bytes[index] {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "*"), UInt8(ascii: "-"),
        UInt8(ascii: "."), UInt8(ascii: "_"):
        try append(bytes[index])
      case 0x20: try append(UInt8(ascii: "+"))
      default:
        try append(UInt8(ascii: "%"))
        try append(hexadecimal: bytes.extracting(index..<index + 1), uppercase: true)
      }
    }
  }
}
