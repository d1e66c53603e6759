// SPDX-License-Identifier: Apache-2.0
import CoAPLink
import CoAPMessage
import ConstrainedCore
import PlatformCore
import PlatformSimulator
import Testing

@Suite("A registration and what is asked for meanwhile (device guide 6.2)")
struct RegistrationTests {
  static let productSecret = Array("fedcba9876543210fedcba9876543210".utf8)

  private func world(productSecret: [UInt8] = productSecret) throws -> World {
    try World(.certificate, secret: Self.productSecret) {
      $0.devices = []
      var product = SimulatedProduct(key: World.productKey)
      product.secret = productSecret
      product.registrable = [World.deviceName]
      $0.products = [product]
    }
  }

  @Test func `a report that comes while the device registers goes out with its own secret`() throws
  {
    var world = try world()
    try world.session.register(at: world.now)
    try world.publish("x")
    try world.run()
    var outcome: ReportOutcome?
    for case .report(let result) in world.events { outcome = result.outcome }
    #expect(world.events.contains { if case .registered = $0 { true } else { false } })
    #expect(outcome == .acknowledged)
    #expect(world.session.isIdle)
  }

  @Test func `a report that waits for a registration fails with it`() throws {
    var world = try world(productSecret: Array("another".utf8))
    try world.session.register(at: world.now)
    try world.publish("x")
    try world.run()
    var outcome: ReportOutcome?
    for case .report(let result) in world.events { outcome = result.outcome }
    var failure: AuthenticationFailure?
    for case .registrationFailed(let cause) in world.events { failure = cause }
    #expect(failure == .refused(.unauthorized))
    #expect(outcome == .unauthenticated(.refused(.unauthorized)))
    #expect(world.session.isIdle)
  }

  @Test func `a registration that is cancelled leaves the report its way with the old secret`()
    throws
  {
    var world = try world()
    try world.session.register(at: world.now)
    try world.publish("x")
    world.session.cancelRegistration(at: world.now)
    try world.run()
    var outcome: ReportOutcome?
    for case .report(let result) in world.events { outcome = result.outcome }
    guard case .unauthenticated(.refused) = outcome else {
      Issue.record("the platform took the product's secret for the device's: \(outcome as Any)")
      return
    }
    #expect(world.session.isIdle)
    // The handshake is over, and the session as good as new.
    world.events.removeAll()
    try world.session.register(at: world.now)
    try world.run()
    #expect(world.events.contains { if case .registered = $0 { true } else { false } })
    #expect(try world.report("x")?.outcome == .acknowledged)
  }
}
