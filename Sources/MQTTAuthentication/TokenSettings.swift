// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import Platform

/// How a device authenticates over HTTPS before it connects (device guide 3.2).
public struct TokenSettings: Sendable {
  /// What the request is signed with.
  public var signMethod = SignMethod.hmacSHA256
  /// Milliseconds since 1970, sent and signed only if set; the platform does not check it.
  public var timestamp: UInt64?
  /// How long the request may take, with the connection made for it.
  public var answerTimeout = Milliseconds(20_000)
  /// How long a token is used; the platform takes it for 7 days.
  public var tokenLifetime = Milliseconds(7 * 86_400_000 - 600_000)
  /// Whether the device connects to the address in the answer, if there is one, instead of its own (device guide 3.2,
  /// step 2b).
  public var takesAddress = true
  /// How many bytes of messages wait for a connection.
  public var heldBytes = 65_536

  /// The settings that fit most devices.
  public init() {}
}
