// SPDX-License-Identifier: Apache-2.0
public import CoAPMessage
internal import ConstrainedCore

/// A request whose body or whose answer's body may be longer than a message: Block1 and Block2 (RFC
/// 7959), one block at a time, so that no body is ever in memory at once.
///
/// It makes the requests; an endpoint sends them. Order of calls: `nextPiece` gives the bytes of
/// the body for the next request; `ClientEndpoint.send` writes the request with
/// `write(_:isLast:into:)` under a new token; pass the response to `handle`, whose step says what
/// to do with its payload and whether another request follows. Repeat until the step is `finished`.
///
/// Every request carries the options that were given at the start. Blocks become smaller when the
/// server asks for it. When the server has lost the first blocks (4.08), or the resource changed
/// meanwhile (another ETag), the transfer starts over once. Memory: `maxOptionBytes` for the options,
/// and about 120 bytes.
public struct BlockwiseTransfer<let maxOptionBytes: Int>: ~Copyable {
  /// The method of every request.
  public let code: Code

  /// The size of the request body's blocks; the server may have reduced it.
  public private(set) var blockSize: BlockSize

  /// The length of the response's body in bytes, if the server has sent it (Size2).
  public private(set) var responseSize: Int?

  private var options = FixedBytes<maxOptionBytes>()
  private let firstBlockSize: BlockSize
  private let requestedSize: BlockSize?
  private let bodySize: Int?

  private var phase = Phase.sending
  /// The start of the next piece in the request's body, and the end of the last one written.
  private var sent = 0
  private var pieceEnd = 0
  private var hasWritten = false
  private var isLastPiece = true
  private var usesBlock1 = false

  private var received = 0
  private var responseBlockSize = BlockSize.largest
  private var eTag = FixedBytes<8>()
  private var restarts = 0
  private var hasReceived = false

  private enum Phase {
    case sending, receiving, finished
  }

  /// Prepares a transfer; `build` writes the options of every request, and no payload.
  ///
  /// `blockSize` is the most that a block of the request's body has. A known `bodySize` is announced
  /// (Size1), so that a server can refuse the body before its first block is wasted.
  /// `responseBlockSize` is the most that a block of the response's body shall have; `nil` leaves it
  /// to the server and costs no byte.
  public init(
    _ code: Code,
    blockSize: BlockSize = .largest,
    bodySize: Int? = nil,
    responseBlockSize: BlockSize? = nil,
    _ build: (inout MessageWriter) throws(MessageWriterError) -> Void
  ) throws(MessageWriterError) {
    self.code = code
    self.blockSize = blockSize
    firstBlockSize = blockSize
    self.bodySize = bodySize
    requestedSize = responseBlockSize
    var options = FixedBytes<maxOptionBytes>()
    try options.fill { (storage) throws(MessageWriterError) in
      var writer = try MessageWriter(
        storage,
        type: .confirmable,
        code: code,
        messageID: 0,
        token: Token()
      )
      try build(&writer)
      return writer.count
    }
    self.options = options
  }

  /// The maximum range of the request's body for the next request: it is shorter at the end of the
  /// body, and empty while the response's body is being fetched.
  public var nextPiece: Range<Int> {
    phase == .sending ? sent..<sent + blockSize.bytes : sent..<sent
  }
}

/// What to do with a handled response.
public enum BlockwiseStep: Equatable, Sendable {
  /// The server has accepted the piece and expects the next: send another request.
  case next
  /// The response's payload belongs at this offset of the response's body: store it, then send
  /// another request for the rest.
  case block(offset: Int)
  /// Discard the stored part of the response's body, start the request's body over, and send
  /// another request.
  case restart
  /// The transfer is over; the response's code gives the result, and its payload belongs at this
  /// offset of the response's body.
  case finished(offset: Int)
}

/// Why a transfer cannot continue.
public enum BlockwiseError: Error, Equatable, Sendable {
  /// The server answered with a block other than the requested one.
  case unexpectedBlock
  /// The length of a block that is not the last does not match its size.
  case wrongBlockSize
  /// The resource changed repeatedly while it was being fetched.
  case changed
  /// The body has more than 1,048,576 blocks.
  case bodyTooLong
}

// MARK: - Requests

extension BlockwiseTransfer {
  /// Writes options and payload of the next request; `piece` holds the bytes of `nextPiece`, all of
  /// them unless `isLast`.
  public mutating func write(
    _ piece: Span<UInt8> = Span(),
    isLast: Bool = true,
    into message: inout MessageWriter
  ) throws(MessageWriterError) {
    precondition(phase != .finished, "a finished transfer has no further request")
    var changes = OptionChanges()
    if phase == .sending {
      precondition(
        // conformance: 7959-2.3-a
        piece.count <= blockSize.bytes && (isLast || piece.count == blockSize.bytes),
        "a block that is not the last is full"
      )
      pieceEnd = sent + piece.count
      isLastPiece = isLast
      hasWritten = true
      usesBlock1 = sent > 0 || !isLast
      if usesBlock1 {
        guard let block = BlockOption(offset: sent, isMore: !isLast, size: blockSize) else {
          throw .capacity
        }
        // conformance: 7959-2.1-b
        changes.set(.block1, uint: block.value)
        // conformance: 7959-4-a
        if sent == 0, let bodySize { changes.set(.size1, uint: UInt32(clamping: bodySize)) }
      }
      // RFC 7959 Section 2.7: the size of the response's blocks is requested with the last block of
      // the request's body.
      if isLast, let size = requestedSize,
        let block = BlockOption(offset: 0, isMore: false, size: size)
      {
        changes.set(.block2, uint: block.value)
      }
    } else {
      // conformance: 7959-2.2-c 7959-2.7-a
      guard let block = BlockOption(offset: received, isMore: false, size: responseBlockSize) else {
        throw .capacity
      }
      changes.set(.block2, uint: block.value)
    }
    // RFC 7959 Section 3.4: only the first request of a transfer registers an observation.
    if hasReceived { changes.remove(.observe) }
    // The resource may exist once the server has taken the first block.
    // conformance: 7959-2.10-a
    if sent > 0 || phase == .receiving { changes.remove(.ifNoneMatch) }
    // conformance: 7959-2.3-b
    try message.options(of: template, with: changes)
    if phase == .sending { try message.payload(piece) }
  }

