// SPDX-License-Identifier: Apache-2.0
public import CoAPExchange
public import CoAPMessage
internal import DeviceClient
internal import PlatformCoAP
public import RadioModel
public import TrafficLedger

/// What a device reports, and how.
public struct ReportPlan: Equatable, Sendable {
  /// How reports are protected over CoAP.
  public enum Security: String, Sendable, CaseIterable {
    /// The platform's AES mode.
    case symmetric
    /// DTLS 1.2 with the platform's certificate.
    case certificate = "dtls"
    /// DTLS 1.2 with a key derived from the device's secret.
    case preSharedKey = "psk"
  }

  /// What carries reports.
  public enum Transport: String, Sendable, CaseIterable {
    /// CoAP, protected as `security` says.
    case coap
    /// MQTT over TLS, a connection for each report.
    case mqtt
    /// HTTPS, a connection for each report.
    case https

    /// The largest payload in bytes.
    public var maxPayload: Int {
      switch self {
      case .coap: PlatformRequest.maxPayload
      case .mqtt: MQTTClientSettings.maxPayload
      case .https: HTTPSClientSettings.maxPayload
      }
    }
  }

  /// The payload of a report, as it is sent.
  public var payload: [UInt8]
  /// What the payload is.
  public var format: ContentFormat
  /// The topic; `nil` for the property post of the thing model.
  public var topic: String?
  /// The product's key, of whose length every report has a copy.
  public var productKey = "a1B2c3D4e5F"
  /// The device's name.
  public var deviceName = "device1"
  /// What carries reports.
  public var transport = Transport.coap
  /// From one report to the next, in milliseconds.
  public var interval: Double
  /// The protection.
  public var security: Security
  /// When messages are sent again.
  public var timing: TransmissionParameters
  /// What the radio does.
  public var habits: RadioHabits
  /// What reports in this program's place: another program, a capture or a ledger; `nil` for the client itself.
  public var peer: String?

  /// A report of `payload` each `interval` milliseconds.
  public init(
    payload: [UInt8],
    format: ContentFormat = .json,
    interval: Double,
    security: Security,
    habits: RadioHabits
  ) {
    self.payload = payload
    self.format = format
    self.interval = interval
    self.security = security
    self.habits = habits
    timing = habits.coverage == 2 ? .nbIoTDeep : .nbIoT
  }

  /// The topic, or the one of the property post.
  var topicName: String {
    topic ?? "/sys/\(productKey)/\(deviceName)/thing/event/property/post"
  }
}

/// Why nothing can be estimated.
public enum EstimateError: Error, Equatable, Sendable {
  /// A name or the topic is none that the platform takes.
  case names
  /// The payload is longer than a report may be, in bytes.
  case payloadTooLong(Int)
  /// OpenSSL or the security layer failed.
  case library
}

/// What a run of a `ReportPlan` used.
public struct ReportEstimate: Sendable {
  /// The plan.
  public var plan: ReportPlan
  /// The radio's account.
  public var account = RadioAccount()
  /// Simulated time in milliseconds.
  public var duration: Double = 0
  /// Reports that the device was given.
  public var reports = 0
  /// Those that the platform acknowledged.
  public var acknowledged = 0
  /// Attempts that ended without an answer; the report was tried again at the next wake-up.
  public var unanswered = 0
  /// Reports that the platform refused, with the last code of its reply.
  public var refused = 0
  /// The code of the last refusal, `nil` where it had none.
  public var refusal: UInt32?
  /// Reports that never got through before the run ended.
  public var waiting = 0
  /// Transmissions of requests that were repetitions.
  public var retransmissions = 0
  /// Tokens issued.
  public var authentications = 0
  /// Handshakes, whole and resumed.
  public var handshakes = 0
  /// Handshakes that resumed a session.
  public var resumptions = 0
  /// Datagrams that the network lost, and those for a device that slept.
  public var lost = 0
  /// Datagrams for a device that slept.
  public var unreachable = 0
  /// The client's own ledger, without headers; empty over MQTT and HTTPS, and for a run that was scaled.
  public var ledger = TrafficLedger()
  /// How far the energy of a report in the dearest part of a run lies above that in the cheapest, as a part of their
  /// mean; `nil` where the run was made as a whole.
  public var spread: Double?
  /// Whether it is the replay of a capture or a ledger, which does not tell what the device knew: of all that ended
  /// only answers and tokens can be counted.
  public var isReplay = false
  /// What the radio did for one ordinary report, from its wake-up.
  public var event: [PowerSpan] = []

  /// Adds another run of the same plan.
  mutating func add(_ other: ReportEstimate) {
    account += other.account
    duration += other.duration
    reports += other.reports
    acknowledged += other.acknowledged
    unanswered += other.unanswered
    refused += other.refused
    waiting += other.waiting
    retransmissions += other.retransmissions
    authentications += other.authentications
    handshakes += other.handshakes
    resumptions += other.resumptions
    lost += other.lost
    unreachable += other.unreachable
  }

  /// Makes a run so many times as long; as many reports wait at its end as at the end of its parts.
  mutating func scale(by factor: Double) {
    func scaled(_ number: Int) -> Int { Int((Double(number) * factor).rounded()) }
    account.scale(by: factor)
    duration *= factor
    reports = scaled(reports)
    acknowledged = scaled(acknowledged)
    unanswered = scaled(unanswered)
    refused = scaled(refused)
    retransmissions = scaled(retransmissions)
    authentications = scaled(authentications)
    handshakes = scaled(handshakes)
    resumptions = scaled(resumptions)
    lost = scaled(lost)
    unreachable = scaled(unreachable)
    ledger = TrafficLedger()
  }

  /// A run that has not begun.
  init(plan: ReportPlan) { self.plan = plan }
}
