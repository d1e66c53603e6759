internal import CoAPMessage
internal import ConstrainedCore

/// What answers a message of the server at once: an empty acknowledgement, a Reset, or 4.02 to a
/// request with a critical option that nobody here understands (RFC 7252 Sections 4.2 and 5.4.1).
struct Reply {
  var type = MessageType.reset
  var code = Code.empty
  var messageID: UInt16 = 0
  var token = Token()

  var bytes: FixedBytes<12> {
    var result = FixedBytes<12>()
    do throws(MessageWriterError) {
      try result.fill { (storage) throws(MessageWriterError) in
        try MessageWriter(storage, type: type, code: code, messageID: messageID, token: token).count
      }
    } catch {
      preconditionFailure("a header and a token of 8 bytes take 12")
    }
    return result
  }
}

/// Up to 8 replies that wait to be sent.
///
/// When full, the newest is dropped: its message comes again and is answered then.
struct ReplyQueue {
  private var entries = InlineArray<8, Reply>(repeating: Reply())
  private var start = 0
  private var count = 0

  var isEmpty: Bool { count == 0 }

  var first: Reply? { count == 0 ? nil : entries[start] }

  mutating func append(_ reply: Reply) {
    guard count < entries.count else { return }
    entries[(start + count) % entries.count] = reply
    count += 1
  }

  mutating func removeFirst() {
    start = (start + 1) % entries.count
    count -= 1
  }
}
