// SPDX-License-Identifier: Apache-2.0
package import ConstrainedCore

// A signature covers the name and value of each field, in ASCII order of the names, without
// separators (device guide 3.2, 3.6, 3.8, 6.2 and 6.3).

extension ByteWriter {
  /// Appends a name and its value.
  @inline(never)  // A request makes many calls.
  package mutating func append(
    _ name: StaticString,
    then value: Span<UInt8>
  ) throws(CapacityError) {
    try append(name)
    try append(value)
  }

  /// Appends `deviceName…productKey…`, which is part of every signed text.
  package mutating func appendNames(
    _ identity: borrowing @_addressable DeviceIdentity
  ) throws(CapacityError) {
    try append("deviceName", then: identity.deviceName.bytes)
    try append("productKey", then: identity.productKey.bytes)
  }

  /// Appends `clientId…`, which precedes the names.
  package mutating func appendClientID(
    _ identity: borrowing @_addressable DeviceIdentity
  ) throws(CapacityError) {
    try append("clientId", then: identity.clientID.bytes)
  }

  /// Appends `timestamp…`, which follows everything else.
  package mutating func appendTimestamp(_ timestamp: UInt64?) throws(CapacityError) {
    guard let timestamp else { return }
    try append("timestamp")
    try append(decimal: timestamp)
  }

  /// Appends `&name=` to a form, or `name=` for its first field.
  package mutating func appendField(
    _ name: StaticString,
    isFirst: Bool = false
  ) throws(CapacityError) {
    if !isFirst { try append(UInt8(ascii: "&")) }
    try append(name)
    try append(UInt8(ascii: "="))
  }

  /// Appends a form value in `application/x-www-form-urlencoded`: all bytes except letters, digits
  /// and `* - . _` are percent-encoded (URL Standard, section 5.2).
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
