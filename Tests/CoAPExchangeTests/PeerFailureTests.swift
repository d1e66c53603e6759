// SPDX-License-Identifier: Apache-2.0
import CoAPExchange
import CoAPMessage
import ConstrainedCore
import TestSupport
import Testing

/// What other CoAP clients were seen to do wrong.
@Suite("Where other clients fail")
struct ExchangePeerFailureTests {
  @Test func `cancel stops the retransmissions`() throws {
    let bench = Bench()
    let id = try bench.send()
    _ = try bench.transmit()
    _ = bench.wait()
    bench.endpoint.cancel(id)
    #expect(try bench.sent() == "")
    #expect(bench.deadline() == nil)
  }

  @Test func `a late or second ACK is ignored in silence and not answered with a Reset`() throws {
    let bench = Bench()
    let id = try bench.send()
    _ = try bench.transmit()
    #expect(try bench.receive("64 45 12 34 de ad be ef") == .response(id))
    for late in ["64 45 12 34 de ad be ef", "60 00 12 34", "64 45 99 99 01 02 03 04"] {
      #expect(try bench.receive(late) == .ignored)
      #expect(try bench.sent() == "")
    }
  }

  @Test func `an empty ACK is followed by a separate response, however late`() throws {
    let bench = Bench(.nbIoT)
    let id = try bench.send()
    _ = try bench.transmit()
    #expect(try bench.receive("60 00 12 34") == .acknowledged(id))
    bench.now = bench.now + Milliseconds(200_000)
    bench.endpoint.handleTimeout(at: bench.now)
    #expect(try bench.receive("44 45 00 07 de ad be ef") == .response(id))
    #expect(try bench.sent() == "60000007")
  }

  @Test func `the answer to the last retransmission counts`() throws {
    let bench = Bench()
    let id = try bench.send(random: 0)
    var sent = 0
    while try bench.transmit() != nil {
      sent += 1
      if sent < 5 { _ = bench.wait() }
    }
    #expect(sent == 5)
    bench.now = bench.now + Milliseconds(40_000)
    bench.endpoint.handleTimeout(at: bench.now)
    #expect(try bench.receive("64 45 12 34 de ad be ef") == .response(id))
  }

  @Test func `the client does not give up before its first retransmission`() throws {
    for parameters in [TransmissionParameters.standard, .lteM, .nbIoT, .nbIoTDeep] {
      let bench = Bench(parameters)
      _ = try bench.send(random: .max)
      _ = try bench.transmit()
      _ = bench.wait()
      #expect(bench.event() == nil)
      #expect(try bench.transmit() != nil)
    }
  }

  @Test func `retransmissions are spaced by time and double, with a random start`() throws {
    var firsts: Set<Int64> = []
    for random in [0, UInt32.max / 3, .max] {
      let bench = Bench()
      _ = try bench.send(random: random)
      _ = try bench.transmit()
      let first = try #require(bench.wait())
      firsts.insert(first)
      #expect((2_000...3_000).contains(first))
      _ = try bench.transmit()
      #expect(bench.wait() == first * 2)
    }
    #expect(firsts.count == 3)
  }

  @Test func `timers that are served late cost no retransmission`() throws {
    let bench = Bench()
    // The longest timeouts there are: the last one ends just at MAX_TRANSMIT_SPAN.
    _ = try bench.send(random: .max)
    var sent = 0
    while try bench.transmit() != nil {
      sent += 1
      guard let next = bench.deadline() else { break }
      bench.now = next + Milliseconds(20)
      bench.endpoint.handleTimeout(at: bench.now)
    }
    #expect(sent == 5)
  }

  @Test func `the message IDs go on after the last of their blocks`() throws {
    var endpoint = Endpoint(parameters: .standard, key: (7, 1))
    var now = Instant(milliseconds: 1_000)
    var blocks: [UInt8] = []
    var seen: Set<UInt16> = []
    for number in 0..<65_540 {
      let id = try endpoint.send(.post, token: Token(UInt32(number)), random: 0) { _ in }
      // An hour a message: every message ID is free again.
      now = now + Milliseconds(3_600_000)
      var messageID: UInt16?
      _ = endpoint.pollTransmit(at: now) { messageID = UInt16($0[2]) << 8 | UInt16($0[3]) }
      let drawn = try #require(messageID)
      if blocks.last != UInt8(drawn >> 12) {
        blocks.append(UInt8(drawn >> 12))
        seen.removeAll()
      }
      #expect(seen.insert(drawn).inserted)
      endpoint.cancel(id)
    }
    // Each block after the one before, the last one before the first, and twice round.
    #expect(blocks.count == 33)
    #expect(zip(blocks, blocks.dropFirst()).allSatisfy { ($0 + 1) & 15 == $1 })
  }

