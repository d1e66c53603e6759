// SPDX-License-Identifier: Apache-2.0
import CoAPExchange
import CoAPMessage
import ConstrainedCore
import TestSupport
import Testing

@Suite("RFC 7641: observing a resource")
struct ObserveTests {
  /// An endpoint with a registered observation of /obs whose first state has sequence number 10 and
  /// Max-Age 30.
  static func registered() throws -> (bench: Bench, id: ExchangeID) {
    let bench = Bench()
    let id = try bench.send(.get, options: [(.observe, []), (.uriPath, Array("obs".utf8))])
    #expect(try bench.sent() == "44011234deadbeef60536f6273")
    let answer = bytes(
      .acknowledgement,
      .content,
      0x1234,
      0xDEAD_BEEF,
      [(.observe, [10]), (.maxAge, [30])]
    )
    #expect(try bench.receive(hexText(answer.span)) == .notification(id))
    return (bench, id)
  }

  func notification(
    _ sequence: UInt8,
    _ messageID: UInt16,
    _ type: MessageType = .confirmable,
    code: Code = .content
  ) -> String {
    hexText(
      bytes(type, code, messageID, 0xDEAD_BEEF, [(.observe, [sequence]), (.maxAge, [30])]).span
    )
  }

  @Test func `confirmable notifications are acknowledged, non-confirmable ones are not`() throws {
    let registration = try Self.registered()
    let bench = registration.bench
    let id = registration.id
    #expect(!bench.isIdle)
    #expect(try bench.receive(notification(11, 0x7701)) == .notification(id))
    #expect(try bench.sent() == "60007701")
    #expect(try bench.receive(notification(12, 0x7702, .nonConfirmable)) == .notification(id))
    #expect(try bench.sent() == "")
    // Duplicates are acknowledged and not delivered.
    #expect(try bench.receive(notification(11, 0x7701)) == .ignored)
    #expect(try bench.sent() == "60007701")
    #expect(try bench.receive(notification(12, 0x7702, .nonConfirmable)) == .ignored)
    #expect(try bench.sent() == "")
  }

  @Test func `an older notification is acknowledged and not delivered`() throws {
    let registration = try Self.registered()
    let bench = registration.bench
    let id = registration.id
    #expect(try bench.receive(notification(20, 0x7701)) == .notification(id))
    #expect(try bench.receive(notification(19, 0x7702)) == .ignored)
    #expect(try bench.sent() == "60007701")
    #expect(try bench.sent() == "60007702")
    // RFC 7641 Section 3.4: 128 seconds later any number is newer.
    bench.now = bench.now + Milliseconds(128_001)
    #expect(try bench.receive(notification(3, 0x7703, .nonConfirmable)) == .notification(id))
  }

  @Test func `sequence numbers are compared in a circle of 24 bits`() throws {
    let registration = try Self.registered()
    let bench = registration.bench
    let id = registration.id
    func receive(_ sequence: [UInt8], _ messageID: UInt16) throws -> Reception {
      let message = bytes(
        .nonConfirmable,
        .content,
        messageID,
        0xDEAD_BEEF,
        [(.observe, sequence)]
      )
      return try bench.receive(hexText(message.span))
    }
    #expect(try receive([0x80, 0x00, 0x09], 1) == .notification(id))
    #expect(try receive([0x00, 0x00, 0x08], 2) == .notification(id))
    #expect(try receive([0x80, 0x00, 0x08], 3) == .ignored)
    #expect(try receive([0xFF, 0xFF, 0xFF], 4) == .ignored)
    #expect(try receive([0x08], 5) == .ignored)
  }

  @Test func `after Max-Age the state is stale, and the observation is registered again`() throws {
    let registration = try Self.registered()
    let bench = registration.bench
    let id = registration.id
    #expect(bench.wait() == 30_000)
    #expect(bench.event() == .stale(id))
    #expect(bench.event() == nil)
    #expect(try bench.sent() == "")
    let pause = try #require(bench.wait())
    #expect((5_000...15_000).contains(pause))
    #expect(bench.event() == nil)
    // The same request with the same token under a new message ID.
    #expect(try bench.sent() == "44011235deadbeef60536f6273")
    let answer = bytes(.acknowledgement, .content, 0x1235, 0xDEAD_BEEF, [(.observe, [40])])
    #expect(try bench.receive(hexText(answer.span)) == .notification(id))
    // Without Max-Age it is fresh for 60 seconds.
    #expect(bench.wait() == 60_000)
  }

