// SPDX-License-Identifier: Apache-2.0
import CBORPayload
import ConstrainedCore
import PayloadCoding

/// Writes `{"value": 21.5}` as CBOR.
func run() throws {
  var storage = [UInt8](repeating: 0, count: 32)
  var writer = CBORWriter(storage.mutableSpan)
  try writer.beginObject()
  try writer.key("value")
  try writer.double(21.5)
  try writer.endObject()
  print(writer.count)
}

try run()
