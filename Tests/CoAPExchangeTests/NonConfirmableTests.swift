// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import ConstrainedCore
import TestSupport
import Testing

@testable import CoAPExchange

@Suite("RFC 7252 Sections 4.3 and 4.7, RFC 7967: requests without acknowledgement, pings")
struct NonConfirmableTests {
  @Test func `a non-confirmable request is sent once and answered by its token`() throws {
    let bench = Bench()
    let id = try bench.send(.get, type: .nonConfirmable)
    #expect(try bench.sent() == "54011234deadbeef")
    #expect(try bench.receive("54 45 77 01 de ad be ef") == .response(id))
    #expect(try bench.sent() == "")
    // Its duplicate is ignored for NON_LIFETIME.
    #expect(try bench.receive("54 45 77 01 de ad be ef") == .ignored)
    #expect(bench.isIdle)
  }

  @Test func `a confirmable response answers it and is acknowledged`() throws {
    let bench = Bench()
    let id = try bench.send(.get, type: .nonConfirmable)
    _ = try bench.transmit()
    #expect(try bench.receive("44 45 77 01 de ad be ef") == .response(id))
    #expect(try bench.sent() == "60007701")
    #expect(bench.isIdle)
  }

  @Test func `without an answer it times out after MAX_TRANSMIT_WAIT`() throws {
    let bench = Bench()
    let id = try bench.send(.get, type: .nonConfirmable)
    _ = try bench.transmit()
    #expect(bench.wait() == 93_000)
    #expect(try bench.sent() == "")
    #expect(bench.event() == .timedOut(id))
  }

  @Test(arguments: [("60 00 12 34", "an ACK"), ("64 45 12 34 de ad be ef", "a piggybacked answer")])
  func `it has no acknowledgement`(message: String, what: String) throws {
    let bench = Bench()
    _ = try bench.send(.get, type: .nonConfirmable)
    _ = try bench.transmit()
    #expect(try bench.receive(message) == .ignored)
    #expect(!bench.isIdle)
  }

  @Test func `a Reset ends it`() throws {
    let bench = Bench()
    let id = try bench.send(.get, type: .nonConfirmable)
    _ = try bench.transmit()
    #expect(try bench.receive("70 00 12 34") == .reset(id))
    #expect(bench.isIdle)
  }

  @Test func `No-Response for all classes ends it when it is sent`() throws {
    let bench = Bench()
    let id = try bench.send(.post, type: .nonConfirmable, options: [(.noResponse, [26])])
    #expect(try bench.sent() == "54021234deadbeefd1f51a")
    #expect(bench.event() == .concluded(id))
    #expect(bench.isIdle)
    // An answer that comes all the same is nobody's.
    #expect(try bench.receive("54 44 77 01 de ad be ef") == .ignored)
    #expect(try bench.sent() == "")
  }

  @Test func `No-Response for success alone waits for failure as long as for an answer`() throws {
    let bench = Bench()
    let id = try bench.send(.post, type: .nonConfirmable, options: [(.noResponse, [2])])
    _ = try bench.transmit()
    #expect(bench.event() == nil)
    #expect(bench.wait() == 93_000)
    #expect(bench.event() == .concluded(id))
  }

  @Test func `a confirmable request with No-Response is over with its acknowledgement`() throws {
    let bench = Bench()
    let id = try bench.send(.post, options: [(.noResponse, [26])])
    _ = try bench.transmit()
    #expect(try bench.receive("60 00 12 34") == .acknowledged(id))
    #expect(bench.event() == .concluded(id))
    #expect(bench.isIdle)
  }

  @Test func `to a silent server requests go at PROBING_RATE, one byte a second`() throws {
    let bench = Bench()
    // 11 bytes each.
    for token in 1...2 {
      _ = try bench.send(
        .post,
        type: .nonConfirmable,
        token: UInt32(token),
        options: [(.noResponse, [26])]
      )
    }
    #expect(try bench.sent() != "")
    #expect(try bench.sent() == "")
    #expect(bench.event() != nil)
    #expect(bench.wait() == 11_000)
    #expect(try bench.sent() != "")
    while bench.event() != nil {}
    // A confirmable request finds out whether the server is there, and its answer lifts the limit.
    let id = try bench.send(.get, token: 3)
    #expect(try bench.sent() != "")
    _ = try bench.send(.post, type: .nonConfirmable, token: 4, options: [(.noResponse, [26])])
    #expect(try bench.receive("64 45 12 36 00 00 00 03") == .response(id))
    #expect(try bench.sent() != "")
  }

