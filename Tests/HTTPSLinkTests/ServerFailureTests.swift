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

@Suite("Device guide 3.8: a server that fails or puts off, on a virtual clock")
struct ServerFailureTests {
  @Test(arguments: [500, 502, 504] as [UInt16])
  func `a server that fails is asked again, three times, after a wait that doubles`(
    status: UInt16
  ) throws {
    let world = try World { $0.retries = 3 }
    world.authenticate()
    world.begin("report")
    var waits: [Int64] = []
    for _ in 0..<3 {
      #expect(world.sent() == ["/topic/pk/device/user/update t1"])
      world.wire.answer("<html>failed</html>", status: status)
      #expect(world.events() == [])
      #expect(!world.isFree)
      waits.append(try #require(world.timeout) - world.milliseconds)
      world.advance((waits[waits.count - 1] + 999) / 1_000)
      #expect(world.events() == [])
    }
    #expect((2_000...3_000).contains(waits[0]))
    #expect((4_000...6_000).contains(waits[1]))
    #expect((8_000...12_000).contains(waits[2]))
    world.wire.answer("", status: status)
    #expect(world.events() == [.report])
    #expect(world.ending == ReportEnding(.later, wasSent: true))
    // Success in between, and what the link was asked to end.
    world.begin()
    world.wire.answer("", status: status)
    #expect(world.events() == [])
    world.advance(3)
    #expect(world.events() == [])
    world.wire.accept()
    #expect(world.events() == [.report])
    #expect(world.ending == ReportEnding(.delivered, wasSent: true))
    world.begin()
    world.wire.answer("", status: status)
    #expect(world.events() == [])
    world.link.interrupt(at: world.now)
    #expect(world.events() == [.report])
    #expect(world.ending == ReportEnding(.unreachable, wasSent: true, wasInterrupted: true))
  }

  @Test func `the same for an authentication, whose report then goes`() throws {
    let world = try World { $0.retries = 3 }
    world.begin()
    world.wire.answer("", status: 500)
    #expect(world.events() == [])
    world.advance(3)
    #expect(world.events() == [])
    world.wire.grant()
    #expect(world.events() == [.authenticated])
    #expect(world.sent() == ["/auth", "/auth", "/topic/pk/device/user/update t1"])
  }

  @Test(arguments: [429, 503] as [UInt16])
  func `a busy server without Retry-After is left alone for a minute`(status: UInt16) throws {
    let world = try World { $0.retries = 3 }
    world.authenticate()
    world.begin()
    world.wire.answer("", status: status)
    #expect(world.events() == [.report])
    #expect(
      world.ending == ReportEnding(.later, retryAfter: Milliseconds(60_000), wasSent: true)
    )
  }

  @Test func `a request without a connection was not sent, however it ends`() throws {
    let world = try World()
    world.authenticate()
    world.wire.isConnected = false
    world.begin()
    world.link.interrupt(at: world.now)
    #expect(world.events() == [.report])
    #expect(world.ending == ReportEnding(.unreachable, wasInterrupted: true))
    world.begin()
    world.advance(3_600)
    #expect(world.events() == [.report])
    #expect(world.ending == ReportEnding(.unreachable))
  }

  @Test(arguments: [408, 425, 429, 500, 502, 503, 504] as [UInt16])
  func `a temporary status puts a report off for as long as Retry-After says`(
    status: UInt16
  ) throws {
    let world = try World()
    world.authenticate()
    world.begin()
    world.wire.answer("<html>busy</html>", status: status, retryAfter: "120")
    #expect(world.events() == [.report])
    #expect(
      world.ending
        == ReportEnding(.later, retryAfter: Milliseconds(120_000), wasSent: true)
    )
    #expect(world.failure == .status(status))
    // A date counts from the server's own.
    world.begin()
    world.wire.answer(
      "",
      status: status,
      date: "Sun, 06 Nov 1994 08:49:37 GMT",
      retryAfter: "Sun, 06 Nov 1994 08:49:47 GMT"
    )
    #expect(world.events() == [.report])
    #expect(world.ending.retryAfter == Milliseconds(10_000))
  }

  @Test func `a date in Retry-After counts from this clock only if the server never told its own`()
    throws
  {
    let world = try World()
    world.authenticate()
    // 08:49:37 of that day.
    world.link.setDate(784_111_777, at: world.now)
    world.advance(5)
    world.begin()
    world.wire.answer("", status: 503, retryAfter: "Sun, 06 Nov 1994 08:49:52 GMT")
    #expect(world.events() == [.report])
    #expect(world.ending.retryAfter == Milliseconds(10_000))
    // The server's clock is an hour ahead: from here on its time counts, as it goes on.
    world.begin()
    world.wire.answer("", status: 503, date: "Sun, 06 Nov 1994 09:49:42 GMT", retryAfter: "1")
    #expect(world.events() == [.wrongClock(seconds: 3_600), .report])
    world.advance(7)
    world.begin()
    world.wire.answer("", status: 503, retryAfter: "Sun, 06 Nov 1994 09:49:52 GMT")
    #expect(world.events() == [.report])
    #expect(world.ending.retryAfter == Milliseconds(3_000))
  }

  @Test func `a date in Retry-After without any clock is a minute`() throws {
    let world = try World()
    world.authenticate()
    world.begin()
    world.wire.answer("", status: 503, retryAfter: "Sun, 06 Nov 1994 08:49:52 GMT")
    #expect(world.events() == [.report])
    #expect(world.ending.retryAfter == Milliseconds(60_000))
  }
}
