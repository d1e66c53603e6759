// SPDX-License-Identifier: Apache-2.0
import CoAPExchange
import CoAPMessage
import ConstrainedCore
import TestSupport
import Testing

@Suite("RFC 7959: block-wise transfers")
struct BlockwiseTransferTests {
  static func path(_ message: inout MessageWriter) throws(MessageWriterError) {
    try message.option(.uriPath, Array("large".utf8).span)
    try message.option(.contentFormat, uint: 42)
  }

  static func body(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
  }

  @Test(arguments: [
    (0, 16), (1, 16), (15, 16), (16, 16), (17, 16), (64, 32), (65, 32), (1_024, 1_024),
    (1_025, 1_024), (5_000, 256), (5_000, 1_024), (40_000, 64),
  ])
  func `a body goes up in blocks, each with the request's options and a token of its own`(
    count: Int,
    size: Int
  ) throws {
    let server = BlockServer()
    let transfer = try Transfer(.put, blockSize: BlockSize(atMost: size), Self.path)
    let result = try run(transfer, count: count) { server.answer($0) }
    #expect(result == TransferResult(code: .changed, body: []))
    #expect(server.received == Self.body(count))
    #expect(server.requests.count == max(1, (count + size - 1) / size))
    for (index, request) in server.requests.enumerated() {
      #expect(request.path == [Array("large".utf8)])
      #expect(request.contentFormat == 42)
      #expect(request.block2 == nil)
      if count <= size {
        #expect(request.block1 == nil)
      } else {
        #expect(request.block1?.offset == index * size)
        #expect(request.block1?.isMore == (index < server.requests.count - 1))
      }
    }
    #expect(Set(server.requests.map(\.token)).count == server.requests.count)
  }

  /// RFC 7959 Section 2.10: with the others the server would refuse what it has itself begun to make.
  @Test(arguments: [10, 64, 65, 300])
  func `If-None-Match goes with the first block alone`(count: Int) throws {
    let server = BlockServer()
    server.body = Self.body(200)
    server.size = BlockSize(atMost: 64)
    let transfer = try Transfer(.put, blockSize: BlockSize(atMost: 64)) {
      (message: inout MessageWriter) throws(MessageWriterError) in
      try message.option(.ifNoneMatch, Span())
      try message.option(.uriPath, Array("large".utf8).span)
    }
    let result = try run(transfer, count: count) { server.answer($0) }
    #expect(result.body == server.body)
    #expect(server.received == Self.body(count))
    #expect(server.requests.count > 1)
    #expect(server.requests.map(\.hasIfNoneMatch) == server.requests.indices.map { $0 == 0 })
  }

