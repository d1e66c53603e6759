public import AliyunIoT
internal import ConstrainedCore
internal import PayloadCoding

extension AlinkRequest where Kind == TopologyAdd, Writer: ~Copyable & ~Escapable {
  /// Adds a sub-device with its proof.
  ///
  /// `signature` is the HMAC, keyed with the sub-device's secret, of what `writeSigningContent` writes for
  /// the same values.
  public mutating func add(
    productKey: Span<UInt8>,
    deviceName: Span<UInt8>,
    clientID: Span<UInt8>,
    timestamp: UInt64,
    signMethod: SignMethod,
    signature: Span<UInt8>
  ) throws(AlinkError) {
    try checkNames(productKey, deviceName)
    count += 1
    do throws(CapacityError) {
      try writer.beginObject()
      try writer.key("deviceName")
      try writer.string(deviceName)
      try writer.key("productKey")
      try writer.string(productKey)
      try writer.key("sign")
      try writer.hexadecimalString(signature)
      try writer.key("signmethod")
      switch signMethod {
      case .hmacMD5: try writer.string("hmacMd5")
      case .hmacSHA1: try writer.string("hmacSha1")
      case .hmacSHA256: try writer.string("hmacSha256")
      }
      try writer.key("timestamp")
      var digits = FixedBytes<20>()
      try digits.write { (writer: inout ByteWriter) throws(CapacityError) in
        try writer.append(decimal: timestamp)
      }
      try writer.string(digits.bytes)
      try writer.key("clientId")
      try writer.string(clientID)
      try writer.endObject()
    } catch {
      throw .capacity
    }
  }
}

extension AlinkRequest where Kind == TopologyDelete, Writer: ~Copyable & ~Escapable {
  /// Adds a sub-device.
  public mutating func add(
    productKey: Span<UInt8>,
    deviceName: Span<UInt8>
  ) throws(AlinkError) {
    try addDevice(productKey, deviceName)
  }
}

extension AlinkRequest where Kind == DeviceFound, Writer: ~Copyable & ~Escapable {
  /// Adds a device.
  public mutating func add(
    productKey: Span<UInt8>,
    deviceName: Span<UInt8>
  ) throws(AlinkError) {
    try addDevice(productKey, deviceName)
  }
}

extension AlinkRequest where Kind == SubDeviceRegister, Writer: ~Copyable & ~Escapable {
  /// Adds a sub-device.
  public mutating func add(
    productKey: Span<UInt8>,
    deviceName: Span<UInt8>
  ) throws(AlinkError) {
    try addDevice(productKey, deviceName)
  }
}

extension AlinkRequest where Writer: ~Copyable & ~Escapable {
  private mutating func addDevice(
    _ productKey: Span<UInt8>,
    _ deviceName: Span<UInt8>
  ) throws(AlinkError) {
    try checkNames(productKey, deviceName)
    count += 1
    do throws(CapacityError) {
      try writer.beginObject()
      try writer.names(productKey, deviceName)
      try writer.endObject()
    } catch {
      throw .capacity
    }
  }
}

extension PayloadWriter where Self: ~Copyable & ~Escapable {
  /// Writes the members that name a device.
  mutating func names(
    _ productKey: Span<UInt8>,
    _ deviceName: Span<UInt8>
  ) throws(CapacityError) {
    try key("deviceName")
    try string(deviceName)
    try key("productKey")
    try string(productKey)
  }

  /// Writes up to 32 bytes in upper-case hexadecimal digits.
  fileprivate mutating func hexadecimalString(_ bytes: Span<UInt8>) throws(CapacityError) {
    var digits = FixedBytes<64>()
    try digits.write { (writer: inout ByteWriter) throws(CapacityError) in
      for index in bytes.indices {
        try writer.append(hexadecimalDigit(bytes[index] &>> 4))
        try writer.append(hexadecimalDigit(bytes[index] & 0x0F))
      }
    }
    try string(digits.bytes)
  }
}

private func hexadecimalDigit(_ value: UInt8) -> UInt8 {
  value < 10 ? 0x30 + value : 0x41 + value - 10
}
