// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import ConstrainedCore
import PlatformCore
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

  /// The separate response to a report, with those that are due 2 seconds after it.
  private static func separate(
    _ bench: inout Bench,
    from peers: [Int]
  ) throws -> (response: [UInt8], peers: [Int]) {
    let session = try bench.session()
    let report = try Self.report(&bench, session, "2")
    let first = bench.platform.handle(report, from: peers[0], at: Self.at(0))
    #expect(first.datagrams.count == 2)
    for peer in peers.dropFirst() {
      let output = bench.platform.handle(report, from: peer, at: Self.at(1_000))
      #expect(output.record?.kind == .duplicate && output.datagrams.map(\.peer) == [peer])
    }
    let response = first.datagrams[1].bytes
    let due = bench.platform.handleTimeout(at: Self.at(2_000)).filter { $0.bytes == response }
    return (response, due.map(\.peer))
  }

  @Test func `a separate response follows the device, and its acknowledgement counts`() throws {
    var bench = Bench { $0.answerMode = .separate }
    let (response, peers) = try Self.separate(&bench, from: [1, 2])
    #expect(peers == [1, 2])
    let waiting = bench.platform.waitingResponses
    let acknowledgement = [0x60, 0, response[2], response[3]]
    _ = bench.platform.handle(acknowledgement, from: 2, at: Self.at(2_100))
    #expect(bench.platform.waitingResponses == waiting - 1)
  }

  @Test func `whoever sends a request again does not keep the response from the device`() throws {
    var bench = Bench { $0.answerMode = .separate }
    // More addresses than a response is sent to, and one of them twice.
    let (response, peers) = try Self.separate(&bench, from: [1, 2, 3, 2, 4, 5, 6, 1])
    #expect(peers == [1, 2, 3, 4])
    let acknowledgement = [0x60, 0, response[2], response[3]]
    for other in 2...6 {
      _ = bench.platform.handle(acknowledgement, from: other, at: Self.at(2_100))
    }
    let due = bench.platform.handleTimeout(at: Self.at(6_000)).filter { $0.bytes == response }
    #expect(due.map(\.peer) == [1])
    let waiting = bench.platform.waitingResponses
    _ = bench.platform.handle(acknowledgement, from: 1, at: Self.at(6_100))
    #expect(bench.platform.waitingResponses == waiting - 1)
  }

  @Test func `a copy for another address ends with the response`() throws {
    var bench = Bench { $0.answerMode = .separate }
    _ = try Self.separate(&bench, from: [1, 2])
    var time: Int64 = 2_000
    while let next = bench.platform.pollTimeout() {
      time = next.milliseconds
      _ = bench.platform.handleTimeout(at: next)
    }
    // Four retransmissions after 2, 4, 8 and 16 seconds, and 32 until it is given up.
    #expect(time == 62_000)
    #expect(bench.platform.waitingResponses == 0)
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

  // MARK: Another device at the address

  /// A platform that knows a second device, which has the same secret.
  private static func pair() -> Bench {
    Bench {
      $0.devices.append(
        SimulatedDevice(productKey: "pk", deviceName: "second", secret: Bench.secret)
      )
    }
  }

  /// What the second device authenticates with.
  private static func second() throws -> [UInt8] {
    let sign = try Bench.sign("clientIdcdeviceNamesecondproductKeypk")
    return Array(
      #"{"productKey":"pk","deviceName":"second","clientId":"c","sign":"\#(sign)"}"#.utf8
    )
  }

  @Test func `a device at another one's address with its message ID gets an answer of its own`()
    throws
  {
    var bench = Self.pair()
    let auth = [(UInt16(12), [UInt8(50)]), (17, [50])]
    let first = try bench.session()
    bench.messageID -= 1
    let token = try bench.send(["auth"], auth, try Self.second())
    #expect(token.kind == .authentication && token.device == "pk/second")
    let session = try bench.answered()
    let report = try Self.report(&bench, first, "2")
    let taken = bench.platform.handle(report, from: 1, at: Self.at(0))
    #expect(taken.record?.isAcceptedReport == true)
    bench.messageID -= 1
    let options = [(UInt16(2_088), session.token), (2_089, try session.seal("2"))]
    let path = ["topic", "pk", "second", "user", "update"]
    let other = try bench.request(path, options, try session.seal("x"))
    let output = bench.platform.handle(other, from: 1, at: Self.at(1_000))
    #expect(output.record?.isAcceptedReport == true && output.record?.device == "pk/second")
    for (request, peer, answer) in [(report, 1, taken), (other, 1, output), (report, 2, taken)] {
      let again = bench.platform.handle(request, from: peer, at: Self.at(2_000))
      #expect(again.record?.kind == .duplicate)
      #expect(again.record?.device == answer.record?.device)
      #expect(again.datagrams.map(\.bytes) == answer.datagrams.map(\.bytes))
    }
  }

  @Test func `a token that is nobody's gets no answer of another device`() throws {
    var bench = Self.pair()
    let session = try bench.session()
    let report = try Self.report(&bench, session, "2")
    #expect(bench.platform.handle(report, from: 1, at: Self.at(0)).record?.code == .content)
    bench.messageID -= 1
    let options = [(UInt16(2_088), Array("nobody's".utf8)), (2_089, try session.seal("2"))]
    let other = try bench.request(Self.path, options, try session.seal("x"))
    let output = bench.platform.handle(other, from: 1, at: Self.at(1_000))
    #expect(output.record?.kind == .report && output.record?.code == .unauthorized)
  }

  @Test func `a device that uses its message ID anew gets the earlier answer`() throws {
    var bench = Self.pair()
    let session = try bench.session()
    let report = try Self.report(&bench, session, "2")
    _ = bench.platform.handle(report, from: 1, at: Self.at(0))
    bench.messageID -= 1
    let other = try Self.report(&bench, session, "3")
    let output = bench.platform.handle(other, from: 1, at: Self.at(1_000))
    #expect(output.record?.kind == .duplicate)
  }

  @Test func `an address with several devices forgets none of their requests before its time`()
    throws
  {
    let lifetime = SimulatorConfiguration().exchangeLifetime
    var bench = Self.pair()
    let auth = [(UInt16(12), [UInt8(50)]), (17, [50])]
    let first = try bench.request(["auth"], auth, Array(try Bench.valid().utf8))
    bench.messageID -= 1
    let second = try bench.request(["auth"], auth, try Self.second())
    func handle(_ request: [UInt8], _ time: Int64) -> RequestRecord.Kind? {
      bench.platform.handle(request, from: 1, at: Self.at(time)).record?.kind
    }
    let half = lifetime.count / 2
    #expect(handle(first, 0) == .authentication && handle(second, half) == .authentication)
    #expect(handle(first, half) == .duplicate && handle(second, half) == .duplicate)
    // The first one's time is over; the second one's is not.
    #expect(handle(first, lifetime.count) == .authentication)
    #expect(handle(second, lifetime.count) == .duplicate)
    #expect(handle(second, lifetime.count + half) == .authentication)
  }

  @Test func `whoever claims to be one device after another costs no search through all of them`()
    throws
  {
    var bench = Bench()
    let auth = [(UInt16(12), [UInt8(50)]), (17, [50])]
    var requests: [[UInt8]] = []
    for number in 0..<8 {
      let form = #"{"productKey":"pk","deviceName":"claim\#(number)","clientId":"c","sign":"00"}"#
      requests.append(try bench.request(["auth"], auth, Array(form.utf8)))
      bench.messageID -= 1
    }
    for request in requests {
      let output = bench.platform.handle(request, from: 1, at: Self.at(0))
      #expect(output.record?.kind == .authentication)
    }
    let kinds = requests.suffix(4).map {
      bench.platform.handle($0, from: 1, at: Self.at(0)).record?.kind
    }
    #expect(kinds == [.duplicate, .duplicate, .duplicate, .duplicate])
    #expect(
      bench.platform.handle(requests[0], from: 1, at: Self.at(0)).record?.kind == .authentication
    )
  }
}
