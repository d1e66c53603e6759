// SPDX-License-Identifier: Apache-2.0
extension MessageView {
  /// Writes the message anew with another payload, and returns its length in bytes.
  ///
  /// `body` writes each option in its turn, and may give it another value or leave it out. For a request of which a
  /// few options change see `OptionChanges`.
  public func write(
    into storage: consuming MutableSpan<UInt8>,
    payload: Span<UInt8>,
    options body: (OptionView, inout MessageWriter) throws(MessageWriterError) -> Void
  ) throws(MessageWriterError) -> Int {
    var writer = try MessageWriter(
      storage,
      type: type,
      code: code,
      messageID: messageID,
      token: token
    )
    var iterator = options
    while let option = iterator.next() { try body(option, &writer) }
    try writer.payload(payload)
    return writer.count
  }

  /// Writes the message anew as it is, and returns its length in bytes.
  public func write(into storage: consuming MutableSpan<UInt8>) throws(MessageWriterError) -> Int {
    try write(into: storage, payload: payload) {
      (option: OptionView, writer: inout MessageWriter) throws(MessageWriterError) in
      try writer.option(option.number, option.value)
    }
  }
}
