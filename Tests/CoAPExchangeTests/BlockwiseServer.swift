// SPDX-License-Identifier: Apache-2.0
import CoAPExchange
import CoAPMessage
import ConstrainedCore
import TestSupport
import Testing

/// What a request of a transfer carried.
struct BlockRequest: Equatable {
  var code: Code
  var token: Token
  var path: [[UInt8]] = []
  var contentFormat: UInt32?
  var block1: BlockOption?
  var block2: BlockOption?
  var size1: UInt32?
  var hasObserve = false
  var hasIfNoneMatch = false
  var payload: [UInt8] = []

  init(_ bytes: [UInt8]) throws {
    let message = try MessageView(bytes.span)
    code = message.code
    token = message.token
    var options = message.options
    while let option = options.next() {
      if option.number == .uriPath { path.append(array(option.value)) }
    }
    contentFormat = message.uint(.contentFormat)
    block1 = message.block(.block1)
    block2 = message.block(.block2)
    size1 = message.uint(.size1)
    hasObserve = message.first(.observe) != nil
    hasIfNoneMatch = message.first(.ifNoneMatch) != nil
    payload = array(message.payload)
  }
}

/// A server of one resource, written from RFC 7959's figures: takes a body block by block and gives
/// one.
final class BlockServer {
  /// The size that the server asks for in its first answer to Block1, and gives in Block2.
  var size = BlockSize.largest
  var body: [UInt8] = []
  var eTag: [UInt8] = []
  var answersEachBlock = false
  private(set) var received: [UInt8] = []
  private(set) var requests: [BlockRequest] = []

  func answer(_ request: BlockRequest) -> (Code, [(OptionNumber, [UInt8])], [UInt8]) {
    requests.append(request)
    var options: [(OptionNumber, [UInt8])] = []
    if let block = request.block1 {
      guard block.offset == received.count else { return (.requestEntityIncomplete, [], []) }
      received += request.payload
      let value = block.value & ~0x7 | UInt32(min(block.size, size).exponent)
      if block.isMore {
        return (
          answersEachBlock ? .changed : .continue,
          [(.block1, uint(value & ~(answersEachBlock ? 8 : 0)))], []
        )
      }
      options.append((.block1, uint(value)))
    } else if !request.payload.isEmpty {
      received = request.payload
    }
    guard !body.isEmpty else { return (.changed, options, []) }
    let wanted = request.block2
    let size = min(wanted?.size ?? .largest, self.size)
    let offset = wanted?.offset ?? 0
    let end = min(body.count, offset + size.bytes)
    guard let block = BlockOption(offset: offset, isMore: end < body.count, size: size) else {
      return (.badRequest, [], [])
    }
    if body.count > size.bytes || wanted != nil { options.append((.block2, uint(block.value))) }
    if !eTag.isEmpty { options.append((.eTag, eTag)) }
    if offset == 0 { options.append((.size2, uint(UInt32(body.count)))) }
    options.sort { $0.0.rawValue < $1.0.rawValue }
    return (.content, options, Array(body[offset..<end]))
  }

  private func uint(_ value: UInt32) -> [UInt8] {
    var bytes: [UInt8] = []
    for shift: UInt32 in [24, 16, 8, 0] where value >> shift != 0 {
      bytes.append(UInt8(value >> shift & 255))
    }
    return bytes
  }
}

typealias Transfer = BlockwiseTransfer<64>
typealias LargeEndpoint = ClientEndpoint<1, 1_152, 4>

/// How a transfer ended.
struct TransferResult: Equatable {
  var code: Code
  var body: [UInt8]
  var restarts = 0
}

/// Runs a transfer against a server, one block in memory at a time; `byte` makes the request's body.
func run(
  _ transfer: consuming Transfer,
  count: Int = 0,
  byte: (Int) -> UInt8 = { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) },
  with server: (BlockRequest) -> (Code, [(OptionNumber, [UInt8])], [UInt8])
) throws -> TransferResult {
  var endpoint = LargeEndpoint(parameters: .standard, key: (3, 1))
  var transfer = transfer
  var result = TransferResult(code: .empty, body: [])
  let now = Instant(milliseconds: 0)
  for _ in 0..<10_000 {
    let piece = transfer.nextPiece.clamped(to: 0..<count)
    let isLast = piece.upperBound == count
    let bytes = piece.map(byte)
    let code = transfer.code
    let id = try endpoint.send(code, token: endpoint.newToken(), random: 0) {
      (message: inout MessageWriter) throws(MessageWriterError) in
      try transfer.write(bytes.span, isLast: isLast, into: &message)
    }
    var datagram: [UInt8] = []
    _ = endpoint.pollTransmit(at: now) { datagram = array($0) }
    let request = try BlockRequest(datagram)
    let (answerCode, options, payload) = server(request)
    let messageID = UInt16(datagram[2]) << 8 | UInt16(datagram[3])
    var buffer = [UInt8](repeating: 0, count: 2_000)
    var writer = try MessageWriter(
      buffer.mutableSpan,
      type: .acknowledgement,
      code: answerCode,
      messageID: messageID,
      token: request.token
    )
    for (number, value) in options { try writer.option(number, value.span) }
    try writer.payload(payload.span)
    let answerCount = writer.count
    let response = try MessageView(buffer.span.extracting(0..<answerCount))
    let reception = endpoint.handle(response, at: now)
    #expect(reception == .response(id))
    switch try transfer.handle(response) {
    case .next: break
    case .restart:
      result.restarts += 1
      result.body = []
    case .block(let offset):
      #expect(offset == result.body.count)
      result.body += payload
    case .finished(let offset):
      #expect(offset == result.body.count || !answerCode.isSuccess)
      result.code = answerCode
      if answerCode.isSuccess { result.body += payload }
      return result
    }
  }
  Issue.record("the transfer never ends")
  return result
}