  @Test func `a ping is four bytes and answered by a Reset`() throws {
    let bench = Bench()
    let id = try bench.endpoint.ping(random: 0)
    #expect(try bench.sent() == "40001234")
    #expect(bench.wait() == 2_000)
    #expect(try bench.sent() == "40001234")
    #expect(try bench.receive("70 00 12 34") == .reset(id))
    #expect(bench.isIdle)
  }

  @Test func `a ping that is acknowledged shows as much that the server is there`() throws {
    let bench = Bench()
    let id = try bench.endpoint.ping(random: 0)
    _ = try bench.transmit()
    #expect(try bench.receive("60 00 12 34") == .reset(id))
    #expect(bench.isIdle)
  }
}

@Suite("RFC 9175 Section 2: Echo")
struct EchoTests {
  static let challenge = "64 81 12 34 de ad be ef d8 ef 01 02 03 04 05 06 07 08"

  #if !SMALL
  @Test func `a request goes again with the server's Echo value, a new message ID and token`()
    throws
  {
    let bench = Bench()
    let id = try bench.send(.post, options: [(.uriPath, [0x61]), (.size1, [5])], payload: [9])
    #expect(try bench.sent() == "44021234deadbeefb161d12405ff09")
    #expect(try bench.receive(Self.challenge) == .challenged(id))
    let again = try bench.sent()
    #expect(bench.token != "deadbeef")
    #expect(again == "44021235\(bench.token)b161d12405d8b30102030405060708ff09")
    // A second copy of the challenge means nothing any more.
    #expect(try bench.receive(Self.challenge) == .ignored)
    #expect(try bench.receive("64 44 12 35 de ad be ef") == .ignored)
    #expect(try bench.receive("64 44 12 35" + bench.token) == .response(id))
  }

  @Test func `a second challenge is the answer`() throws {
    let bench = Bench()
    let id = try bench.send(.post)
    _ = try bench.transmit()
    #expect(try bench.receive(Self.challenge) == .challenged(id))
    _ = try bench.transmit()
    let again = Self.challenge.replacing("12 34 de ad be ef", with: "12 35" + bench.token)
    #expect(try bench.receive(again) == .response(id))
  }
  #else
  @Test func `a small build takes the challenge for the answer`() throws {
    let bench = Bench()
    let id = try bench.send(.post)
    _ = try bench.transmit()
    #expect(try bench.receive(Self.challenge) == .response(id))
    #expect(bench.isIdle)
  }
  #endif

  @Test(arguments: ["64 81 12 34 de ad be ef", "64 81 12 34 de ad be ef d0 ef"])
  func `4.01 without an Echo value is the answer`(message: String) throws {
    let bench = Bench()
    let id = try bench.send(.post)
    _ = try bench.transmit()
    #expect(try bench.receive(message) == .response(id))
  }

  @Test func `a request that has no room for the value is answered with 4.01`() throws {
    let bench = Bench()
    let id = try bench.send(.post, payload: [UInt8](repeating: 1, count: 52))
    _ = try bench.transmit()
    #expect(try bench.receive(Self.challenge) == .response(id))
  }
}

@Suite("RFC 7252 Sections 4.4 and 5.3.1: message IDs and tokens")
struct IdentifierTests {
  @Test func `tokens do not repeat, and another key gives others`() {
    var endpoint = Endpoint(parameters: .standard, key: (0x0123_4567_89AB_CDEF, 1))
    var other = Endpoint(parameters: .standard, key: (0x0123_4567_89AB_CDEE, 1))
    var seen: Set<Token> = []
    var equal = 0
    for _ in 0..<100_000 {
      let token = endpoint.newToken()
      seen.insert(token)
      if token == other.newToken() { equal += 1 }
    }
    #expect(seen.count == 100_000)
    #expect(equal < 10)
  }

