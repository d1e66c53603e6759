// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import Platform

/// The fields of an MQTT CONNECT that requests a device secret (the second document's section on
/// dynamic registration; protocol facts 1.6).
///
/// The user name is that of `MQTTConnectRequest`, the password the HMAC of
/// `RegistrationRequest.writeSigningContent`, keyed with the product secret. The platform then
/// publishes the secret to `/ext/register`. It accepts this over TLS only.
public struct MQTTRegistrationRequest: Sendable {
  /// Whether the platform already knows the device.
  public enum Kind: Sendable {
    /// Its name is in the console; the answer contains a device secret.
    case preregistered
    /// Its name is not in the console; the answer contains a device token and a client id.
    case unregistered
  }

  /// Whether the platform already knows the device.
  public var kind: Kind

  /// Names, random text and sign method.
  public var registration: RegistrationRequest

  /// Creates a request of that kind.
  public init(_ registration: RegistrationRequest, kind: Kind = .preregistered) {
    self.registration = registration
    self.kind = kind
  }

  /// Appends `clientId|securemode=…,authType=…,random=…,signmethod=…,instanceId=…|`.
  ///
  /// An empty `instanceID` is left out: the public instance of old accounts has none. Unverified:
  /// whether the platform accepts that. The caller chooses `clientID`, 1 to 64 bytes without `|`.
  public func writeClientID(
    _ clientID: Span<UInt8>,
    instanceID: Span<UInt8>,
    into output: inout ByteWriter
  ) throws(CapacityError) {
    try output.append(clientID)
    switch kind {
    case .preregistered: try output.append("|securemode=2,authType=register,random=")
    case .unregistered: try output.append("|securemode=-2,authType=regnwl,random=")
    }
    try output.append(registration.random.bytes)
    try output.append(",signmethod=")
    try output.append(registration.signMethod.wireName)
    if !instanceID.isEmpty {
      try output.append(",instanceId=")
      try output.append(instanceID)
    }
    try output.append("|")
  }
}
