/// Why the platform refuses a request.
package struct Refusal: Error {
  /// What is wrong, for a front to say in its protocol's codes.
  package enum Reason: Sendable {
    // Who the device is.
    /// The credentials lack something or have it in a wrong form.
    case malformed
    /// A field that the device guide does not know.
    case unknownMember
    /// No such device, or one whose name breaks the rule.
    case unknownDevice
    /// The sign does not fit the device's secret.
    case badSign
    /// The console has disabled the device.
    case disabledDevice
    /// The device cannot register itself: it is active, or not in the register.
    case registrationRefused
    /// A registration's sign does not fit the product's secret.
    case registrationBadSign
    /// The token is unknown, expired or taken back.
    case unknownToken

    // What it may do.
    /// The topic is another device's.
    case foreignTopic
    /// There is no such topic.
    case unknownTopic
    /// Devices may only subscribe to the topic.
    case subscribeOnlyTopic
    /// The topic has over 128 bytes.
    case longTopic

    // What it sends.
    /// The payload is over the limit.
    case longPayload
    /// The payload is no value of its format.
    case brokenPayload
    /// The number is too low, or was used before.
    case usedSequence
  }

  package let reason: Reason
  /// For the log.
  package let note: String
  /// Whether the note names the setting with which the request would be taken.
  package let namesSetting: Bool

  package init(_ reason: Reason, _ note: String, namesSetting: Bool = false) {
    self.reason = reason
    self.note = note
    self.namesSetting = namesSetting
  }
}
