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

private let topic = "/topic/pk/device/user/update"

@Suite("Device guide 3.8: a device over HTTPS, on a virtual clock")
struct HTTPSLinkTests {
  @Test
  func `a report authenticates first, and the next one goes with the same token`() throws {
    let world = try World { $0.signMethod = .hmacMD5 }
    #expect(world.begin("report 1"))
    #expect(!world.isFree)
    let first = try #require(world.wire.sent.first)
    #expect(first.path == "/auth" && first.content == .json && first.password.isEmpty)
    // HMAC-MD5 of clientId12345deviceNamedeviceproductKeypk under "secret", by `openssl dgst`.
    #expect(
      first.body == #"{"version":"default","clientId":"12345","signmethod":"hmacmd5","sign":"#
        + #""2CE7304EC0DDD548EB1492D65AC0B334","productKey":"pk","deviceName":"device"}"#
    )
    world.wire.grant()
    #expect(world.events() == [.authenticated])
    #expect(world.wire.sent.count == 2)
    let report = world.wire.sent[1]
    #expect(report.path == topic && report.password == "t1" && report.content == .octets)
    #expect(report.body == "report 1")
    world.wire.accept()
    #expect(world.events() == [.report])
    #expect(world.ending == ReportEnding(.delivered, wasSent: true))
    #expect(world.messageID == "892687627916247040")
    _ = world.sent()
    world.advance(3_600)
    #expect(world.begin("report 2", id: 2))
    #expect(world.sent() == ["\(topic) t1"])
    world.wire.accept(#""892687627916247041""#)
    #expect(world.events() == [.report])
    #expect(world.messageID == "892687627916247041")
    #expect(world.link.endedID == 2)
    #expect(world.isIdle && world.timeout == nil)
    #expect(world.link.counters.authentications == 1)
    #expect(world.link.counters.acknowledged == 2)
  }

  @Test
  func `one report at a time`() throws {
    let world = try World()
    #expect(world.begin())
    #expect(!world.begin(id: 2))
    #expect(world.ending.verdict == .later)
    world.wire.grant()
    world.wire.accept()
    #expect(world.events() == [.authenticated, .report])
    #expect(world.begin(id: 2))
  }

  @Test(arguments: [20_001, 20_003])
  func `a refused token is renewed once, and the report goes again`(code: UInt64) throws {
    let world = try World()
    world.authenticate()
    world.begin("report")
    world.wire.code(code)
    #expect(world.events() == [])
    #expect(!world.isAuthenticated)
    world.wire.grant("t2")
    #expect(world.events() == [.authenticated])
    #expect(world.wire.sent.last?.body == "report")
    #expect(world.sent() == ["\(topic) t1", "/auth", "\(topic) t2"])
    // Refused as soon as it was given: not a third time.
    world.wire.code(code)
    #expect(world.events() == [.report])
    #expect(world.ending == ReportEnding(.credentials, wasSent: true))
    #expect(world.failure == .code(HTTPSCode(rawValue: code), status: 200))
    #expect(world.sent() == [])
    #expect(!world.isAuthenticated && world.isFree)
  }

  @Test(
    arguments: [
      (200, 10_000, .later), (200, 30_001, .later), (200, 40_000, .later), (200, 20_004, .later),
      (200, 10_001, .final), (200, 20_002, .credentials), (200, 20_000, .credentials),
      (503, 0, .later), (400, 0, .later), (404, 10_001, .final), (502, 10_001, .later),
      (302, 0, .later), (200, 99_999, .later),
    ] as [(UInt16, UInt64, ReportVerdict)]
  )
  func `each code of a report has its verdict`(
    status: UInt16,
    code: UInt64,
    verdict: ReportVerdict
  ) throws {
    let world = try World()
    world.authenticate()
    world.begin()
    world.wire.code(code, status: status)
    #expect(world.events() == [.report])
    // Too many requests, or a server that is busy: a minute where the platform does not say.
    let wait = Milliseconds(code == 40_000 || status == 503 ? 60_000 : 0)
    #expect(world.ending == ReportEnding(verdict, retryAfter: wait, wasSent: true))
    #expect(world.isAuthenticated)
  }

  @Test(
    arguments: [
      (200, 10_000, .unreachable), (200, 20_004, .unreachable), (200, 40_000, .unreachable),
      (200, 10_001, .credentials), (200, 20_000, .credentials), (200, 20_001, .credentials),
      (500, 0, .unreachable), (403, 0, .unreachable), (302, 0, .unreachable),
      (200, 99_999, .unreachable),
    ] as [(UInt16, UInt64, ReportVerdict)]
  )
  func `each code of an authentication ends the report, which was not sent`(
    status: UInt16,
    code: UInt64,
    verdict: ReportVerdict
  ) throws {
    let world = try World()
    world.begin()
    world.wire.code(code, status: status, retryAfter: "30")
    #expect(world.events() == [.authenticationFailed, .report])
    #expect(world.ending == ReportEnding(verdict, retryAfter: Milliseconds(30_000)))
    #expect(world.sent() == ["/auth"])
  }

