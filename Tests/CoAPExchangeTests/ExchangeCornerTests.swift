// SPDX-License-Identifier: Apache-2.0
import CoAPExchange
import CoAPMessage
import ConstrainedCore
import TestSupport
import Testing

@Suite("Corners of RFC 7252, 7641, 7959, 7967 and 9175")
struct ExchangeCornerTests {
  @Test(arguments: [[UInt8(10)], [3]])
  func `a renewal answered with the known or a restarted sequence number goes on`(
    sequence: [UInt8]
  ) throws {
    let registration = try ObserveTests.registered()
    let bench = registration.bench
    let id = registration.id
    _ = bench.wait()
    #expect(bench.event() == .stale(id))
    _ = bench.wait()
    #expect(try bench.sent() == "44011235deadbeef60536f6273")
    let answer = bytes(
      .acknowledgement,
      .content,
      0x1235,
      0xDEAD_BEEF,
      [(.observe, sequence), (.maxAge, [30])]
    )
    #expect(try bench.receive(hexText(answer.span)) == .notification(id))
    #expect(bench.wait() == 30_000)
    #expect(try bench.sent() == "")
  }

  @Test func `the renewal is answered by the known number in a separate response`() throws {
    let registration = try ObserveTests.registered()
    let bench = registration.bench
    let id = registration.id
    _ = bench.wait()
    #expect(bench.event() == .stale(id))
    _ = bench.wait()
    _ = try bench.transmit()
    #expect(try bench.receive("60 00 12 35") == .acknowledged(id))
    let answer = bytes(
      .confirmable,
      .content,
      0x7701,
      0xDEAD_BEEF,
      [(.observe, [10]), (.maxAge, [30])]
    )
    _ = try bench.receive(hexText(answer.span))
    #expect(try bench.sent() == "60007701")
    #expect(bench.wait() == 30_000)
    #expect(bench.event() != .timedOut(id))
  }

