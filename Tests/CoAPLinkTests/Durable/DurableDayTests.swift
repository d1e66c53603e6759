// SPDX-License-Identifier: Apache-2.0
import CoAPExchange
import CoAPLink
import CoAPMessage
import ConstrainedCore
import DurableReports
import Foundation
import PlatformCore
import PlatformSimulator
import TestSupport
import Testing

@Suite
struct DurableDayTests {
  /// A report every 15 minutes for 24 hours.
  ///
  /// In between the device sleeps (PSM), and NAT forgets it. The platform's tokens are good for 10 hours. The power goes twice: while the device sleeps, and amid a
  /// report.
  @Test(arguments: [Layer.symmetric, .certificate, .preSharedKey])
  func `a day: every report arrives, and no wake-up costs more than it must`(
    _ layer: Layer
  ) throws {
    var timing = DeviceSettings()
    timing.timing = .nbIoT
    // As the field's notes have the middle coverage class: 3 s in the median, 10 s for one of twenty.
    let link = LossyLink(
      loss: 0.02,
      duplication: 0,
      delay: .logNormal(median: 1_500, high: 5_000, longest: 60_000),
      seed: 7
    )
    let world = try DurableWorld(layer, link: link, timing: timing) {
      $0.tokenLifetime = Milliseconds(10 * 3_600 * 1_000)
      $0.exchangeLifetime = Milliseconds(315_000)
    }
    // The device does not know the platform's 10 hours: it learns of them by 4.01.
    world.settings.tokenLifetime = 0
    try world.start()
    let start = world.now
    var restarts = 0
    for quarter in 0..<96 {
      world.now = max(world.now, start + Milliseconds(Int64(quarter) * 900_000))
      world.address += 1
      if quarter == 30 || quarter == 60 {
        // Asleep the first time; the second time the report is on its way.
        if quarter == 60 {
          try world.accept(#"{"value":1000}"#)
          try world.step()
        }
        world.cutPower()
        restarts += 1
        try world.start()
      }
      try world.accept(#"{"value":\#(quarter)}"#)
      try world.run(until: world.now + Milliseconds(899_000), stopsWhenIdle: true)
    }
    try world.run(until: world.now + Milliseconds(7_200_000), stopsWhenIdle: true)
    #expect(world.life?.device.pendingReports == 0)
    world.cutPower()

    let payloads = world.records.filter(\.isAcceptedReport).map {
      String(decoding: $0.payload, as: UTF8.self)
    }
    #expect(Set(payloads).count == 97)
    let refused = world.records.filter {
      $0.kind == .report && !$0.isAcceptedReport && $0.code != .unauthorized
    }
    #expect(refused.isEmpty, "\(refused.map(\.line))")
    let costs = world.costs
    // The first token, and one each after 10 and 20 hours.
    #expect(costs.authentications == 3)
    print(
      """
      24 h, \(layer): 97 reports, \(payloads.count - 97) twice, \(restarts) power cuts: \
      \(costs.bytesUp) B up, \(costs.bytesDown) B down in \(costs.datagramsUp) datagrams up; \
      \(costs.authentications) authentications, \(costs.handshakes) handshakes, \
      \(costs.resumptions) of them resumed; flash: \(costs.syncs) syncs, \(costs.diskBytes) B
      """
    )
  }
}
