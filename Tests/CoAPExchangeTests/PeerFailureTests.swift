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

  @Test func `the message ID goes on after 65535`() throws {
    let bench = Bench()
    var seen: [String] = []
    for number in 0..<65_540 {
      let id = try bench.send(token: UInt32(number))
      // An hour a message: every message ID is free again.
      bench.now = bench.now + Milliseconds(3_600_000)
      seen.append(String(try bench.sent().dropFirst(4).prefix(4)))
      bench.endpoint.cancel(id)
    }
    #expect(seen[0xFFFF - 0x1234] == "ffff")
    #expect(seen[0xFFFF - 0x1234 + 1] == "0000")
    #expect(Set(seen.prefix(65_536)).count == 65_536)
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
}