  #if !SMALL
  @Test func `a renewal that is challenged with a newer Echo value is sent again`() throws {
    let bench = Bench()
    let id = try bench.send(.get, options: [(.observe, [])])
    _ = try bench.transmit()
    #expect(
      try bench.receive("64 81 12 34 de ad be ef d8 ef 01 02 03 04 05 06 07 08") == .challenged(id)
    )
    _ = try bench.transmit()
    let state = bytes(.acknowledgement, .content, 0x1235, 0xDEAD_BEEF, [(.observe, [10])])
    #expect(try bench.receive(hexText(state.span)) == .notification(id))
    _ = bench.wait()
    _ = bench.event()
    _ = bench.wait()
    #expect(try bench.sent() == "44011236deadbeef60d8e90102030405060708")
    #expect(
      try bench.receive("64 81 12 36 de ad be ef d8 ef 11 12 13 14 15 16 17 18") == .challenged(id)
    )
  }
  #endif

  @Test func `a transfer that starts over does not register a second observation`() throws {
    var transfer = try Transfer(.get) { (message: inout MessageWriter) throws(MessageWriterError) in
      try message.option(.observe, uint: 0)
      try message.option(.uriPath, [0x61].span)
    }
    func request() throws -> BlockRequest {
      var buffer = [UInt8](repeating: 0, count: 128)
      var writer = try MessageWriter(
        buffer.mutableSpan,
        type: .confirmable,
        code: .get,
        messageID: 1,
        token: Token(9)
      )
      try transfer.write(into: &writer)
      let count = writer.count
      return try BlockRequest(Array(buffer[..<count]))
    }
    let block = [UInt8](repeating: 1, count: 16)
    #expect(try request().hasObserve)
    let first = bytes(
      .acknowledgement,
      .content,
      1,
      9,
      [(.eTag, [1]), (.observe, [5]), (.block2, [0x08])],
      payload: block
    )
    let view = try MessageView(first.span)
    let step = try transfer.handle(view)
    #expect(step == .block(offset: 0))
    #expect(try !request().hasObserve)
    let second = bytes(
      .acknowledgement,
      .content,
      2,
      9,
      [(.eTag, [2]), (.block2, [0x18])],
      payload: block
    )
    let secondView = try MessageView(second.span)
    let secondStep = try transfer.handle(secondView)
    #expect(secondStep == .restart)
    #expect(try !request().hasObserve)
  }

  @Test(arguments: [[0x0F], [0x07]] as [[UInt8]])
  func `a first block of the reserved size is not taken for the whole body`(
    block2: [UInt8]
  )
    throws
  {
    #expect(throws: BlockwiseError.unexpectedBlock) {
      _ = try run(try Transfer(.get, BlockwiseTransferTests.path)) { _ in
        (.content, [(.block2, block2)], BlockwiseTransferTests.body(1_024))
      }
    }
  }

  @Test func `the event of a request that wants no answer is not waited for without end`()
    throws
  {
    let bench = Bench()
    let id = try bench.send(.post, type: .nonConfirmable, options: [(.noResponse, [26])])
    // The documented order: pollTransmit until nil, wait for a datagram or for pollTimeout, ...
    while try bench.transmit() != nil {}
    #expect(!bench.isIdle)
    #expect(bench.deadline() != nil)
    _ = id
  }

  @Test(arguments: [[8], [24], [4]] as [[UInt8]])
  func `silence is a loss where success was wanted`(noResponse: [UInt8]) throws {
    let bench = Bench()
    let id = try bench.send(.post, type: .nonConfirmable, options: [(.noResponse, noResponse)])
    _ = try bench.transmit()
    _ = bench.wait()
    #expect(bench.event() == .timedOut(id))
  }

  @Test func `an old observation does not swallow the acknowledgement of another request`()
    throws
  {
    let bench = Bench()
    let observation = try bench.send(.get, options: [(.observe, [])])
    _ = try bench.transmit()
    #expect(try bench.receive("60 00 12 34") == .acknowledged(observation))
    let state = bytes(
      .confirmable,
      .content,
      0x7701,
      0xDEAD_BEEF,
      [(.observe, [10]), (.maxAge, [0x0F, 0xFF, 0xFF, 0xFF])]
    )
    #expect(try bench.receive(hexText(state.span)) == .notification(observation))
    _ = try bench.transmit()
    // Until the observation's message ID comes again.
    var found: ExchangeID?
    for _ in 0..<1_000_000 {
      let id = try bench.send(token: 2)
      bench.now = bench.now + Milliseconds(60_000)
      if try bench.sent().hasPrefix("440212340000") {
        found = id
        break
      }
      bench.endpoint.cancel(id)
    }
    let id = try #require(found)
    #expect(try bench.receive("64 44 12 34 00 00 00 02") == .response(id))
  }

  #if !SMALL
  @Test func `a second challenge to the first copy is not the answer to the second request`()
    throws
  {
    let bench = Bench()
    let id = try bench.send(.get)
    _ = try bench.transmit()
    _ = bench.wait()
    _ = try bench.transmit()
    // A server that does not deduplicate a GET answers both copies, each separately.
    #expect(try bench.receive("54 81 00 07 de ad be ef d4 ef 01 02 03 04") == .challenged(id))
    _ = try bench.transmit()
    #expect(try bench.receive("54 81 00 08 de ad be ef d4 ef 05 06 07 08") == .ignored)
    #expect(try bench.receive("64 45 12 35" + bench.token) == .response(id))
  }
  #endif

  @Test func `two requests under way never share a token`() throws {
    let bench = Bench()
    _ = try bench.send(.get, token: 5)
    #expect(throws: ExchangeError.tokenInUse) { try bench.send(.get, token: 5) }
  }

  #if !SMALL
  @Test func `a notification that crosses the renewal is no round trip`() throws {
    let bench = Bench(isAdaptive: true)
    let id = try bench.send(.get, options: [(.observe, [])])
    _ = try bench.transmit()
    bench.now = bench.now + Milliseconds(20_000)
    let first = bytes(.acknowledgement, .content, 0x1234, 0xDEAD_BEEF, [(.observe, [1])])
    bench.endpoint.resetTimeout()
    #expect(try bench.receive(hexText(first.span)) == .notification(id))
    bench.endpoint.resetTimeout()
    _ = bench.wait()
    _ = bench.event()
    _ = bench.wait()
    _ = try bench.transmit()
    let other = bytes(.nonConfirmable, .content, 0x7701, 0xDEAD_BEEF, [(.observe, [2])])
    bench.now = bench.now + Milliseconds(1)
    #expect(try bench.receive(hexText(other.span)) == .notification(id))
    _ = try bench.send(.get, token: 3)
    _ = try bench.transmit()
    let deadline = try #require(bench.deadline())
    #expect((deadline - bench.now).count >= 2_000)
  }
  #endif

  @Test func `the last block is no longer than it says`() throws {
    #expect(throws: BlockwiseError.wrongBlockSize) {
      _ = try run(try Transfer(.get, BlockwiseTransferTests.path)) { _ in
        (.content, [(.block2, [0x00])], BlockwiseTransferTests.body(1_024))
      }
    }
  }

  @Test func `a timer that fires a little late still sends the last retransmission`() throws {
    let bench = Bench()
    _ = try bench.send(random: .max)
    var sent = 0
    while try bench.transmit() != nil {
      sent += 1
      _ = bench.wait()
      bench.now = bench.now + Milliseconds(1)
      bench.endpoint.handleTimeout(at: bench.now)
    }
    #expect(sent == 5)
  }

  @Test func `a request with its own PROBING_RATE keeps to it`() throws {
    let bench = Bench()
    let fast = TransmissionParameters(
      acknowledgementTimeout: Milliseconds(2_000),
      maxRetransmit: 4,
      probingRate: 11
    )
    for token in 1...2 {
      _ = try bench.send(
        .post,
        type: .nonConfirmable,
        token: UInt32(token),
        parameters: fast,
        options: [(.noResponse, [26])]
      )
    }
    _ = try bench.transmit()
    while bench.event() != nil {}
    #expect(bench.wait() == 1_000)
  }

  @Test func `a failed send stays visible in pollTimeout`() throws {
    struct Failed: Error {}
    let bench = Bench()
    _ = try bench.send()
    #expect(throws: Failed.self) {
      _ = try bench.endpoint.pollTransmit(at: bench.now) { (_: Span<UInt8>) throws(Failed) in
        throw Failed()
      }
    }
    #expect(bench.deadline() != nil)
  }

  @Test func `a size that the changed resource no longer has is forgotten`() throws {
    var transfer = try Transfer(.get, BlockwiseTransferTests.path)
    let block = [UInt8](repeating: 1, count: 16)
    for (options, step) in [
      ([(.eTag, [1]), (.block2, [0x08]), (.size2, [200])], .block(offset: 0)),
      ([(.eTag, [2]), (.block2, [0x18])], .restart),
    ] as [([(OptionNumber, [UInt8])], BlockwiseStep)] {
      let message = bytes(.acknowledgement, .content, 1, 9, options, payload: block)
      let view = try MessageView(message.span)
      let taken = try transfer.handle(view)
      #expect(taken == step)
    }
    let size = transfer.responseSize
    #expect(size == nil)
  }

  @Test func `a number of more than 32 bits is not cut`() throws {
    let message = bytes(.acknowledgement, .content, 1, 9, [(.eTag, [1, 0, 0, 0, 0, 0, 0, 5])])
    let view = try MessageView(message.span)
    let value = view.uint(.eTag)
    #expect(value == nil)
  }

  @Test(arguments: [OptionNumber.uriPath, .ifMatch, .uriHost, .accept, .proxyURI])
  func `a critical option that no response has makes the response unusable`(
    option: OptionNumber
  ) throws {
    let bench = Bench()
    _ = try bench.send(.get)
    _ = try bench.transmit()
    let message = bytes(.acknowledgement, .content, 0x1234, 0xDEAD_BEEF, [(option, [0x61])])
    #expect(try bench.receive(hexText(message.span)) == .ignored)
  }

  @Test func `a state that is fresh again is not said to be stale`() throws {
    let registration = try ObserveTests.registered()
    let bench = registration.bench
    _ = bench.wait()
    let message = bytes(
      .nonConfirmable,
      .content,
      0x7701,
      0xDEAD_BEEF,
      [(.observe, [11]), (.maxAge, [30])]
    )
    #expect(try bench.receive(hexText(message.span)) == .notification(registration.id))
    #expect(bench.event() == nil)
  }

  @Test func `a Reset after the acknowledgement is ignored`() throws {
    let bench = Bench()
    let id = try bench.send()
    _ = try bench.transmit()
    #expect(try bench.receive("60 00 12 34") == .acknowledged(id))
    #expect(try bench.receive("70 00 12 34") == .ignored)
    #expect(!bench.isIdle)
  }
}
