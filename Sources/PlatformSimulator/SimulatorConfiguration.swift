// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import PlatformCore

/// The behaviour of the simulated platform over CoAP; the defaults are as strict as the device
/// guide.
///
/// The settings of `platform` can be used without naming it: `devices` is `platform.devices`.
@dynamicMemberLookup
public struct SimulatorConfiguration: Sendable {
  /// The form of responses if `/auth` did not choose one.
  public enum AnswerMode: String, Sendable, CaseIterable {
    /// A piggybacked response.
    case piggybacked
    /// An empty acknowledgement, then a separate confirmable response.
    case separate
  }

  /// The protection of messages.
  public enum Protection: String, Sendable {
    /// Payloads and sequence numbers are encrypted (port 5682).
    case symmetric
    /// The messages are plaintext in DTLS records (port 5684).
    case dtls
  }

  /// The settings that apply to all protocols.
  public var platform = PlatformConfiguration()

  /// The assumptions where only the cloud could show the real behaviour.
  public var assumptions = SimulatorAssumptions()

  /// The protection of messages.
  public var protection = Protection.symmetric

  /// The default form of responses.
  public var answerMode = AnswerMode.piggybacked

  /// The number of the option that carries the token: 2088, or 61 for the platform's older SDKs.
  public var tokenOption: UInt16 = 2088

  /// How long a request is kept for duplicate detection: EXCHANGE_LIFETIME, 247 seconds with the
  /// default parameters (RFC 7252 Section 4.8.2).
  public var exchangeLifetime = Milliseconds(247_000)

  /// The configuration of DTLS, used if `protection` is `dtls`.
  public var dtls = SimulatedDTLS()

  /// The coverage class, 0 to 2, of the radios between devices and platform; `nil` for none.
  public var coverage: Int?

  /// How many requests are kept for duplicate detection.
  package var requestLimit = 10_000

  /// How many DTLS associations there may be; `nil` for 1,000.
  package var associationLimit: Int?

  /// The strict platform without devices.
  public init() {}

  /// A setting of `platform`.
  public subscript<Value>(
    dynamicMember path: WritableKeyPath<PlatformConfiguration, Value>
  ) -> Value {
    get { platform[keyPath: path] }
    set { platform[keyPath: path] = newValue }
  }
}