  /// The options of every request, as a message.
  private var template: MessageView {
    @_lifetime(borrow self)
    @_addressableSelf
    get {
      do throws(MessageFormatError) {
        return try MessageView(options.bytes)
      } catch {
        preconditionFailure("the options were written as a message")
      }
    }
  }
}

// MARK: - Responses

extension BlockwiseTransfer {
  /// Handles the response to the last request; a notification of the fetched resource starts the
  /// fetching of its other blocks.
  public mutating func handle(
    _ response: borrowing MessageView
  ) throws(BlockwiseError) -> BlockwiseStep {
    let code = response.code
    if phase == .sending, hasWritten {
      switch code {
      case .requestEntityTooLarge:
        // RFC 7959 Section 2.9.3: the server gives the size that it would accept.
        if let block = response.block(.block1), block.size < blockSize {
          restartSending(blockSize: block.size)
          return .restart
        }
      case .requestEntityIncomplete where restarts == 0 && usesBlock1:
        restarts += 1
        restartSending(blockSize: blockSize)
        return .restart
      default: break
      }
      if code.isSuccess, !isLastPiece { return try continueSending(response) }
      if code == .continue { throw .unexpectedBlock }
    }
    guard code.isSuccess else {
      phase = .finished
      return .finished(offset: 0)
    }
    return try receive(response)
  }

  private mutating func restartSending(blockSize: BlockSize) {
    self.blockSize = blockSize
    sent = 0
    isLastPiece = true
    usesBlock1 = false
  }

  /// The server accepted a piece that was not the last: with 2.31, or with another success code if
  /// it processes each block separately (RFC 7959 Section 2.3).
  private mutating func continueSending(
    _ response: borrowing MessageView
  ) throws(BlockwiseError) -> BlockwiseStep {
    guard let block = response.block(.block1),
      block.number == UInt32(clamping: sent / blockSize.bytes)
    else { throw .unexpectedBlock }
    // conformance: 7959-2.5-a
    sent = pieceEnd
    // RFC 7959 Section 2.5: a smaller size in the response is used from now on; the bytes taken so
    // far are a multiple of it.
    // conformance: 7959-2.3-c
    blockSize = min(blockSize, block.size)
    guard BlockOption(offset: sent, isMore: false, size: blockSize) != nil else {
      throw .bodyTooLong
    }
    return .next
  }

  private mutating func receive(
    _ response: borrowing MessageView
  ) throws(BlockwiseError) -> BlockwiseStep {
    let isFirst = phase == .sending
    guard let block = response.block(.block2) else {
      // conformance: 7959-2.1-a
      guard isFirst, response.first(.block2) == nil else { throw .unexpectedBlock }
      phase = .finished
      return .finished(offset: 0)
    }
    // conformance: 7959-4-b
    if let size = response.uint(.size2) { responseSize = Int(clamping: size) }
    if isFirst {
      remember(response.first(.eTag))
      received = 0
      // conformance: 7959-2.4-a
      responseBlockSize = block.size
      phase = .receiving
      hasReceived = true
      // conformance: 7959-2.4-d
      if block.offset != 0 || block.size > requestedSize ?? .largest { throw .unexpectedBlock }
    } else {
      // conformance: 7959-2.4-b
      guard hasETag(response.first(.eTag)) else { return try restartReceiving() }
      guard block.offset == received, block.size <= responseBlockSize else {
        throw .unexpectedBlock
      }
      // conformance: 7959-2.3-d
      responseBlockSize = block.size
    }
    let offset = received
    guard response.payload.count <= block.size.bytes else { throw .wrongBlockSize }
    guard block.isMore else {
      phase = .finished
      return .finished(offset: offset)
    }
    // conformance: 7959-2.3-e
    guard response.payload.count == block.size.bytes else { throw .wrongBlockSize }
    received += block.size.bytes
    guard BlockOption(offset: received, isMore: false, size: responseBlockSize) != nil else {
      throw .bodyTooLong
    }
    return .block(offset: offset)
  }

  /// Fetches the body again from the start, because it now belongs to another state of the resource
  /// (RFC 7959 Section 2.4).
  private mutating func restartReceiving() throws(BlockwiseError) -> BlockwiseStep {
    guard restarts == 0, code == .get || code == .fetch else { throw .changed }
    restarts += 1
    responseSize = nil
    phase = .sending
    hasWritten = false
    restartSending(blockSize: firstBlockSize)
    return .restart
  }

  private mutating func remember(_ tag: consuming OptionView?) {
    eTag.removeAll()
    // An ETag of an invalid length is ignored (RFC 7252 Section 5.4.3).
    if let tag { try? eTag.replace(with: tag.value) }
  }

  private func hasETag(_ tag: consuming OptionView?) -> Bool {
    guard let tag, tag.value.count <= 8 else { return eTag.isEmpty }
    // conformance: 7252-5.10.6-a
    return eTag.bytes.isEqual(to: tag.value)
  }
}
