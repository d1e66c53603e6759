// SPDX-License-Identifier: Apache-2.0
internal import CoAPMessage

/// Message A, an empty acknowledgement.
@inline(never)
func encodeEmpty(
  messageID: UInt16,
  into storage: consuming MutableSpan<UInt8>
) throws(MessageWriterError) -> Int {
  let message = try MessageWriter(
    storage,
    type: .acknowledgement,
    code: .empty,
    messageID: messageID,
    token: Token()
  )
  return message.count
}

/// Message B.
@inline(never)
func encode(
  _ report: borrowing Report,
  into storage: consuming MutableSpan<UInt8>
) throws(MessageWriterError) -> Int {
  var message = try MessageWriter(
    storage,
    type: .confirmable,
    code: .post,
    messageID: report.messageID,
    token: report.token
  )
  try message.option(.uriPath, report.root.span)
  try message.option(.uriPath, report.productKey.span)
  try message.option(.uriPath, report.deviceName.span)
  try message.option(.uriPath, report.category.span)
  try message.option(.uriPath, report.action.span)
  try message.option(.contentFormat, uint: UInt64(report.contentFormat))
  try message.option(.accept, uint: UInt64(report.accept))
  try message.option(.platformToken, report.platformToken.span)
  try message.option(.platformSequence, report.platformSequence.span)
  try message.payload(report.payload.span)
  return message.count
}

/// Message C.
@inline(never)
func encode(
  _ answer: borrowing Answer,
  into storage: consuming MutableSpan<UInt8>
) throws(MessageWriterError) -> Int {
  var message = try MessageWriter(
    storage,
    type: .acknowledgement,
    code: .content,
    messageID: answer.messageID,
    token: answer.token
  )
  try message.option(.eTag, answer.eTag.span)
  try message.option(.observe, uint: UInt64(answer.observe))
  try message.option(.contentFormat, uint: UInt64(answer.contentFormat))
  try message.option(.maxAge, uint: UInt64(answer.maxAge))
  try message.option(.block2, uint: UInt64(answer.block2))
  try message.payload(answer.payload.span)
  return message.count
}

/// Visits all parts of a message and sums them up.
@inline(never)
func decode(_ bytes: Span<UInt8>) throws(MessageFormatError) -> UInt32 {
  let message = try MessageView(bytes)
  var sum = UInt32(message.type.rawValue)
  sum &+= UInt32(message.code.rawValue)
  sum &+= UInt32(message.messageID)
  sum &+= UInt32(truncatingIfNeeded: message.tokenLength)
  var options = message.options
  while let option = options.next() {
    sum &+= UInt32(option.number.rawValue)
    sum &+= UInt32(truncatingIfNeeded: option.value.count)
    if option.value.count > 0 { sum &+= UInt32(option.value[0]) }
  }
  let payload = message.payload
  if payload.count > 0 {
    sum &+= UInt32(truncatingIfNeeded: payload.count)
    sum &+= UInt32(payload[payload.count - 1])
  }
  return sum
}
