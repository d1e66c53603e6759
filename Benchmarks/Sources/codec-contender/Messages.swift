// SPDX-License-Identifier: Apache-2.0
internal import CoAPMessage

/// The application's values of message B, a report, before encoding.
struct Report {
  var messageID = hidden(0x4D2E as UInt16)
  var token = hidden(Token(0xDEAD_BEEF))
  var root = hidden(Array("topic".utf8))
  var productKey = hidden(Array("a1B2c3D4e5F".utf8))
  var deviceName = hidden(Array("device-0001".utf8))
  var category = hidden(Array("user".utf8))
  var action = hidden(Array("update".utf8))
  var contentFormat = hidden(60 as UInt16)
  var accept = hidden(60 as UInt16)
  var platformToken = hidden(Array("iYQ1xvZ0kTn7Wc3BdR9uLsE2hGmPa5JfO8XyCqVtK4N".utf8))
  var platformSequence = hidden(Array(0x10...0x1F as ClosedRange<UInt8>))
  var payload = hidden(Array(#"{"id":"1","params":{"temp":21.5,"hum":48,"v":3}}"#.utf8))
}

/// The application's values of message C, a piggybacked answer, before encoding.
struct Answer {
  var messageID = hidden(0x4D2E as UInt16)
  var token = hidden(Token(0xDEAD_BEEF))
  var eTag = hidden(Array(1...8 as ClosedRange<UInt8>))
  var observe = hidden(0x1234 as UInt32)
  var contentFormat = hidden(60 as UInt16)
  var maxAge = hidden(60 as UInt32)
  var block2 = hidden(0x0E as UInt32)
  var payload = hidden(Array(0x20...0x5F as ClosedRange<UInt8>))
}

/// All messages to be encoded.
struct Messages {
  var emptyMessageID = hidden(0x1234 as UInt16)
  var report = Report()
  var answer = Answer()
}

/// Returns the value, hiding it from the optimiser.
@inline(never)
@_optimize(none)
func hidden<Value>(_ value: Value) -> Value { value }
