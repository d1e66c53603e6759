internal import CoAPExchange
internal import CoAPMessage
public import ConstrainedCore
internal import OpenSSLSupport
public import SecurityLayer

/// Answers that are longer than a message (RFC 7959).
///
/// Unverified: that the platform sends any, and that it encrypts one as a whole and cuts it then, which is
/// how `PlatformSimulator` does it: a further block is asked for by a POST to the same path with the token,
/// in the symmetric mode a number of its own, Block2 and no payload.
extension CoAPLink where Security: ~Copyable {
  /// Fetches answers in blocks from now on, up to `limit` bytes of payload in all.
  ///
  /// The owner collects them: at each event `answerBlock` it appends `answer` to what it has, before it
  /// hands over the next datagram. When the report's result says `inBlocks`, `answer` is the last part,
  /// and `openAnswer` makes of all of them what the platform wrote. A SMALL build takes none, and stops here.
  public mutating func takeAnswersInBlocks(upTo limit: Int) {
    answerBlocks = AnswerBlocks { $0.takeBlock($1, limit, at: $2) }
  }

  /// Appends what the platform wrote as an answer that came in blocks.
  ///
  /// `output` needs room for as many bytes as `parts` has.
  public mutating func openAnswer(
    _ parts: Span<UInt8>,
    into output: inout ByteWriter
  ) throws(SecurityError) {
    try security.open(payload: parts, into: &output)
  }

  /// What is done with a response that may be a block: whether it was one.
  ///
  /// A function, so that a program that takes no such answers does not hold its code.
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
    // RFC 7959 Section 2.4: the parts of one answer have one ETag.
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

  /// How many further blocks of one answer are asked for at most.
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
