// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore

/// Identifies the device to the platform: product key, device name and client id, without the
/// secret.
public struct DeviceIdentity: Sendable, Equatable {
  /// The product's key, 1 to 64 letters and digits; the platform's have 11.
  public private(set) var productKey = FixedBytes<64>()

  /// The device's name, 4 to 32 characters allowed by its `DeviceNameRule`.
  public private(set) var deviceName = FixedBytes<32>()

  /// The client id, chosen by the client: 1 to 64 bytes (device guide 3.6).
  public private(set) var clientID = FixedBytes<64>()

  /// Checks the three names; `clientID` defaults to `productKey&deviceName`, as in the guide's
  /// examples.
  public init(
    productKey: Span<UInt8>,
    deviceName: Span<UInt8>,
    clientID: Span<UInt8>? = nil,
    deviceNames: DeviceNameRule = .current
  ) throws(IdentityError) {
    guard productKey.count > 0, Self.isName(productKey, with: "") else { throw .productKey }
    guard deviceName.count >= 4, deviceName.count <= 32 else {
      throw .deviceNameLength(deviceName.count)
    }
    guard Self.isName(deviceName, with: deviceNames.marks) else { throw .deviceNameCharacter }
    do throws(CapacityError) {
      try self.productKey.replace(with: productKey)
      try self.deviceName.replace(with: deviceName)
    } catch {
      throw .productKey
    }
    do throws(CapacityError) {
      try self.clientID.write { (writer: inout ByteWriter) throws(CapacityError) in
        if let clientID {
          try writer.append(clientID)
        } else {
          try writer.append(productKey)
          try writer.append(UInt8(ascii: "&"))
          try writer.append(deviceName)
        }
      }
    } catch {
      throw .clientIDLength(clientID?.count ?? productKey.count + 1 + deviceName.count)
    }
    guard !self.clientID.isEmpty else { throw .clientIDLength(0) }
    guard self.clientID.bytes.isUTF8 else { throw .clientIDCharacter }
    for index in self.clientID.bytes.indices {
      let byte = self.clientID.bytes[index]
      guard byte >= 0x20, byte != 0x7F else { throw .clientIDCharacter }
    }
  }

  /// Whether `bytes` consist of letters, digits and `marks` only.
  @inline(never)
  static func isName(_ bytes: Span<UInt8>, with marks: StaticString) -> Bool {
    for index in bytes.indices {
      switch bytes[index] {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        continue
      default: guard Span(marks).contains(bytes[index]) else { return false }
      }
    }
    return true
  }
}

/// The characters allowed in a device's name besides letters and digits; its length is always 4 to
/// 32.
public enum DeviceNameRule: Sendable {
  /// `_`, `@`, `.`, `-` and `:`, as on the platform's newer pages.
  ///
  /// The console creates such names; a device that rejected its own name could not connect.
  case current
  /// `_`, `@` and `.`, as in the device guide's description of code 6280 (6.3).
  case guide

  /// The characters as a literal.
  var marks: StaticString {
    switch self {
    case .current: "_@.:-"
    case .guide: "_@."
    }
  }
}

/// Why names do not form a device's identity.
public enum IdentityError: Error, Equatable, Sendable {
  /// Empty, longer than 64 bytes, or not only letters and digits.
  case productKey
  /// Not 4 to 32 bytes (device guide 6.2, error 6280).
  case deviceNameLength(Int)
  /// A character not allowed in a device name (device guide 6.2, error 6280).
  case deviceNameCharacter
  /// Not 1 to 64 bytes (device guide 3.6).
  case clientIDLength(Int)
  /// A control character, or bytes that are not UTF-8; neither can be part of a signed text.
  case clientIDCharacter
}

extension Span where Element == UInt8 {
  fileprivate func contains(_ byte: UInt8) -> Bool {
    for index in indices where self[index] == byte { return true }
    return false
  }
}
