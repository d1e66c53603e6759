// SPDX-License-Identifier: Apache-2.0
import CoAPExchange
import CoAPLink
import ConstrainedCore
import DTLSSecurity
import OpenSSLSupport
import PlatformCoAP
import PlatformCore
import PlatformSimulator
import TestSupport
import Testing

@Suite("Reports through a link that loses, doubles and reorders")
struct LossyLinkTests {
  static func link(_ seed: UInt64) -> LossyLink {
    LossyLink(loss: 0.3, duplication: 0.05, delay: 200...6_000, seed: seed)
  }

  /// At 30 % loss each way, 3.5 % of the exchanges fail with the standard 4 retransmissions; with
  /// 14 it is one in 24,000.
  ///
  /// The platform remembers requests as long as these parameters ask for.
  /// With DTLS as long as the device keeps to its association: over another one a request is a new
  /// message to the platform.
  @Test(arguments: Layer.allCases, [7 as UInt64, 42, 2_026])
  func `1,000 reports are each accepted exactly once`(layer: Layer, seed: UInt64) throws {
    var dtls = DTLSSettings()
    dtls.idleLimit = nil
    dtls.silenceLimit = 15
    var settings = DeviceSettings()
    settings.timing = TransmissionParameters(
      acknowledgementTimeout: Milliseconds(2_000),
      maxRetransmit: 14
    )
    let lifetime = settings.timing.exchangeLifetime
    var world = try World(
      layer,
      settings: settings,
      link: Self.link(seed),
      seed: seed,
      dtls: dtls
    ) {
      $0.exchangeLifetime = lifetime
      $0.dtls.idleLimit = nil
      $0.dtls.patience.limit = 14
    }
    for number in 1...1_000 {
      let result = try world.report(#"{"n":\#(number)}"#)
      #expect(result?.outcome == .acknowledged, "seed \(seed), report \(number)")
    }
    #expect(
      world.accepted.map { String(decoding: $0.payload, as: UTF8.self) }
        == (1...1_000).map { #"{"n":\#($0)}"# }
    )
    #expect(world.sent.count > 1_500)
  }

  /// With the presets some reports time out; none is accepted twice, and none is acknowledged that
  /// the platform does not have.
  @Test(arguments: [
    TransmissionParameters.standard, .lteM, .nbIoT, .nbIoTDeep,
  ])
  func `every report is accounted for with a preset`(timing: TransmissionParameters) throws {
    var settings = DeviceSettings()
    settings.timing = timing
    var world = try World(settings: settings, link: Self.link(1), seed: 3) {
      $0.exchangeLifetime = timing.exchangeLifetime
    }
    var acknowledged: Set<String> = []
    var timedOut = 0
    for number in 1...1_000 {
      switch try world.report("\(number)")?.outcome {
      case .acknowledged: acknowledged.insert("\(number)")
      case .timedOut, .unauthenticated(.timedOut): timedOut += 1
      case let other: Issue.record("report \(number): \(String(describing: other))")
      }
    }
    #expect(acknowledged.count + timedOut == 1_000)
    let accepted = world.accepted.map { String(decoding: $0.payload, as: UTF8.self) }
    #expect(Set(accepted).count == accepted.count, "a report was accepted twice")
    #expect(acknowledged.isSubset(of: accepted))
    #expect(acknowledged.count > 800)
  }

  @Test func `separate answers come through too`() throws {
    var settings = DeviceSettings()
    settings.acknowledgementMode = .separate
    settings.timing = TransmissionParameters(
      acknowledgementTimeout: Milliseconds(2_000),
      maxRetransmit: 14
    )
    let lifetime = settings.timing.exchangeLifetime
    var world = try World(settings: settings, link: Self.link(11), seed: 11) {
      $0.exchangeLifetime = lifetime
    }
    var acknowledged = 0
    for number in 1...300 {
      if try world.report("\(number)")?.outcome == .acknowledged { acknowledged += 1 }
    }
    #expect(world.accepted.count == 300)
    #expect(acknowledged == 300)
  }
}