  @Test func `every duplicate is known for EXCHANGE_LIFETIME, not only the last message's`() throws
  {
    let bench = Bench()
    for number in 0..<4 as Range<UInt32> {
      let id = try bench.send(token: number)
      _ = try bench.transmit()
      #expect(try bench.receive("44 45 77 0\(number) 00 00 00 0\(number)") == .response(id))
      #expect(try bench.sent() == "6000770\(number)")
    }
    for number in 0..<4 {
      #expect(try bench.receive("44 45 77 0\(number) 00 00 00 0\(number)") == .ignored)
      #expect(try bench.sent() == "6000770\(number)")
    }
    // The table of this endpoint has 4 places: a fifth response takes that of the first.
    let id = try bench.send(token: 4)
    _ = try bench.transmit()
    #expect(try bench.receive("44 45 77 04 00 00 00 04") == .response(id))
    #expect(try bench.sent() == "60007704")
    #expect(try bench.receive("44 45 77 00 00 00 00 00") == .ignored)
    #expect(try bench.sent() == "70007700")
  }

  @Test func `a device that slept past MAX_TRANSMIT_SPAN does not retransmit into oblivion`() throws
  {
    let bench = Bench()
    let id = try bench.send()
    _ = try bench.transmit()
    // The server may have forgotten the first copy, and would take a second one for a new request.
    bench.now = bench.now + Milliseconds(600_000)
    bench.endpoint.handleTimeout(at: bench.now)
    #expect(try bench.sent() == "")
    bench.endpoint.handleTimeout(at: bench.now)
    #expect(bench.event() == .timedOut(id))
  }

  @Test func `path and content format are in every block, and no Block1 in a Block2 request`()
    throws
  {
    let server = BlockServer()
    server.body = BlockwiseTransferTests.body(200)
    server.size = BlockSize(atMost: 64)
    let transfer = try Transfer(
      .post,
      blockSize: BlockSize(atMost: 64),
      BlockwiseTransferTests.path
    )
    let result = try run(transfer, count: 200) { server.answer($0) }
    #expect(result.body == server.body)
    for request in server.requests {
      #expect(request.path == [Array("large".utf8)] && request.contentFormat == 42)
      #expect(request.block1 == nil || request.block2 == nil || !request.payload.isEmpty)
    }
    #expect(server.requests.count { $0.block1 == nil } == 3)
  }

  /// 64 MiB up and 64 MiB down through blocks of 1,024 bytes and an endpoint of 1,152.
  @Test func `a body that does not fit in memory at once goes through`() throws {
    let count = 64 << 20
    var transfer = try Transfer(.put, bodySize: count, BlockwiseTransferTests.path)
    var offset = 0
    var response = bytes(.acknowledgement, .continue, 1, 1, [(.block1, [0, 0, 0])])
    var buffer = [UInt8](repeating: 0, count: 1_152)
    let block = [UInt8](repeating: 7, count: 1_024)
    while offset < count {
      let piece = transfer.nextPiece
      #expect(piece == offset..<offset + 1_024)
      var writer = try MessageWriter(
        buffer.mutableSpan,
        type: .confirmable,
        code: .put,
        messageID: 1,
        token: Token(1)
      )
      offset += 1_024
      try transfer.write(block.span, isLast: offset == count, into: &writer)
      guard let sent = BlockOption(offset: offset - 1_024, isMore: offset < count, size: .largest)
      else { break }
      let code: Code = offset == count ? .changed : .continue
      response = bytes(.acknowledgement, code, 1, 1, [(.block1, number(sent.value))])
      let view = try MessageView(response.span)
      let step = try transfer.handle(view)
      #expect(step == (offset == count ? .finished(offset: 0) : .next))
    }
    #expect(offset == count)
  }

  private func number(_ value: UInt32) -> [UInt8] {
    [16, 8, 0].filter { value >> $0 != 0 }.map { UInt8(truncatingIfNeeded: value >> $0) }
  }

  @Test(arguments: ["40 00 00 01", "40 01 00 01", "44 45 00 01 01 02 03 04", "49 01 00 01"])
  func `what calls for a Reset is not answered without end`(message: String) throws {
    let bench = Bench()
    let id = try bench.send()
    _ = try bench.transmit()
    var replies = 0
    for number in 0..<6_000 {
      var datagram = hex(message)
      (datagram[2], datagram[3]) = (UInt8(number >> 8), UInt8(number & 0xFF))
      _ = try bench.receive(hexText(datagram.span))
      while try bench.transmit() != nil { replies += 1 }
      bench.now = bench.now + Milliseconds(1)
    }
    // Eight at once, and one each second.
    #expect(replies >= 8 && replies <= 8 + 6)
    // The answer to a request of its own is not held up.
    #expect(try bench.receive("44 45 77 01 de ad be ef") == .response(id))
    #expect(try bench.sent() == "60007701")
    // After a pause a ping is answered again.
    bench.now = bench.now + Milliseconds(8_000)
    _ = try bench.receive("40 00 99 99")
    #expect(try bench.sent() == "70009999")
  }

  @Test func `copies of an answer that come without end are not acknowledged without end`() throws {
    let bench = Bench()
    let id = try bench.send()
    _ = try bench.transmit()
    #expect(try bench.receive("44 45 77 01 de ad be ef") == .response(id))
    var replies = 0
    for _ in 0..<6_000 {
      _ = try bench.receive("44 45 77 01 de ad be ef")
      while try bench.transmit() != nil { replies += 1 }
      bench.now = bench.now + Milliseconds(1)
    }
    #expect(replies >= 8 && replies <= 9 + 6)
  }
}
