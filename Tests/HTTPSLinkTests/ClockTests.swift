// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DeviceStore
import HTTPSLayer
import HTTPSLink
import Platform
import PlatformHTTPS
import ReportLink
import TestSupport
import Testing

@Suite("Device guide 3.8: the clock of a device over HTTPS")
struct ClockTests {
  /// Sun, 06 Nov 1994 08:49:37 GMT.
  private let date: UInt64 = 784_111_777
  private let field = "Sun, 06 Nov 1994 08:49:37 GMT"

  @Test(
    arguments: [(0, 0), (900, 0), (901, 901), (-900, 0), (-901, -901), (86_400, 86_400)]
      as [(Int64, Int64)]
  )
  func `a clock that is more than 15 minutes off is told of`(
    ahead: Int64,
    difference: Int64
  ) throws {
    let world = try World()
    world.link.setDate(UInt64(Int64(date) - ahead), at: world.now)
    world.link.authenticate(at: world.now)
    world.wire.grant(date: field)
    #expect(
      world.events()
        == (difference == 0 ? [] : [.wrongClock(seconds: difference)]) + [.authenticated]
    )
    #expect(world.link.clockError == difference)
    // Once.
    world.begin()
    world.wire.answer(#"{"code":0}"#, date: field)
    #expect(world.events() == [.report])
  }

  @Test
  func `time that has passed since the clock was read counts`() throws {
    let world = try World()
    world.link.setDate(date - 7_200, at: world.now)
    world.advance(7_200)
    world.link.authenticate(at: world.now)
    world.wire.grant(date: field)
    #expect(world.events() == [.authenticated])
  }

  @Test
  func `a clock that nobody sets is compared, and nothing is sent by it`() throws {
    let world = try World { $0.sendsTimestamp = true }
    // As over an outbox: no date, for the clock is not synchronised.
    world.link.setDate(0, at: world.now)
    world.link.setClock(date - 7_200, at: world.now)
    world.advance(60)
    world.link.authenticate(at: world.now)
    #expect(world.wire.sent.last?.body.contains("timestamp") == false)
    world.wire.grant(date: field)
    #expect(world.events() == [.wrongClock(seconds: 7_140), .authenticated])
    #expect(world.link.clockError == 7_140)
  }

  @Test
  func `without a timestamp the platform cannot refuse a wrong clock`() throws {
    let world = try World()
    world.link.setDate(date, at: world.now)
    world.link.authenticate(at: world.now)
    let sent = try #require(world.wire.sent.first)
    #expect(!sent.body.contains("timestamp"))
  }

  @Test
  func `a refused timestamp is sent once more by the server's clock`() throws {
    let world = try World { $0.sendsTimestamp = true }
    world.link.setDate(date - 86_400, at: world.now)
    world.begin()
    #expect(world.wire.sent.last?.body.contains(#""timestamp":"784025377000""#) == true)
    world.wire.answer(#"{"code":20000,"message":"sign"}"#, date: field)
    #expect(world.events() == [.wrongClock(seconds: 86_400)])
    #expect(world.wire.sent.last?.body.contains(#""timestamp":"784111777000""#) == true)
    // The clock is not to blame a second time.
    world.wire.answer(#"{"code":20000,"message":"sign"}"#, date: field)
    #expect(world.events() == [.authenticationFailed, .report])
    #expect(world.ending.verdict == .credentials)
    #expect(world.sent() == ["/auth", "/auth"])
  }

  @Test
  func `a device without a clock takes the server's from the first answer on`() throws {
    let world = try World { $0.sendsTimestamp = true }
    world.link.authenticate(at: world.now)
    #expect(world.wire.sent.last?.body.contains("timestamp") == false)
    world.wire.answer(#"{"code":10000}"#, date: field)
    #expect(world.events() == [.authenticationFailed])
    world.advance(10)
    world.link.authenticate(at: world.now)
    #expect(world.wire.sent.last?.body.contains(#""timestamp":"784111787000""#) == true)
  }
}
