internal import CoAPExchange
internal import CoAPMessage
public import CoAPSecurity
public import ConstrainedCore
internal import OpenSSLSupport

/// Answers that are longer than a message (RFC 7959).
///
/// Unverified: that the platform sends any, and that it encrypts one as a whole and cuts it then, which is
/// how `PlatformSimulator` does it: a further block is asked for by a POST to the same path with the token,
/// in the symmetric mode a number of its own, Block2 and no payload.
extension DeviceSession where Security: ~Copyable {
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
    let take: (inout DeviceSession, borrowing MessageView, Instant) -> Bool
  }

  private mutating func takeBlock(
    _ message: borrowing MessageView,
    _ limit: Int,
    at now: Instant
  ) -> Bool {
    guard let block = message.block(.block2) else {
      guard report.block != nil else { return false }
      return endBlocks(.incomplete, at: now)
    }
    guard block.isMore || report.block != nil else { return false }
    let payload = message.payload
    var tag = FixedBytes<8>()
    if let option = message.first(.eTag) { try? tag.replace(with: option.value) }
    // RFC 7959 Section 2.4: the parts of one answer have one ETag.
    let isNext = report.block.map { $0.offset == block.offset && report.tag == tag }
    guard isNext ?? (block.offset == 0) else { return endBlocks(.incomplete, at: now) }
    do throws(CapacityError) {
      try answerStorage.replace(with: payload)
    } catch {
      return endBlocks(.incomplete, at: now)
    }
    isKeyConfirmed = true
    guard block.isMore else { return endBlocks(.inBlocks, at: now) }
    let end = block.offset + block.size.bytes
    // RFC 7959 Section 2.2: all but the last are full.
    guard payload.count == block.size.bytes, end < limit,
      let next = BlockOption(offset: end, isMore: false, size: block.size)
    else { return endBlocks(.incomplete, at: now) }
    if report.block == nil, let option = message.first(.platformMessageID) {
      try? report.result.messageID.replace(with: option.value)
    }
    report.block = next
    report.tag = tag
    events.append(.answerBlock)
    sendReport(at: now)
    return true
  }

  private mutating func endBlocks(_ extent: AnswerExtent, at now: Instant) -> Bool {
    if extent == .incomplete { answerStorage.removeAll() }
    finishReport(.acknowledged, code: .content, extent: extent, at: now)
    return true
  }
}
