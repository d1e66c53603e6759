// SPDX-License-Identifier: Apache-2.0
internal import CoAPLink
internal import CoAPMessage
internal import ConstrainedCore
internal import DTLSSecurity
internal import DeviceDriver
internal import OpenSSLSupport
internal import Platform
internal import PlatformCoAP
public import RadioModel
internal import SecurityLayer
internal import SymmetricSecurity

/// Runs the real client against the simulated platform over a radio model, and says what it used.
///
/// Nothing computes a byte: datagrams are those that the client and the platform write. One seed gives one result.
public struct ReportEstimator: Sendable {
  let model: RadioModel
  private let certificate: IssuedCertificate
  let seed: UInt64
  /// Called after each report that was simulated over CoAP, on the thread that simulates it.
  public var reportEnded: (@Sendable () -> Void)?

  /// The names in the server's certificate.
  private static let serverName = "cn-shanghai.iot-as-coap.aliyuncs.com"
  /// 32 characters, as the platform's secrets have.
  private static let secret = Array("0123456789abcdef0123456789abcdef".utf8)

  /// An estimator over `model`; makes a certificate for DTLS.
  public init(_ model: RadioModel, seed: UInt64 = 1) throws(EstimateError) {
    self.model = model
    self.seed = seed
    do throws(OpenSSLError) {
      certificate = try IssuedCertificate(names: [Self.serverName])
    } catch {
      throw .library
    }
  }

  /// Runs a plan for `duration` milliseconds of simulated time, at least for one report.
  public func run(_ plan: ReportPlan, for duration: Double) throws(EstimateError) -> ReportEstimate
  {
    guard plan.payload.count <= plan.transport.maxPayload else {
      throw .payloadTooLong(plan.payload.count)
    }
    precondition(plan.transport == .coap, "MQTT and HTTPS need a rehearsal")
    let identity: DeviceIdentity
    do throws(IdentityError) {
      identity = try DeviceIdentity(
        productKey: Array(plan.productKey.utf8).span,
        deviceName: Array(plan.deviceName.utf8).span
      )
    } catch {
      throw .names
    }
    switch plan.security {
    case .symmetric:
      return try simulate(plan, identity, SymmetricSecurity(), duration)
    case .certificate:
      let authorities = certificate.authority
      let security: DTLSSecurity
      do throws(DTLSConfigurationError) {
        security = try DTLSSecurity(
          serverName: Array(Self.serverName.utf8).span,
          authorities: authorities.span,
          settings: settings(plan)
        )
      } catch {
        throw .library
      }
      return try simulate(plan, identity, security, duration)
    case .preSharedKey:
      let security: DTLSSecurity
      do throws(DTLSConfigurationError) {
        security = try DTLSSecurity(identity, secret: Self.secret.span, settings: settings(plan))
      } catch {
        throw .library
      }
      return try simulate(plan, identity, security, duration)
    }
  }

  /// The same for a plan over MQTT or HTTPS, of which a rehearsal has counted bytes and segments.
  public func run(
    _ plan: ReportPlan,
    as rehearsal: StreamRehearsal,
    for duration: Double
  ) -> ReportEstimate {
    var simulation = StreamSimulation(plan, model, rehearsal, seed: seed &+ 3)
    return simulation.run(for: duration)
  }

  /// Runs only `sample` milliseconds, in three parts whose chances differ, and scales the sum to `duration`: one day
  /// is like another, but for the first token of each part.
  public func run(
    _ plan: ReportPlan,
    as rehearsal: StreamRehearsal? = nil,
    peer: PeerTraffic? = nil,
    for duration: Double,
    sample: Double
  ) throws(EstimateError) -> ReportEstimate {
    var sum: ReportEstimate?
    var energies: [Double] = []
    for part in 0..<3 {
      let estimator = ReportEstimator(self, seed: seed &+ UInt64(part) &* 1_000)
      let result =
        if let peer {
          estimator.run(peer, plan, for: sample / 3)
        } else if let rehearsal {
          estimator.run(plan, as: rehearsal, for: sample / 3)
        } else {
          try estimator.run(plan, for: sample / 3)
        }
      energies.append(result.energyPerReport)
      if sum == nil { sum = result } else { sum?.add(result) }
    }
    guard var sum else { preconditionFailure("there are three parts") }
    sum.scale(by: duration / sum.duration)
    let mean = energies.reduce(0, +) / 3
    sum.spread = mean > 0 ? ((energies.max() ?? 0) - (energies.min() ?? 0)) / mean : 0
    return sum
  }

  private init(_ other: ReportEstimator, seed: UInt64) {
    model = other.model
    certificate = other.certificate
    self.seed = seed
    reportEnded = other.reportEnded
  }

  private func settings(_ plan: ReportPlan) -> DTLSSettings {
    var settings = DTLSSettings()
    settings.timing = plan.timing
    settings.clock = .virtual
    return settings
  }

  private func simulate<Security: SecurityLayer & ~Copyable>(
    _ plan: ReportPlan,
    _ identity: DeviceIdentity,
    _ security: consuming Security,
    _ duration: Double
  ) throws(EstimateError) -> ReportEstimate {
    let topic: Topic
    do throws(TopicError) {
      topic = try Topic(Array(plan.topicName.utf8).span)
    } catch {
      throw .names
    }
    guard let secret = SecretBytes(copying: Self.secret.span) else { throw .library }
    var settings = DeviceSettings()
    settings.timing = plan.timing
    let session = CoAPLink(
      identity: identity,
      secret: secret,
      settings: settings,
      security: security,
      randomness: SplitMix(seed: seed)
    )
    let simulation = ReportSimulation(
      plan,
      model,
      session: session,
      platform: try SimulatedEnd(
        plan,
        secret: Self.secret,
        certificate: certificate,
        seed: seed &+ 1
      ),
      topic: topic,
      seed: seed &+ 2
    )
    return simulation.run(for: duration, reportEnded)
  }
}
