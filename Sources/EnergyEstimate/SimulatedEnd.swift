// SPDX-License-Identifier: Apache-2.0
internal import CoAPExchange
internal import ConstrainedCore
internal import OpenSSLSupport
internal import PlatformCore
internal import PlatformSimulator
internal import RadioModel

/// The platform's end of a virtual radio, with or without DTLS.
struct SimulatedEnd {
  // One of the two.
  private var plain: SimulatedPlatform<Int>?
  private var secure: SecurePlatform<Int>?

  init(
    _ plan: ReportPlan,
    secret: [UInt8],
    certificate: IssuedCertificate,
    seed: UInt64
  ) throws(EstimateError) {
    var configuration = SimulatorConfiguration()
    configuration.takesAnyTopic = true
    configuration.exchangeLifetime = plan.timing.exchangeLifetime
    configuration.devices = [
      SimulatedDevice(productKey: plan.productKey, deviceName: plan.deviceName, secret: secret)
    ]
    let random = SplitMix(seed: seed)
    guard plan.security != .symmetric else {
      plain = SimulatedPlatform(configuration, random: random)
      return
    }
    configuration.protection = .dtls
    configuration.dtls.certificate = certificate.certificate
    configuration.dtls.key = certificate.key
    configuration.dtls.clock = .virtual
    // As patient as the device: a server for slow radios.
    configuration.dtls.patience.timeout = plan.timing.acknowledgementTimeout
    do throws(OpenSSLError) {
      secure = try SecurePlatform(configuration, random: random)
    } catch {
      throw .library
    }
  }

  mutating func handle(_ bytes: [UInt8], from peer: Int, at now: Instant) -> [[UInt8]] {
    if let output = plain?.handle(bytes, from: peer, at: now) {
      return output.datagrams.map(\.bytes)
    }
    return secure?.handle(bytes, from: peer, at: now).datagrams.map(\.bytes) ?? []
  }

  func pollTimeout() -> Instant? { plain?.pollTimeout() ?? secure?.pollTimeout() }

  mutating func handleTimeout(at now: Instant) -> [[UInt8]] {
    plain?.handleTimeout(at: now).map(\.bytes)
      ?? secure?.handleTimeout(at: now).datagrams.map(\.bytes) ?? []
  }
}
