// SPDX-License-Identifier: Apache-2.0
import CoAPExchange
import CoAPMessage
import ConstrainedCore
import FuzzEntries
import TestSupport
import Testing

@Suite("RFC 7252 Sections 4 and 5: the client's exchanges")
struct ClientEndpointTests {
  @Test func `a piggybacked response ends the exchange`() throws {
    let bench = Bench()
    let id = try bench.send()
    let sent = try #require(try bench.transmit())
    #expect(sent.0 == hex("44 02 12 34 de ad be ef ff 01"))
    #expect(sent.1 == .request(id, attempt: 1))
    #expect(try bench.transmit() == nil)
    #expect(try bench.receive("64 45 12 34 de ad be ef") == .response(id))
    #expect(bench.isIdle)
    #expect(bench.deadline() == nil)
    // A second copy of the acknowledgement is ignored in silence.
    #expect(try bench.receive("64 45 12 34 de ad be ef") == .ignored)
    #expect(try bench.transmit() == nil)
  }

  @Test func `retransmissions double, and the exchange ends after MAX_TRANSMIT_WAIT`() throws {
    let bench = Bench()
    let id = try bench.send()
    var gaps: [Int64] = []
    var attempts = 0
    while let sent = try bench.transmit() {
      attempts += 1
      #expect(sent.1 == .request(id, attempt: attempts))
      if let gap = bench.wait() { gaps.append(gap) }
    }
    #expect(gaps == [2_000, 4_000, 8_000, 16_000, 63_000])
    #expect(bench.now.milliseconds == 1_000 + 93_000)
    #expect(bench.event() == .timedOut(id))
    #expect(bench.event() == nil)
    #expect(bench.isIdle)
  }

  @Test(arguments: [
    (TransmissionParameters.standard, 45_000 as Int64, 93_000 as Int64, 247_000 as Int64),
    (.lteM, 90_000, 186_000, 294_000), (.nbIoT, 105_000, 225_000, 315_000),
    (.nbIoTDeep, 67_500, 157_500, 282_500),
  ])
  func `the derived times are those of RFC 7252 Section 4.8.2`(
    parameters: TransmissionParameters,
    span: Int64,
    wait: Int64,
    lifetime: Int64
  ) {
    #expect(parameters.maxTransmitSpan.count == span)
    #expect(parameters.maxTransmitWait.count == wait)
    #expect(parameters.exchangeLifetime.count == lifetime)
  }

  @Test(arguments: [TransmissionParameters.standard, .lteM, .nbIoT, .nbIoTDeep])
  func `no preset is less patient than the RFC, or sends more at once`(
    preset: TransmissionParameters
  ) {
    #expect(preset.acknowledgementTimeout.count >= 2_000)
    #expect(preset.acknowledgementRandomFactor == 1_500)
    #expect(preset.nstart == 1)
    #expect(preset.probingRate == 1)
  }

  @Test func `the first timeout lies between ACK_TIMEOUT and its random factor`() {
    let parameters = TransmissionParameters.nbIoT
    #expect(parameters.initialTimeout(random: 0).count == 10_000)
    #expect(parameters.initialTimeout(random: .max).count == 15_000)
    #expect(parameters.initialTimeout(random: .max / 2).count == 12_499)
  }

  @Test(arguments: [
    ("64 45 12 35 de ad be ef", "another message ID"), ("64 45 12 34 de ad be ee", "another token"),
    ("63 45 12 34 de ad be", "a shorter token"), ("64 02 12 34 de ad be ef", "a request code"),
    ("64 25 12 34 de ad be ef", "a reserved class"),
    ("64 45 12 34 de ad be ef 91 01", "an unknown critical option"),
    ("70 00 12 35", "a Reset for another message"), ("60 00 12 35", "an ACK for another message"),
  ])
  func `a message that is not the answer is ignored and the exchange goes on`(
    bytes: String,
    why: String
  ) throws {
    let bench = Bench()
    let id = try bench.send()
    _ = try bench.transmit()
    #expect(try bench.receive(bytes) == .ignored)
    #expect(try bench.transmit() == nil)
    #expect(try bench.receive("64 45 12 34 de ad be ef") == .response(id))
  }

