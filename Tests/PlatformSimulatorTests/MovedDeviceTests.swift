// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import ConstrainedCore
import PlatformSimulator
import TestSupport
import Testing

@Suite("RFC 7252 Section 4.1: the session says whose message it is, and not the address")
struct MovedDeviceTests {
  private static let path = ["topic", "pk", "device", "user", "update"]

  private static func report(
    _ bench: inout Bench,
    _ session: Session,
    _ number: String
  ) throws -> [UInt8] {
    let options = [(UInt16(2_088), session.token), (2_089, try session.seal(number))]
    return try bench.request(path, options, try session.seal("x"))
  }

  private static func at(_ milliseconds: Int64) -> Instant { Instant(milliseconds: milliseconds) }

  @Test func `the same message from another address gets the same answer, and is taken once`()
    throws
  {
    var bench = Bench()
    let session = try bench.session()
    let report = try Self.report(&bench, session, "2")
    let first = bench.platform.handle(report, from: 1, at: Self.at(0))
    let second = bench.platform.handle(report, from: 2, at: Self.at(70_000))
    #expect(first.record?.code == .content && first.record?.isAcceptedReport == true)
    #expect(second.record?.kind == .duplicate && second.record?.isAcceptedReport == false)
    #expect(second.record?.peer == "2")
    #expect(second.datagrams.map(\.peer) == [2])
    #expect(second.datagrams.map(\.bytes) == first.datagrams.map(\.bytes))
  }

  @Test func `a separate response follows the device, and its acknowledgement counts`() throws {
    var bench = Bench { $0.answerMode = .separate }
    let session = try bench.session()
    let report = try Self.report(&bench, session, "2")
    let first = bench.platform.handle(report, from: 1, at: Self.at(0))
    #expect(first.datagrams.count == 2)
    let waiting = bench.platform.waitingResponses
    let second = bench.platform.handle(report, from: 2, at: Self.at(1_000))
    #expect(second.datagrams.map(\.peer) == [2])
    let due = bench.platform.handleTimeout(at: Self.at(2_000))
    let response = try #require(due.last { $0.bytes == first.datagrams[1].bytes })
    #expect(response.peer == 2)
    let message = response.bytes
    let acknowledgement = [0x60, 0, message[2], message[3]]
    _ = bench.platform.handle(acknowledgement, from: 2, at: Self.at(2_100))
    #expect(bench.platform.waitingResponses == waiting - 1)
  }

  @Test func `another message with the number is refused, from whichever address`() throws {
    var bench = Bench()
    let session = try bench.session()
    let report = try Self.report(&bench, session, "2")
    _ = bench.platform.handle(report, from: 1, at: Self.at(0))
    for peer in [1, 2] {
      // The next message ID: as of another device that has the same identity and token.
      let other = try Self.report(&bench, session, "2")
      let output = bench.platform.handle(other, from: peer, at: Self.at(1_000))
      #expect(output.record?.code == .badRequest)
      #expect(output.record?.note == "seq was used before in this session")
    }
  }

  @Test func `a request that no session's key has opened is new at another address`() throws {
    var bench = Bench()
    let auth = try bench.request(["auth"], [(12, [50]), (17, [50])], Array(try Bench.valid().utf8))
    let first = bench.platform.handle(auth, from: 1, at: Self.at(0))
    let second = bench.platform.handle(auth, from: 2, at: Self.at(1_000))
    #expect(first.record?.kind == .authentication && second.record?.kind == .authentication)
  }

  @Test func `it is forgotten after EXCHANGE_LIFETIME, and with the oldest requests`() throws {
    let lifetime = SimulatorConfiguration().exchangeLifetime
    var bench = Bench { $0.requestLimit = 3 }
    let session = try bench.session()
    let report = try Self.report(&bench, session, "2")
    _ = bench.platform.handle(report, from: 1, at: Self.at(0))
    let late = bench.platform.handle(report, from: 2, at: Self.at(0) + lifetime)
    #expect(late.record?.code == .badRequest)
    let second = try Self.report(&bench, session, "3")
    _ = bench.platform.handle(second, from: 1, at: Self.at(0) + lifetime)
    for _ in 0..<3 {
      let other = try bench.request(["other"])
      _ = bench.platform.handle(other, from: 3, at: Self.at(0) + lifetime)
    }
    let dropped = bench.platform.handle(second, from: 2, at: Self.at(0) + lifetime)
    #expect(dropped.record?.code == .badRequest)
  }

  @Test func `the assumption makes it a new message`() throws {
    var bench = Bench { $0.assumptions.recognisesMovedDevices = false }
    let session = try bench.session()
    let report = try Self.report(&bench, session, "2")
    _ = bench.platform.handle(report, from: 1, at: Self.at(0))
    let second = bench.platform.handle(report, from: 2, at: Self.at(70_000))
    #expect(second.record?.code == .badRequest)
    let again = bench.platform.handle(report, from: 1, at: Self.at(70_000))
    #expect(again.record?.kind == .duplicate)
  }
}
