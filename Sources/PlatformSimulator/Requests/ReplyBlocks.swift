// SPDX-License-Identifier: Apache-2.0
internal import CoAPMessage
internal import ConstrainedCore
internal import PayloadValues
internal import PlatformCore

/// An answer too long for a message, in the form sent: encrypted if the mode encrypts.
struct KeptReply {
  /// The path of the answered request; requests for further blocks must have the same path.
  let segments: [String]
  let bytes: [UInt8]
  let contentFormat: PayloadValue.Format?
  let tag: [UInt8]
}

/// The block of an answer in a message (RFC 7959 Section 2.3).
struct ReplyBlock {
  let option: BlockOption
  /// The size of the whole answer, for Size2.
  let size: Int
  /// The ETag, the same in all blocks of an answer (RFC 7959 Section 2.4).
  let tag: [UInt8]
}

/// Answers of more than 1,248 bytes are sent in blocks (RFC 7959). The platform's C SDK v3 accepts
/// messages of 1,280 bytes and does not support blocks; it also gets offers of firmware with
/// addresses of 800 bytes (device guide 6.11).
///
/// Unverified (`long-reply` of `Assumption`): that the platform does so; nothing is known of how it
/// answers `thing.dsltemplate.get`, whose reply is usually longer. Here the payload is cut into
/// blocks of 1,024 bytes, or fewer if the request's Block2 asks for that. In symmetric mode the
/// ciphertext is cut, which can be decrypted only as a whole. A request for a further block is a
/// POST to the same path with the token, no payload, and in symmetric mode a sequence number of its
/// own. A session keeps one such answer, the last.
extension SimulatedPlatform {
  /// The response with a plain payload, encrypted and cut into blocks as needed.
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
    // Replies configured by a test are sent unchanged.
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

  /// The further block that a request asks for; `nil` if it asks for none.
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
