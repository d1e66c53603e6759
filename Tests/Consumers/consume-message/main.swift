// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import ConstrainedCore

/// GET /time, written and read again.
func run() throws {
  var storage = [UInt8](repeating: 0, count: 64)
  var writer = try MessageWriter(
    storage.mutableSpan,
    type: .confirmable,
    code: .get,
    messageID: 0x1234,
    token: Token()
  )
  try writer.option(.uriPath, Array("time".utf8).span)
  let count = writer.count
  print(try MessageView(storage.span.extracting(first: count)).messageID)
}

try run()
