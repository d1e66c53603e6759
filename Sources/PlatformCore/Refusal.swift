// SPDX-License-Identifier: Apache-2.0
/// Why the platform refuses a request.
package struct Refusal: Error {
  /// The reason, which a front translates into its protocol's codes.
  package enum Reason: Sendable {
    // The device's identity.
    /// The credentials are incomplete or malformed.
    case malformed
    /// A field that is not in the device guide.
    case unknownMember
    /// The device does not exist, or its name breaks the rule.
    case unknownDevice
    /// The signature does not match the device's secret.
    case badSign
    /// The console has disabled the device.
    case disabledDevice
    /// The device cannot register: it is already active, or not in the register.
    case registrationRefused
    /// A registration's signature does not match the product's secret.
    case registrationBadSign
    /// The token is unknown, expired or revoked.
    case unknownToken

    // The device's rights.
    /// The topic belongs to another device.
    case foreignTopic
    /// The topic does not exist.
    case unknownTopic
    /// Devices may only subscribe to the topic.
    case subscribeOnlyTopic
    /// The topic has more than 128 bytes.
    case longTopic

    // The request's content.
    /// The payload exceeds the limit.
    case longPayload
    /// The payload does not match its format.
    case brokenPayload
    /// The number is too low, or was used before.
    case usedSequence
  }

  package let reason: Reason
  /// A sentence for the log.
  package let note: String
  /// Whether the note names the setting that would accept the request.
  package let namesSetting: Bool

  package init(_ reason: Reason, _ note: String, namesSetting: Bool = false) {
    self.reason = reason
    self.note = note
    self.namesSetting = namesSetting
  }
}
