internal import CoAPMessage
internal import ConstrainedCore

/// What answers a message of the server at once: an empty acknowledgement, a Reset, or 4.02 to a
/// request with a critical option that nobody here understands (RFC 7252 Sections 4.2 and 5.4.1).
struct Reply {
  var type = MessageType.reset
  var code = Code.empty
  var messageID: UInt16 = 0
  var token = Token()
}

/// Up to 8 replies that wait to be sent.
///
/// When full, the newest is dropped: its message comes again and is answered then.
struct ReplyQueue {
  private var entries = InlineArray<8, Reply>(repeating: Reply())
  private var count = 0
  private var message = FixedBytes<12>()

  var isEmpty: Bool { count == 0 }

  /// The message that `write` made of the oldest reply.
  var first: Span<UInt8> {
    @_lifetime(borrow self)
    @_addressableSelf
    get { message.bytes }
  }

  /// Makes a message of the oldest reply; there must be one.
  mutating func write() {
    let reply = entries[0]
    do throws(MessageWriterError) {
      try message.fill { (storage) throws(MessageWriterError) in
        try MessageWriter(
          storage,
          type: reply.type,
          code: reply.code,
          messageID: reply.messageID,
          token: reply.token
        ).count
      }
    } catch {
      preconditionFailure("a header and a token of 8 bytes take 12")
    }
  }

  @inline(never)
  mutating func append(_ reply: Reply) {
    guard count < entries.count else { return }
    entries[count] = reply
    count += 1
  }

  mutating func removeFirst() {
    for index in 1..<count { entries[index - 1] = entries[index] }
    count -= 1
  }
}
