// SPDX-License-Identifier: Apache-2.0
internal import CoAPExchange
internal import CoAPMessage
public import ConstrainedCore
internal import OpenSSLSupport
public import SecurityLayer

/// Answers that are too long for a message (RFC 7959).
///
/// Unverified: that the platform sends any, and that it encrypts an answer as a whole before
/// cutting it, as `PlatformSimulator` does. A further block is requested by a POST to the same path
/// with the token, Block2, no payload, and in symmetric mode a sequence number of its own.
extension CoAPLink where Security: ~Copyable {
  /// From now on fetches blockwise answers, up to `limit` bytes of payload in total.
  ///
  /// The owner collects them: at each event `answerBlock` it appends `answer` to its buffer, before
  /// it passes the next datagram. If the report's result says `inBlocks`, `answer` is the last
  /// part, and `openAnswer` decrypts all parts. A SMALL build does not support blocks, and traps
  /// here.
  public mutating func takeAnswersInBlocks(upTo limit: Int) {
    answerBlocks = AnswerBlocks { $0.takeBlock($1, limit, at: $2) }
  }

  /// Appends the decrypted content of a blockwise answer.
  ///
  /// `output` needs as much room as `parts` has bytes.
  public mutating func openAnswer(
    _ parts: Span<UInt8>,
    into output: inout ByteWriter
  ) throws(SecurityError) {
    try security.open(payload: parts, into: &output)
  }

  /// Handles a response that may be a block; returns whether it was one.
  ///
  /// A function, so that programs that do not use blocks do not link its code.
  struct AnswerBlocks {
    let take: (inout CoAPLink, borrowing MessageView, Instant) -> Bool
  }

  private mutating func takeBlock(
    _ message: borrowing MessageView,
    _ limit: Int,
    at now: Instant
  ) -> Bool {
    guard let block = message.block(.block2) else {
      guard report.block != nil else { return false }
      return endBlocks(.unexpected, at: now)
    }
    guard block.isMore || report.block != nil else { return false }
    let payload = message.payload
    var tag = FixedBytes<8>()
    if let option = message.first(.eTag) { try? tag.replace(with: option.value) }
    // RFC 7959 Section 2.4: all parts of an answer have the same ETag.
    guard block.offset == report.block?.offset ?? 0 else { return endBlocks(.unexpected, at: now) }
    guard report.block == nil || report.tag == tag else { return endBlocks(.changed, at: now) }
    // RFC 7959 Section 2.4: a further block has the size that was asked for, or a smaller one.
    // conformance: 7959-2.4-c
    guard block.size <= report.block?.size ?? block.size else {
      return endBlocks(.unexpected, at: now)
    }
    do throws(CapacityError) {
      try answerStorage.replace(with: payload)
    } catch {
      return endBlocks(.wrongSize, at: now)
    }
    isKeyConfirmed = true
    // RFC 7959 Section 2.2: all but the last are full, and none has more than its size.
    let missing = block.size.bytes - payload.count
    guard block.isMore ? missing == 0 : missing >= 0 else { return endBlocks(.wrongSize, at: now) }
    guard block.isMore else { return endBlocks(nil, at: now) }
    let end = block.offset + block.size.bytes
    // The platform chooses how small the blocks are, and each costs a request: not more of these than blocks of
    // the usual size would take. Size2, where it is there, tells before any is wasted.
    let left = max(1, message.uint(.size2).map { Int(clamping: $0) - end } ?? 1)
    let requests = (left - 1) / block.size.bytes + 1 + report.blockRequests
    guard end < limit, end + (left - 1) < limit, requests <= Self.mostBlockRequests,
      let next = BlockOption(offset: end, isMore: false, size: block.size)
    else { return endBlocks(.tooLong, at: now) }
    report.blockRequests += 1
    if report.block == nil, let option = message.first(.platformMessageID) {
      try? report.result.messageID.replace(with: option.value)
    }
    report.block = next
    report.tag = tag
    events.append(.answerBlock)
    sendReport(at: now)
    return true
  }

  /// The maximum number of further blocks requested for one answer.
  private static var mostBlockRequests: Int { 64 }

  private mutating func endBlocks(_ gap: AnswerGap?, at now: Instant) -> Bool {
    if gap != nil { answerStorage.removeAll() }
    report.result.gap = gap
    finishReport(
      .acknowledged,
      code: .content,
      extent: gap == nil ? .inBlocks : .incomplete,
      at: now
    )
    return true
  }
}
