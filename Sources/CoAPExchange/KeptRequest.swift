// SPDX-License-Identifier: Apache-2.0
internal import CoAPMessage
internal import ConstrainedCore

/// The bytes of a request, kept for retransmission, and for an observation while it lasts.
struct KeptRequest<let maxMessageSize: Int> {
  private var storage = FixedBytes<maxMessageSize>()

  /// The whole message.
  var bytes: Span<UInt8> {
    @_lifetime(borrow self)
    @_addressableSelf
    get { storage.bytes }
  }

  /// The size of the message in bytes.
  var count: Int { storage.count }

  /// Writes header, token and the parts added by `build`; `start` sets the message ID.
  mutating func write(
    _ code: Code,
    _ type: MessageType,
    _ token: Token,
    _ build: (inout MessageWriter) throws(MessageWriterError) -> Void
  ) throws(MessageWriterError) {
    try storage.fill { (storage) throws(MessageWriterError) in
      var writer = try MessageWriter(storage, type: type, code: code, messageID: 0, token: token)
      try build(&writer)
      return writer.count
    }
  }

  /// Sets the message's type and ID.
  mutating func start(messageID: UInt16, isConfirmable: Bool) {
    storage.withStorage { bytes in
      bytes[0] = bytes[0] & 0xCF | (isConfirmable ? 0 : MessageType.nonConfirmable.rawValue << 4)
      bytes[2] = UInt8(truncatingIfNeeded: messageID >> 8)
      bytes[3] = UInt8(truncatingIfNeeded: messageID)
    }
  }

  /// Replaces the request by the same with changed options and a new token; returns `false` and
  /// changes nothing if it does not fit.
  mutating func change(_ changes: OptionChanges, token: Token) -> Bool {
    let old = storage
    let request = viewOfOwnMessage(old.bytes)
    do throws(MessageWriterError) {
      try write(request.code, request.type, token) {
        (writer: inout MessageWriter) throws(MessageWriterError) in
        try writer.options(of: request, with: changes)
        try writer.payload(request.payload)
      }
      return true
    } catch {
      storage = old
      return false
    }
  }
}

/// A view of bytes written by this client.
@_lifetime(copy bytes)
func viewOfOwnMessage(_ bytes: Span<UInt8>) -> MessageView {
  do throws(MessageFormatError) {
    return try MessageView(bytes)
  } catch {
    preconditionFailure("what a MessageWriter writes is a message")
  }
}
