internal import CoAPMessage
internal import ConstrainedCore
internal import PayloadValues
internal import PlatformCore

/// An answer that is too long for a message, as it goes out: sealed, where the mode seals.
struct KeptReply {
  /// The path that it answers, which the requests for its further blocks must have.
  let segments: [String]
  let bytes: [UInt8]
  let contentFormat: PayloadValue.Format?
  let tag: [UInt8]
}

/// Which block of an answer a message holds (RFC 7959 Section 2.3).
struct ReplyBlock {
  let option: BlockOption
  /// Of the whole answer, for Size2.
  let size: Int
  /// The ETag, the same for all blocks of an answer (RFC 7959 Section 2.4).
  let tag: [UInt8]
}

/// Answers that are longer than a message go out in blocks (RFC 7959): those of over 1,248 bytes, for the
/// platform's C SDK v3 takes messages of 1,280 and knows no blocks, and gets offers of firmware whose
/// addresses alone have 800 (device guide 6.11).
///
/// Unverified (`long-reply` of `Assumption`): that the platform does so; nothing is known of how it answers `thing.dsltemplate.get`,
/// whose reply is mostly longer than that. Here blocks of 1,024 bytes, or fewer
/// where the request's Block2 asks for that, are cut from the payload that would otherwise go out, in the
/// symmetric mode from its ciphertext: it decrypts only as a whole. A request for a further block is a
/// POST to the same path with the token, in the symmetric mode a number of its own, and no payload. A
/// session keeps one such answer, the last.
extension SimulatedPlatform {
  /// The response with a plain payload, sealed and cut as needed.
  func seal(
    _ payload: [UInt8],
    _ format: PayloadValue.Format?,
    _ options: RequestOptions,
    _ session: CoAPSession
  ) throws(CoAPRefusal) -> PlatformResponse {
    guard !payload.isEmpty else { return PlatformResponse(code: .content) }
    var bytes = payload
    if configuration.protection == .symmetric {
      guard let sealed = session.state.encrypt(payload) else {
        throw CoAPRefusal(code: .internalServerError, note: "OpenSSL failed")
      }
      bytes = sealed
    }
    // What a program wants to answer goes out as it is.
    let size = min(options.block?.size ?? .largest, .largest)
    let most = options.block == nil ? 1_248 : size.bytes
    guard format != nil, bytes.count > most, configuration.assumptions.cutsLongReplies else {
      var response = PlatformResponse(code: .content, payload: bytes)
      if configuration.assumptions.namesReplyFormat { response.contentFormat = format }
      return response
    }
    let tag = core.random.nextUInt32()
    let kept = KeptReply(
      segments: options.segments,
      bytes: bytes,
      contentFormat: configuration.assumptions.namesReplyFormat ? format : nil,
      tag: (0..<4).map { UInt8(truncatingIfNeeded: tag >> UInt32($0 * 8)) }
    )
    session.state.kept = kept
    return try Self.block(0, of: kept, size)
  }

  /// The further block that a request asks for; `nil` when it asks for none.
  func nextBlock(
    _ options: RequestOptions,
    _ session: CoAPSession,
    _ payload: [UInt8]
  ) throws(CoAPRefusal) -> PlatformResponse? {
    guard let block = options.block, block.number > 0 else { return nil }
    guard payload.isEmpty else {
      throw CoAPRefusal(code: .badRequest, note: "a request for a further block has no payload")
    }
    guard let kept = session.state.kept, kept.segments == options.segments else {
      // RFC 7959 Section 2.9.2.
      throw CoAPRefusal(
        code: .requestEntityIncomplete,
        note: "no answer is kept of which that is a block"
      )
    }
    return try Self.block(block.offset, of: kept, min(block.size, .largest))
  }

  private static func block(
    _ offset: Int,
    of kept: KeptReply,
    _ size: BlockSize
  ) throws(CoAPRefusal) -> PlatformResponse {
    let end = min(offset + size.bytes, kept.bytes.count)
    guard offset < kept.bytes.count,
      let option = BlockOption(offset: offset, isMore: end < kept.bytes.count, size: size)
    else { throw CoAPRefusal(code: .badRequest, note: "the answer has no such block") }
    var response = PlatformResponse(code: .content, payload: Array(kept.bytes[offset..<end]))
    response.contentFormat = kept.contentFormat
    response.block = ReplyBlock(option: option, size: kept.bytes.count, tag: kept.tag)
    return response
  }
}