  @Test(arguments: [(1, 16), (16, 16), (17, 16), (1_024, 1_024), (1_025, 1_024), (30_000, 128)])
  func `a body comes down in blocks, asked for or not`(count: Int, size: Int) throws {
    for isEarly in [true, false] {
      let server = BlockServer()
      server.body = Self.body(count)
      server.eTag = [1, 2]
      if !isEarly { server.size = BlockSize(atMost: size) }
      let transfer = try Transfer(
        .get,
        responseBlockSize: isEarly ? BlockSize(atMost: size) : nil,
        Self.path
      )
      let result = try run(transfer) { server.answer($0) }
      #expect(result == TransferResult(code: .content, body: Self.body(count)))
      #expect(server.requests.count == (count + size - 1) / size)
      #expect(server.requests[0].block2?.size.bytes == (isEarly ? size : nil))
      for (index, request) in server.requests.enumerated().dropFirst() {
        #expect(
          request.block2
            == BlockOption(offset: index * size, isMore: false, size: BlockSize(atMost: size))
        )
        #expect(request.path == [Array("large".utf8)])
        #expect(request.block1 == nil && request.payload.isEmpty)
      }
    }
  }

  @Test func `a POST sends a long body and fetches a long answer, without Block1 in it`() throws {
    let server = BlockServer()
    server.body = Self.body(500)
    let transfer = try Transfer(
      .post,
      blockSize: BlockSize(atMost: 128),
      responseBlockSize: BlockSize(atMost: 64),
      Self.path
    )
    let result = try run(transfer, count: 400) { server.answer($0) }
    #expect(result == TransferResult(code: .content, body: Self.body(500)))
    #expect(server.received == Self.body(400))
    #expect(
      server.requests.map { $0.block1 != nil } == [true, true, true, true]
        + Array(repeating: false, count: 7)
    )
    #expect(
      server.requests.map { $0.block2 != nil } == [false, false, false, true]
        + Array(repeating: true, count: 7)
    )
  }

  @Test func `the server's smaller size is used from the next block on`() throws {
    let server = BlockServer()
    server.size = BlockSize(atMost: 32)
    let transfer = try Transfer(.put, blockSize: BlockSize(atMost: 128), Self.path)
    _ = try run(transfer, count: 300) { server.answer($0) }
    #expect(server.received == Self.body(300))
    #expect(
      server.requests[1].block1
        == BlockOption(offset: 128, isMore: true, size: BlockSize(atMost: 32))
    )
    #expect(server.requests.count == 1 + 6)
  }

  @Test func `each block may be answered by itself`() throws {
    let server = BlockServer()
    server.answersEachBlock = true
    let transfer = try Transfer(.put, blockSize: BlockSize(atMost: 64), Self.path)
    let result = try run(transfer, count: 200) { server.answer($0) }
    #expect(result.code == .changed)
    #expect(server.received == Self.body(200))
  }

  @Test func `the size of a known body is announced with its first block`() throws {
    let server = BlockServer()
    let transfer = try Transfer(.put, blockSize: BlockSize(atMost: 64), bodySize: 200, Self.path)
    _ = try run(transfer, count: 200) { server.answer($0) }
    #expect(server.requests.map(\.size1) == [200, nil, nil, nil])
  }

  @Test func `4.13 with a smaller size starts over with it, also for a body in one message`() throws
  {
    for count in [100, 300] {
      let server = BlockServer()
      var isFirst = true
      let small = try #require(BlockOption(offset: 0, isMore: false, size: BlockSize(atMost: 32)))
      let transfer = try Transfer(.put, blockSize: BlockSize(atMost: 128), Self.path)
      let result = try run(transfer, count: count) {
        if isFirst {
          isFirst = false
          return (.requestEntityTooLarge, [(.block1, [UInt8(small.value)])], [])
        }
        return server.answer($0)
      }
      #expect(result == TransferResult(code: .changed, body: [], restarts: 1))
      #expect(server.received == Self.body(count))
      #expect(server.requests.allSatisfy { $0.block1?.size == BlockSize(atMost: 32) })
    }
  }

  @Test(arguments: [Code.requestEntityTooLarge, .requestEntityIncomplete, .notFound])
  func `a refusal that repeats ends the transfer with its code`(code: Code) throws {
    var requests = 0
    let transfer = try Transfer(.put, blockSize: BlockSize(atMost: 64), Self.path)
    let result = try run(transfer, count: 300) { _ in
      requests += 1
      return (code, [], [])
    }
    #expect(result.code == code)
    #expect(requests == (code == .requestEntityIncomplete ? 2 : 1))
  }

  @Test func `4.08 in the middle starts over once`() throws {
    let server = BlockServer()
    var count = 0
    let transfer = try Transfer(.put, blockSize: BlockSize(atMost: 64), Self.path)
    let fresh = BlockServer()
    let result = try run(transfer, count: 300) {
      count += 1
      if count == 3 { return (.requestEntityIncomplete, [], []) }
      return count < 3 ? server.answer($0) : fresh.answer($0)
    }
    #expect(result == TransferResult(code: .changed, body: [], restarts: 1))
    #expect(fresh.received == Self.body(300))
  }

  @Test func `a resource that changes is fetched anew, once`() throws {
    let server = BlockServer()
    server.body = Self.body(300)
    server.eTag = [1]
    server.size = BlockSize(atMost: 64)
    var count = 0
    let result = try run(try Transfer(.get, Self.path)) {
      count += 1
      if count == 3 { server.eTag = [2] }
      return server.answer($0)
    }
    #expect(result == TransferResult(code: .content, body: Self.body(300), restarts: 1))
    #expect(throws: BlockwiseError.changed) {
      _ = try run(try Transfer(.get, Self.path)) {
        server.eTag[0] &+= 1
        return server.answer($0)
      }
    }
  }

  @Test func `a POST whose answer changes is not sent again`() throws {
    let server = BlockServer()
    server.body = Self.body(300)
    server.eTag = [1]
    server.size = BlockSize(atMost: 64)
    #expect(throws: BlockwiseError.changed) {
      _ = try run(try Transfer(.post, Self.path), count: 5) {
        server.eTag[0] &+= 1
        return server.answer($0)
      }
    }
  }

  @Test(
    arguments: [
      ([0x1E], 1_024, BlockwiseError.unexpectedBlock), ([0x0E], 1_024, .unexpectedBlock),
      ([0x0F], 1_024, .unexpectedBlock), ([0x1E], 1_023, .unexpectedBlock),
      ([], 1_024, .unexpectedBlock),
    ] as [([UInt8], Int, BlockwiseError)]
  )
  func `a block that was not asked for is an error`(
    option: [UInt8],
    count: Int,
    error: BlockwiseError
  ) throws {
    var requests = 0
    #expect(throws: error) {
      _ = try run(try Transfer(.get, Self.path)) { _ in
        requests += 1
        // The first block is right, and the next one should be 0x2E.
        if requests <= 2 {
          return (.content, [(.block2, [UInt8(requests - 1) << 4 | 0xE])], Self.body(1_024))
        }
        return (.content, option.isEmpty ? [] : [(.block2, option)], Self.body(count))
      }
    }
  }

  /// RFC 7959 Section 2.3: the server may send smaller blocks than the client asks for, never larger ones.
  @Test func `a block larger than asked for is an error, wherever it begins`() throws {
    var requests = 0
    #expect(throws: BlockwiseError.unexpectedBlock) {
      _ = try run(try Transfer(.get, Self.path)) { _ in
        requests += 1
        // Two blocks of 64 bytes, then one of 128 at the right offset.
        switch requests {
        case 1: return (.content, [(.block2, [0x0A])], Self.body(64))
        case 2: return (.content, [(.block2, [0x1A])], Self.body(64))
        default: return (.content, [(.block2, [0x1B])], Self.body(128))
        }
      }
    }
    #expect(requests == 3)
    // The first one, of which the client has said how large it may be.
    for (size, isTaken) in [(0x0B, false), (0x0A, true), (0x09, true)] as [(UInt8, Bool)] {
      let transfer = try Transfer(.get, responseBlockSize: BlockSize(atMost: 64), Self.path)
      var error: BlockwiseError?
      do {
        _ = try run(transfer) { request in
          let bytes = 16 << Int(size & 0x7)
          let isFirst = request.block2?.number == 0
          return (
            .content, [(.block2, [isFirst ? size : 0x10 | size & 0x7])],
            Self.body(isFirst ? bytes : 1)
          )
        }
      } catch let failure as BlockwiseError {
        error = failure
      }
      #expect(error == (isTaken ? nil : .unexpectedBlock), "SZX \(size & 0x7)")
    }
  }

  @Test func `a block that is not the last must be full`() throws {
    #expect(throws: BlockwiseError.wrongBlockSize) {
      _ = try run(try Transfer(.get, Self.path)) { _ in
        (.content, [(.block2, [0x0E])], Self.body(1_000))
      }
    }
    #expect(throws: BlockwiseError.wrongBlockSize) {
      _ = try run(try Transfer(.get, Self.path)) { _ in
        (.content, [(.block2, [0x0A])], Self.body(1_024))
      }
    }
  }

  @Test(arguments: [[UInt8](), [0x1A], [0x0F]])
  func `2.31 for another block than the one sent is an error`(option: [UInt8]) throws {
    #expect(throws: BlockwiseError.unexpectedBlock) {
      _ = try run(try Transfer(.put, blockSize: BlockSize(atMost: 64), Self.path), count: 300) {
        _ in
        (.continue, option.isEmpty ? [] : [(.block1, option)], [])
      }
    }
  }

  @Test func `a body without end is an error after 1,048,576 blocks`() throws {
    var transfer = try Transfer(.get, responseBlockSize: BlockSize(atMost: 16), Self.path)
    var offset = 0
    var failure: BlockwiseError?
    while failure == nil, offset < 1_048_600 * 16 {
      guard let block = BlockOption(offset: offset, isMore: true, size: BlockSize(atMost: 16))
      else { break }
      let value = block.value
      let response = bytes(
        .acknowledgement,
        .content,
        1,
        1,
        [(.block2, [UInt8(value >> 16), UInt8(value >> 8 & 255), UInt8(value & 255)])],
        payload: Self.body(16)
      )
      let view = try MessageView(response.span)
      do throws(BlockwiseError) {
        let step = try transfer.handle(view)
        #expect(step == .block(offset: offset))
      } catch {
        failure = error
      }
      offset += 16
    }
    #expect(failure == .bodyTooLong)
  }

  @Test func `a notification's other blocks are fetched without Observe`() throws {
    let server = BlockServer()
    server.body = Self.body(200)
    server.size = BlockSize(atMost: 64)
    var transfer = try Transfer(.get) { (message: inout MessageWriter) throws(MessageWriterError) in
      try message.option(.observe, uint: 0)
      try message.option(.uriPath, Array("obs".utf8).span)
    }
    let first = bytes(
      .confirmable,
      .content,
      0x7701,
      1,
      [(.observe, [12]), (.block2, [0x0A])],
      payload: Array(server.body[..<64])
    )
    let notification = try MessageView(first.span)
    let step = try transfer.handle(notification)
    #expect(step == .block(offset: 0))
    var received = Array(server.body[..<64])
    var offset = 64
    while true {
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
      let request = try BlockRequest(Array(buffer[..<count]))
      #expect(!request.hasObserve)
      #expect(request.path == [Array("obs".utf8)])
      #expect(
        request.block2 == BlockOption(offset: offset, isMore: false, size: BlockSize(atMost: 64))
      )
      let (code, options, payload) = server.answer(request)
      received += payload
      let answer = bytes(.acknowledgement, code, 1, 9, options, payload: payload)
      let response = try MessageView(answer.span)
      let step = try transfer.handle(response)
      if step == .finished(offset: offset) { break }
      #expect(step == .block(offset: offset))
      offset += 64
    }
    #expect(received == server.body)
  }
}
