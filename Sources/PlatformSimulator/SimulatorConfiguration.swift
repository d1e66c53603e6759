public import ConstrainedCore
public import PlatformCore

/// How the simulated platform behaves, and how it speaks CoAP; the defaults are as strict as the device guide.
///
/// Settings of the platform itself are those of `platform`, and can be named without it: `devices` is
/// `platform.devices`.
@dynamicMemberLookup
public struct SimulatorConfiguration: Sendable {
  /// How requests are answered when `/auth` did not ask for one of the two.
  public enum AnswerMode: String, Sendable, CaseIterable {
    /// Acknowledgement and answer in one message.
    case piggybacked
    /// An empty acknowledgement first, the answer in a confirmable message of its own.
    case separate
  }

  /// How messages are protected.
  public enum Protection: String, Sendable {
    /// Payloads and sequence numbers are encrypted (port 5682).
    case symmetric
    /// The messages lie in DTLS records (port 5684), and are plain.
    case dtls
  }

  /// What holds whatever protocol devices come in by.
  public var platform = PlatformConfiguration()

  /// What only the cloud could tell.
  public var assumptions = SimulatorAssumptions()

  /// How messages are protected.
  public var protection = Protection.symmetric

  /// How requests are answered by default.
  public var answerMode = AnswerMode.piggybacked

  /// The number of the option that carries the token: 2088, or 61 for the platform's older SDKs.
  public var tokenOption: UInt16 = 2088

  /// How long a request is remembered to know its duplicates by: EXCHANGE_LIFETIME, 247 seconds with
  /// the standard parameters (RFC 7252 Section 4.8.2).
  public var exchangeLifetime = Milliseconds(247_000)

  /// The platform's end of the DTLS associations; `protection` must be `dtls`.
  public var dtls = SimulatedDTLS()

  /// The strict platform, with no device.
  public init() {}

  /// A setting of `platform`.
  public subscript<Value>(
    dynamicMember path: WritableKeyPath<PlatformConfiguration, Value>
  ) -> Value {
    get { platform[keyPath: path] }
    set { platform[keyPath: path] = newValue }
  }
}