  @Test(arguments: [MessageType.acknowledgement, .confirmable])
  func `the answer to a renewal counts, however a rebooted server numbers it`(
    type: MessageType
  ) throws {
    let registration = try Self.registered()
    let bench = registration.bench
    let id = registration.id
    _ = bench.wait()
    _ = bench.event()
    _ = bench.wait()
    #expect(try bench.sent() == "44011235deadbeef60536f6273")
    if type == .confirmable { #expect(try bench.receive("60 00 12 35") == .acknowledged(id)) }
    #expect(try bench.receive(notification(0, 0x1235, type)) == .notification(id))
    // From here on the new numbers count.
    #expect(try bench.receive(notification(1, 0x7702)) == .notification(id))
    #expect(try bench.receive(notification(1, 0x7703)) == .ignored)
    #expect(bench.wait() == 30_000)
  }

  @Test func `a dead observation is said to be dead`() throws {
    let registration = try Self.registered()
    let bench = registration.bench
    let id = registration.id
    _ = bench.wait()
    #expect(bench.event() == .stale(id))
    _ = bench.wait()
    var sent = 0
    while try bench.transmit() != nil {
      sent += 1
      _ = bench.wait()
    }
    #expect(sent == 5)
    #expect(bench.event() == .timedOut(id))
    #expect(bench.isIdle)
  }

  @Test func `a notification that comes before the renewal keeps the observation alive`() throws {
    let registration = try Self.registered()
    let bench = registration.bench
    let id = registration.id
    _ = bench.wait()
    #expect(bench.event() == .stale(id))
    #expect(try bench.receive(notification(11, 0x7701, .nonConfirmable)) == .notification(id))
    #expect(bench.wait() == 30_000)
    #expect(bench.event() == .stale(id))
  }

  @Test func `active cancel repeats the request with Observe 1 and its token`() throws {
    let registration = try Self.registered()
    let bench = registration.bench
    let id = registration.id
    try bench.cancelObservation(id)
    #expect(try bench.sent() == "44011235deadbeef6101536f6273")
    // A notification that crosses it ends nothing and is not delivered.
    #expect(try bench.receive(notification(11, 0x7701)) == .ignored)
    #expect(try bench.sent() == "60007701")
    #expect(throws: ExchangeError.notAnObservation) { try bench.cancelObservation(id) }
    #expect(try bench.receive("64 45 12 35 de ad be ef") == .response(id))
    #expect(bench.isIdle)
    #expect(throws: ExchangeError.notAnObservation) { try bench.cancelObservation(id) }
  }

  @Test(arguments: [MessageType.confirmable, .nonConfirmable])
  func `passive cancel costs nothing, and the next notification gets a Reset`(
    type: MessageType
  ) throws {
    let registration = try Self.registered()
    let bench = registration.bench
    let id = registration.id
    bench.endpoint.cancel(id)
    #expect(bench.isIdle)
    #expect(bench.deadline() == nil)
    #expect(try bench.receive(notification(11, 0x7701, type)) == .ignored)
    #expect(try bench.sent() == "70007701")
  }

  @Test(arguments: [Code.notFound, .internalServerError])
  func `an error ends the observation`(code: Code) throws {
    let registration = try Self.registered()
    let bench = registration.bench
    let id = registration.id
    let message = bytes(.confirmable, code, 0x7701, 0xDEAD_BEEF)
    #expect(try bench.receive(hexText(message.span)) == .response(id))
    #expect(try bench.sent() == "60007701")
    #expect(bench.isIdle)
  }

  @Test func `a server that does not observe answers once`() throws {
    let bench = Bench()
    let id = try bench.send(.get, options: [(.observe, [])])
    _ = try bench.transmit()
    #expect(try bench.receive("64 45 12 34 de ad be ef") == .response(id))
    #expect(bench.isIdle)
  }

  @Test func `a second acknowledgement of the registration is ignored`() throws {
    let bench = try Self.registered().bench
    bench.now = bench.now + Milliseconds(129_000)
    let answer = bytes(.acknowledgement, .content, 0x1234, 0xDEAD_BEEF, [(.observe, [10])])
    #expect(try bench.receive(hexText(answer.span)) == .ignored)
  }

  @Test func `an observation holds no place among the outstanding requests`() throws {
    let bench = try Self.registered().bench
    let next = try bench.send(.get, token: 2)
    #expect(try bench.transmit()?.1 == .request(next, attempt: 1))
  }

  @Test func `a notification that overtakes the registration's acknowledgement is delivered`()
    throws
  {
    let bench = Bench()
    let id = try bench.send(.get, options: [(.observe, [])])
    _ = try bench.transmit()
    #expect(try bench.receive(notification(11, 0x7701)) == .notification(id))
    #expect(try bench.sent() == "60007701")
    // The acknowledgement carries an older state, and no retransmission is due any more.
    let answer = bytes(.acknowledgement, .content, 0x1234, 0xDEAD_BEEF, [(.observe, [10])])
    #expect(try bench.receive(hexText(answer.span)) == .ignored)
    #expect(try bench.sent() == "")
  }
}