  /// The first words of Speck32/64's published vector.
  @Test func `the cipher gives the ciphertext that its authors print`() {
    var cipher = SmallCipher(key: 0x1918_1110_0908_0100, whitening: 0)
    #expect(cipher.encrypt(0x6574_694C) == 0xA868_42F2)
    // FX: what is added before and behind.
    var whitened = SmallCipher(key: 0x1918_1110_0908_0100, whitening: 0x0000_0001_8000_0000)
    #expect(whitened.encrypt(0x6574_694D) == 0x2868_42F2)
  }

  @Test func `every bit of the key changes the tokens and the message IDs`() throws {
    func start(_ key: (UInt64, UInt64)) throws -> ([Token], [UInt16]) {
      var endpoint = Endpoint(parameters: .standard, key: key)
      var source = MessageIDSource(key: key)
      let now = Instant(milliseconds: 0)
      return (
        (0..<4).map { _ in endpoint.newToken() }, (0..<8).map { _ in source.take(until: now) }
      )
    }
    let plain = try start((1, 2))
    for bit in 0..<128 {
      let other = try start(bit < 64 ? (1 ^ 1 << bit, 2) : (1, 2 ^ 1 << (bit - 64)))
      #expect(other.0 != plain.0, "bit \(bit)")
      // Of the last number that is added, a message ID uses only some bits; its key is made of tokens.
      if bit < 64 { #expect(other.1 != plain.1, "bit \(bit)") }
    }
  }

  @Test func `the next message ID lies anywhere in its block, and none comes twice`() {
    var source = MessageIDSource(key: (3, 4))
    let first = (0..<2_048).map { _ in source.take(until: Instant(milliseconds: 0)) }
    #expect(Set(first).count == 2_048)
    #expect(Set(first.map { $0 >> 12 }).count == 1)
    // A step from one to the next is as good as any other: of 2,047, few are the same.
    let steps = zip(first, first.dropFirst()).map { ($1 &- $0) & 0xFFF }
    let often = Dictionary(grouping: steps) { $0 }.values.map(\.count).max() ?? 0
    #expect(often <= 6)
    #expect(Set(steps).count > 1_400)
    let other = (0..<2_048).map { _ in source.take(until: Instant(milliseconds: 0)) }
    #expect(Set(other.map { $0 >> 12 }) == [(first[0] >> 12 + 1) & 15])
  }

  @Test func `a message ID comes again only after EXCHANGE_LIFETIME`() throws {
    var source = MessageIDSource(key: (5, 6))
    let lifetime = TransmissionParameters.standard.exchangeLifetime
    var now = Instant(milliseconds: 1_000)
    var last: [UInt16: Instant] = [:]
    var shortest = Int64.max
    var waits = 0
    for _ in 0..<140_000 {
      if source.available > now {
        // Too fast: the message ID is not free yet.
        waits += 1
        now = source.available
      }
      let messageID = source.take(until: now + lifetime)
      if let before = last[messageID] { shortest = min(shortest, (now - before).count) }
      last[messageID] = now
      now = now + Milliseconds(1)
    }
    // Half of each block in its turn: after four turns nearly all have come.
    #expect(last.count > 60_000)
    #expect(shortest >= lifetime.count)
    #expect(waits > 0)
  }

  @Test func `an endpoint that is too fast waits until a message ID is free`() throws {
    let bench = Bench()
    var waits = 0
    for number in 0..<33_000 {
      let id = try bench.send(token: UInt32(number))
      if try bench.transmit() == nil {
        waits += 1
        _ = bench.wait()
        #expect(try bench.transmit() != nil)
      }
      bench.endpoint.cancel(id)
    }
    #expect(waits == 1)
  }
}

#if !SMALL
@Suite("CoCoA: the retransmission timeout follows the round trips")
struct AdaptiveTimeoutTests {
  /// Sends a request, answers it after a time, and returns the timeout that it started with.
  func exchange(_ bench: Bench, after delay: Int64, lost: Int = 0) throws -> Int64 {
    _ = try bench.send(.get)
    let messageID = String(try bench.sent().dropFirst(4).prefix(4))
    let timeout = (try #require(bench.deadline()) - bench.now).count
    for _ in 0..<lost {
      _ = bench.wait()
      #expect(try bench.sent() != "")
    }
    bench.now = bench.now + Milliseconds(delay)
    _ = try bench.receive("6445" + messageID + "deadbeef")
    return timeout
  }

  @Test func `it is off by default`() throws {
    let bench = Bench()
    for _ in 0..<5 { #expect(try exchange(bench, after: 1_500) == 2_000) }
  }

  @Test func `strong round trips pull it to the measured time and never below a second`() throws {
    let bench = Bench(isAdaptive: true)
    #expect(try exchange(bench, after: 400) == 2_000)
    // Smoothed 400, variation 200: 400 + 4 * 200 = 1200, averaged with 2000.
    #expect(try exchange(bench, after: 400) == 1_600)
    for _ in 0..<30 { _ = try exchange(bench, after: 400) }
    #expect(try exchange(bench, after: 400) == 1_000)
  }

  @Test func `a round trip with a retransmission counts for the weak estimator alone`() throws {
    let bench = Bench(isAdaptive: true)
    #expect(try exchange(bench, after: 1_000, lost: 1) == 2_000)
    // Measured from the first transmission, 3 s: 3000 + 1500, a quarter of it and three quarters
    // of 2000.
    #expect(try exchange(bench, after: 1_000) == 2_625)
    // Now the strong one: 1000 + 4 * 500 = 3000, averaged.
    #expect(try exchange(bench, after: 1_000) == 2_812)
  }

  @Test func `a round trip with three retransmissions counts for none`() throws {
    let bench = Bench(isAdaptive: true)
    #expect(try exchange(bench, after: 500, lost: 3) == 2_000)
    #expect(try exchange(bench, after: 500) == 2_000)
  }

  @Test func `a long timeout grows by half and goes down again when nothing confirms it`() throws {
    let bench = Bench(isAdaptive: true)
    _ = try exchange(bench, after: 1_900)
    _ = try exchange(bench, after: 1_900)
    _ = try bench.send(.get)
    _ = try bench.transmit()
    let first = try #require(bench.wait())
    #expect(first > 3_000)
    _ = try bench.transmit()
    #expect(bench.wait() == first * 3 / 2)
    bench.endpoint.cancel(try bench.send(.get, token: 1))
    _ = try bench.transmit()
    var event = bench.event()
    while event == nil, bench.wait() != nil {
      _ = try bench.transmit()
      event = bench.event()
    }
    #expect(event != nil)
    bench.now = bench.now + Milliseconds(first * 5)
    #expect(try exchange(bench, after: 1) == 1_000 + first / 2)
  }

  @Test func `after a sleep it starts over`() throws {
    let bench = Bench(isAdaptive: true)
    _ = try exchange(bench, after: 400)
    bench.endpoint.resetTimeout()
    #expect(try exchange(bench, after: 400) == 2_000)
  }

  @Test func `a request with parameters of its own keeps to them`() throws {
    let bench = Bench(isAdaptive: true)
    _ = try exchange(bench, after: 400)
    _ = try bench.send(.get, parameters: .nbIoT)
    _ = try bench.transmit()
    #expect(bench.wait() == 10_000)
  }

  @Test func `one retransmission fits into MAX_TRANSMIT_SPAN, and none goes out after it`() throws {
    let bench = Bench(isAdaptive: true)
    for _ in 0..<10 { _ = try exchange(bench, after: 60_000) }
    let started = bench.now
    _ = try bench.send(.get, random: .max)
    var sent = 0
    while try bench.transmit() != nil {
      sent += 1
      #expect(bench.now - started <= TransmissionParameters.standard.maxTransmitSpan)
      _ = bench.wait()
    }
    #expect(sent == 2)
    #expect(bench.event() != nil)
    #expect(bench.now - started == TransmissionParameters.standard.maxTransmitWait)
  }
}
#endif
