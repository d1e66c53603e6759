// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import Platform

extension StaticString {
  /// The bytes of a literal.
  var bytes: Span<UInt8> {
    @_lifetime(immortal)
    get {
      // SAFETY: a StaticString's bytes live as long as the program.
      let bytes = unsafe Span(_unsafeStart: utf8Start, count: utf8CodeUnitCount)
      return unsafe _overrideLifetime(bytes, copying: ())
    }
  }
}

/// Checks an identifier, which is part of topics and methods, between slashes and dots.
func checkIdentifier(_ identifier: Span<UInt8>) throws(AlinkError) {
  guard identifier.count >= 1, identifier.count <= 64 else { throw .identifier }
  for index in identifier.indices {
    switch identifier[index] {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"),
      UInt8(ascii: ":"):
      break
    default: throw .identifier
    }
  }
}

/// Checks names as for the device itself (device guide 6.3, code 6280).
func checkNames(
  _ productKey: Span<UInt8>,
  _ deviceName: Span<UInt8>,
  _ rule: DeviceNameRule
) throws(AlinkError) {
  do throws(IdentityError) {
    // Do not use the two names' default client id: it may exceed the limit for devices that
    // connect.
    _ = try DeviceIdentity(
      productKey: productKey,
      deviceName: deviceName,
      clientID: deviceName,
      deviceNames: rule
    )
  } catch {
    switch error {
    case .productKey: throw .productKey
    default: throw .deviceName
    }
  }
}