  @Test(arguments: ["", "<html>", "[]", "{}", #"{"code":"x"}"#, #"{"code":0} {}"#])
  func `an answer that is not the platform's delivers nothing and loses nothing`(
    body: String
  ) throws {
    let world = try World()
    world.authenticate()
    world.begin()
    world.wire.answer(body)
    #expect(world.events() == [.report])
    // Others may pass.
    #expect(world.ending == ReportEnding(.later, wasSent: true))
    // That of `/auth` before it is not the report's.
    #expect(world.message.isEmpty)
    guard case .answer = world.failure else {
      Issue.record("\(world.failure)")
      return
    }
  }

  @Test(arguments: [
    #"{"code":0,"message":"success","info":{}}"#, #"{"code":0}"#, "hello",
    #"{"code":0,"info":{"token":"a\r\nX: y"}}"#, #"{"code":0,"info":{"token":"a b"}}"#,
  ])
  func `an authentication without a usable token is none`(body: String) throws {
    let world = try World()
    world.begin()
    world.wire.answer(body)
    #expect(world.events() == [.authenticationFailed, .report])
    #expect(world.ending == ReportEnding(.unreachable))
    #expect(!world.isAuthenticated)
    #expect(world.sent() == ["/auth"])
  }

  @Test
  func `a failed transfer says whether the platform may have the report`() throws {
    let world = try World()
    world.begin()
    world.wire.fail(.unresolved, wasSent: false)
    #expect(world.events() == [.authenticationFailed, .report])
    #expect(world.ending == ReportEnding(.unreachable))
    #expect(world.failure == .transfer(.unresolved))
    world.authenticate()
    world.begin()
    world.wire.fail(.broken)
    #expect(world.events() == [.report])
    #expect(world.ending == ReportEnding(.unreachable, wasSent: true, wasInterrupted: true))
    world.begin()
    world.wire.fail(.serverName, wasSent: false)
    #expect(world.events() == [.report])
    #expect(world.ending == ReportEnding(.unreachable))
  }

  @Test(arguments: [.broken, .timedOut, .library(61)] as [HTTPSFailure])
  func `the second answer in a row that is missing at one topic puts that topic off`(
    failure: HTTPSFailure
  ) throws {
    let world = try World()
    world.authenticate()
    func fail(_ topic: String, wasSent: Bool = true) -> ReportVerdict {
      world.begin(topic: topic)
      world.wire.fail(failure, wasSent: wasSent)
      #expect(world.events() == [.report])
      #expect(world.ending.wasSent == wasSent)
      return world.ending.verdict
    }
    func deliver(_ topic: String) {
      world.begin(topic: topic)
      world.wire.accept()
      #expect(world.events() == [.report])
    }
    let (bad, good) = ("/pk/device/user/bad", "/pk/device/user/good")
    #expect(fail(bad) == .unreachable)
    // A connection that does not come about says nothing of the topic.
    #expect(fail(bad, wasSent: false) == .unreachable)
    #expect(fail(bad) == .later)
    // The others pass, and the topic costs no more than its own tries.
    deliver(good)
    #expect(fail(bad) == .later)
    // An answer clears it, and another topic begins anew.
    deliver(bad)
    #expect(fail(bad) == .unreachable)
    #expect(fail(good) == .unreachable)
    #expect(fail(bad) == .unreachable)
    #expect(fail(bad) == .later)
  }

  @Test(arguments: [.tooLong, .notHTTP] as [HTTPSFailure])
  func `an answer that nobody can read puts its topic off at once`(failure: HTTPSFailure) throws {
    let world = try World()
    world.authenticate()
    world.begin()
    world.wire.fail(failure)
    #expect(world.events() == [.report])
    #expect(world.ending == ReportEnding(.later, wasSent: true))
  }

  @Test
  func `401 without a code costs one authentication, and then puts the topic off`() throws {
    let world = try World()
    world.authenticate()
    world.begin()
    world.wire.answer("<html>no</html>", status: 401)
    #expect(world.events() == [])
    world.wire.grant("t2")
    #expect(world.events() == [.authenticated])
    world.wire.answer("<html>no</html>", status: 401)
    #expect(world.events() == [.report])
    #expect(world.ending == ReportEnding(.later, wasSent: true))
  }

  @Test
  func `a token that the platform repeats in its text is left out of it`() throws {
    let world = try World()
    world.authenticate("0123456789abcdef")
    world.begin()
    world.wire.answer(
      #"{"code":10001,"message":"0123456789abcdef is bad: 0123456789abcdef0123456789abcde"}"#
    )
    #expect(world.events() == [.report])
    #expect(world.message == "… is bad: …0123456789abcde")
    world.begin()
    world.wire.answer(#"{"code":10001,"message":"0123456789abcde"}"#)
    #expect(world.events() == [.report])
    #expect(world.message == "0123456789abcde")
    // The longest text, which becomes no longer.
    world.begin()
    let long = String(repeating: "0123456789abcdef", count: 8)
    world.wire.answer(#"{"code":10001,"message":"\#(long)"}"#)
    #expect(world.events() == [.report])
    #expect(world.message == String(repeating: "…", count: 8))
  }

  @Test
  func `a layer that tells nothing is given up, later for a long body`() throws {
    let world = try World()
    world.begin()
    #expect(world.timeout == 1_100_000)
    world.advance(100)
    #expect(world.events() == [.authenticationFailed, .report])
    #expect(world.ending == ReportEnding(.unreachable))
    #expect(world.failure == .transfer(.timedOut))
    #expect(world.wire.cancels == 1)
    world.authenticate()
    world.begin(String(repeating: "x", count: 131_072))
    #expect(world.wire.sent.last?.limit == 602_000)
    world.advance(611)
    #expect(world.events() == [])
    world.advance(1)
    #expect(world.events() == [.report])
    #expect(world.ending == ReportEnding(.unreachable, wasSent: true))
  }

  @Test
  func `a report of 131,072 bytes is sent, and one byte more is refused before`() throws {
    let world = try World()
    world.authenticate()
    #expect(!world.begin(String(repeating: "x", count: 131_073)))
    #expect(world.ending == ReportEnding(.final))
    #expect(world.isFree && world.sent() == [])
    #expect(world.begin(String(repeating: "x", count: 131_072)))
    #expect(world.wire.sent.last?.body.utf8.count == 131_072)
    #expect(!world.begin("", topic: "no topic"))
    let small = try World { $0.maxBody = 10 }
    #expect(!small.begin("12345678901"))
    #expect(small.begin("1234567890"))
  }

  @Test
  func `SHA-256 and limits that are none are refused at configuration`() {
    #expect(throws: HTTPSSettingsError.signMethod) { try World { $0.signMethod = .hmacSHA256 } }
    for count in [0, -1, 131_073] {
      #expect(throws: HTTPSSettingsError.limits) { try World { $0.maxBody = count } }
    }
    #expect(throws: HTTPSSettingsError.limits) { try World { $0.slowestRate = 0 } }
    #expect(!HTTPSSettingsError.signMethod.description.isEmpty)
  }

  @Test
  func `a token of 7 days is renewed once before it is refused`() throws {
    let world = try World()
    var (authentications, reports, refused) = (0, 0, 0)
    // The platform's view: it takes a token for 7 days.
    var granted = Int64.min
    func answer() {
      while let request = world.wire.sent.first {
        world.wire.sent.removeFirst()
        if request.path == "/auth" {
          authentications += 1
          granted = world.now.milliseconds
          world.wire.grant("t\(authentications)")
        } else {
          #expect(request.password == "t\(authentications)")
          if world.now.milliseconds - granted < 7 * 86_400_000 {
            reports += 1
            world.wire.accept()
          } else {
            refused += 1
            world.wire.code(20_001)
          }
        }
        _ = world.events()
      }
    }
    // Every five minutes for 13 days.
    for _ in 0..<(13 * 288) {
      world.begin()
      answer()
      world.advance(300)
    }
    #expect(authentications == 2)
    #expect(refused == 0)
    #expect(reports == 13 * 288)
  }

  @Test
  func `the token outlives the process, and its owner says whether it is still good`() throws {
    let world = try World()
    #expect(world.link.unkept == nil)
    world.link.authenticate(at: world.now)
    world.wire.grant("kept")
    #expect(world.events() == [.authenticated])
    #expect(world.link.unkept == .token)
    var record = SessionRecord()
    world.link.write(into: &record)
    world.link.keep(numbersUpTo: 0, at: world.now)
    #expect(world.link.unkept == nil)
    let next = try World()
    next.link.restore(record, isUsable: true)
    next.begin()
    #expect(next.sent() == ["\(topic) kept"])
    let late = try World()
    late.link.restore(record, isUsable: false)
    late.begin()
    #expect(late.sent() == ["/auth"])
  }

  @Test
  func `a network that fails ends what is under way, and close ends all without an event`() throws {
    let world = try World()
    world.authenticate()
    world.begin()
    world.link.interrupt(at: world.now)
    #expect(world.events() == [.report])
    #expect(world.ending == ReportEnding(.unreachable, wasSent: true, wasInterrupted: true))
    #expect(world.wire.closes == 1)
    world.begin()
    world.link.close()
    world.wire.accept()
    #expect(world.events() == [])
    #expect(world.isIdle && world.isAuthenticated && world.wire.closes == 2)
  }

  @Test
  func `without memory a report is kept for later`() throws {
    let world = try World()
    world.wire.hasMemory = false
    #expect(world.begin())
    #expect(world.events() == [.report])
    #expect(world.ending == ReportEnding(.unreachable))
    #expect(world.failure == .memory)
  }
}