  @Test func `an empty ACK stops the retransmissions, a separate response is acknowledged`() throws
  {
    let bench = Bench()
    let id = try bench.send()
    _ = try bench.transmit()
    #expect(try bench.receive("60 00 12 34") == .acknowledged(id))
    #expect(try bench.transmit() == nil)
    #expect(try bench.receive("60 00 12 34") == .ignored)
    bench.now = bench.now + Milliseconds(60_000)
    bench.endpoint.handleTimeout(at: bench.now)
    #expect(try bench.transmit() == nil)
    #expect(try bench.receive("44 45 77 01 de ad be ef") == .response(id))
    #expect(try #require(try bench.transmit()).0 == hex("60 00 77 01"))
    // The acknowledgement was lost: the response comes again and is acknowledged, not delivered.
    #expect(try bench.receive("44 45 77 01 de ad be ef") == .ignored)
    #expect(try #require(try bench.transmit()).0 == hex("60 00 77 01"))
    // After EXCHANGE_LIFETIME it answers nothing that is known.
    bench.now = bench.now + TransmissionParameters.standard.exchangeLifetime
    #expect(try bench.receive("44 45 77 01 de ad be ef") == .ignored)
    #expect(try #require(try bench.transmit()).0 == hex("70 00 77 01"))
  }

  @Test func `a response overtakes its acknowledgement`() throws {
    let bench = Bench()
    let id = try bench.send()
    _ = try bench.transmit()
    #expect(try bench.receive("54 45 77 02 de ad be ef") == .response(id))
    #expect(try bench.transmit() == nil)
    #expect(try bench.receive("60 00 12 34") == .ignored)
    #expect(try bench.transmit() == nil)
  }

  @Test func `a non-confirmable response follows an empty acknowledgement`() throws {
    let bench = Bench()
    let id = try bench.send()
    _ = try bench.transmit()
    #expect(try bench.receive("60 00 12 34") == .acknowledged(id))
    #expect(try bench.receive("54 45 77 02 de ad be ef") == .response(id))
    #expect(try bench.transmit() == nil)
    #expect(bench.isIdle)
  }

  @Test func `an acknowledged request whose answer never comes ends after MAX_TRANSMIT_WAIT`()
    throws
  {
    let bench = Bench()
    let id = try bench.send()
    _ = try bench.transmit()
    _ = try bench.receive("60 00 12 34")
    #expect(bench.wait() == 93_000)
    #expect(bench.event() == .timedOut(id))
  }

  @Test func `a Reset ends the exchange`() throws {
    let bench = Bench()
    let id = try bench.send()
    _ = try bench.transmit()
    #expect(try bench.receive("70 00 12 34") == .reset(id))
    #expect(bench.isIdle)
  }

  @Test func `cancel stops the retransmissions, and a late answer is ignored`() throws {
    let bench = Bench()
    let id = try bench.send()
    _ = try bench.transmit()
    bench.endpoint.cancel(id)
    #expect(bench.deadline() == nil)
    #expect(try bench.receive("64 45 12 34 de ad be ef") == .ignored)
    #expect(try bench.transmit() == nil)
    // The slot is free for the next request, and the old id does not cancel it.
    let next = try bench.send()
    #expect(next != id)
    bench.endpoint.cancel(id)
    #expect(try bench.transmit()?.1 == .request(next, attempt: 1))
  }

  @Test(arguments: [
    ("40 00 00 07", "70 00 00 07", "a ping"), ("40 01 00 08", "70 00 00 08", "a request"),
    ("44 45 00 09 01 02 03 04", "70 00 00 09", "an answer to nothing"),
    ("40 25 00 0a", "70 00 00 0a", "a reserved class"),
    ("4f 01 00 0b", "70 00 00 0b", "a format error"),
    ("44 45 12 34 de ad be ef 91 01", "70 00 12 34", "an unknown critical option"),
  ])
  func `a confirmable message that cannot be used gets a Reset`(
    bytes: String,
    reply: String,
    why: String
  ) throws {
    let bench = Bench()
    _ = try bench.send()
    _ = try bench.transmit()
    #expect(try bench.receive(bytes) == .ignored)
    #expect(try #require(try bench.transmit()).0 == hex(reply))
    #expect(try bench.transmit() == nil)
  }

  @Test(arguments: [
    "50 00 00 07", "50 01 00 08", "54 45 00 09 01 02 03 04", "5f 01 00 0b", "6f 01 00 0b",
    "80 01 00 0c", "40 01", "", "c0 01 00 0c",
  ])
  func `any other message that cannot be used is ignored`(bytes: String) throws {
    let bench = Bench()
    #expect(try bench.receive(bytes) == .ignored)
    #expect(try bench.transmit() == nil)
  }

  @Test func `NSTART 1 sends the second request when the first is over`() throws {
    let bench = Bench()
    let first = try bench.send(token: 1)
    let second = try bench.send(token: 2)
    #expect(throws: ExchangeError.tableFull) { try bench.send(token: 3) }
    #expect(try bench.transmit()?.1 == .request(first, attempt: 1))
    #expect(try bench.transmit() == nil)
    _ = try bench.receive("64 45 12 34 00 00 00 01")
    #expect(try bench.transmit()?.1 == .request(second, attempt: 1))
  }

  @Test(arguments: [1, 2, 3])
  func `no more than NSTART are outstanding, and the others follow in the order of send`(
    nstart: Int
  ) throws {
    var endpoint = ClientEndpoint<5, 64, 4>(
      parameters: TransmissionParameters(
        acknowledgementTimeout: Milliseconds(2_000),
        maxRetransmit: 4,
        nstart: nstart
      ),
      key: (7, 1)
    )
    var random = SeededRandom(seed: UInt64(nstart))
    let now = Instant(milliseconds: 1_000)
    var (sent, outstanding): ([ExchangeID], [[UInt8]]) = ([], [])
    var (started, most) = (0, 0)
    for number in 0..<2_000 {
      if Bool.random(using: &random) {
        do throws(ExchangeError) {
          let id = try endpoint.send(.post, token: Token(UInt32(number)), random: 0) { _ in }
          sent.append(id)
        } catch {
          #expect(error == .tableFull)
        }
      } else if let index = outstanding.indices.randomElement(using: &random) {
        // Answers come in any order, so that the places become free in any order.
        let request = outstanding.remove(at: index)
        let answer = [0x64, 0x45] + request[2..<8]
        _ = endpoint.handle(try MessageView(answer.span), at: now)
      }
      while true {
        var datagram: [UInt8] = []
        let transmission = endpoint.pollTransmit(at: now) { (bytes: Span<UInt8>) in
          for index in bytes.indices { datagram.append(bytes[index]) }
        }
        guard let transmission else { break }
        #expect(transmission == .request(sent[started], attempt: 1))
        started += 1
        outstanding.append(datagram)
      }
      #expect(outstanding.count <= nstart)
      #expect(outstanding.count == min(nstart, sent.count - started + outstanding.count))
      most = max(most, sent.count - started)
    }
    #expect(started > 500)
    #expect(most == 5 - nstart)
  }

  @Test func `what is no request is not sent`() {
    var endpoint = Endpoint(parameters: .standard, key: (0, 1))
    for code in [Code.content, .empty] {
      #expect(throws: ExchangeError.notARequest(code)) {
        _ = try endpoint.send(code, token: Token(), random: 0) { _ in }
      }
    }
    #expect(throws: ExchangeError.notARequest(.get)) {
      _ = try endpoint.send(.get, type: .reset, token: Token(), random: 0) { _ in }
    }
    #expect(throws: ExchangeError.message(.capacity)) {
      _ = try endpoint.send(.get, token: Token(), random: 0) {
        (message: inout MessageWriter) throws(MessageWriterError) in
        try message.payload([UInt8](repeating: 1, count: 60).span)
      }
    }
    let isIdle = endpoint.isIdle
    #expect(isIdle)
  }

  @Test func `random commands, datagrams and times neither trap nor leave the endpoint stuck`() {
    var random = SeededRandom(seed: 0xC0A9)
    let messages = [
      "64 45 00 00 00 00 00 00", "44 45 00 00 00 00 00 00", "54 45 00 00 00 00 00 00",
      "60 00 00 00",
      "70 00 00 00", "64 45 00 00 00 00 00 00 61 05 81 1e", "54 45 00 00 00 00 00 00 61 06",
      "64 81 00 00 00 00 00 00 d8 ef 01 02 03 04 05 06 07 08", "64 5f 00 00 00 00 00 00 d1 0e 08",
    ].map { hex($0) }
    for _ in 0..<20_000 {
      var script: [UInt8] = []
      for _ in 0..<Int.random(in: 1...30, using: &random) {
        if Bool.random(using: &random) {
          script += [.random(in: 0...6, using: &random), .random(in: 0...255, using: &random)]
          continue
        }
        var message = messages[Int.random(in: 0..<messages.count, using: &random)]
        if Bool.random(using: &random) {
          let index = Int.random(in: 0..<message.count, using: &random)
          message[index] = .random(in: 0...255, using: &random)
        }
        script += [Bool.random(using: &random) ? 15 : 7, UInt8(message.count)] + message
      }
      fuzzExchange(script.span)
    }
  }
}
