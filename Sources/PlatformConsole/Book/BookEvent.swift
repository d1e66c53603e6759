// SPDX-License-Identifier: Apache-2.0
/// Something that a device did, or the platform to it.
struct BookEvent {
  /// What it means for the device.
  enum Meaning {
    /// A report that the platform took.
    case report
    /// A request that was sent again.
    case again
    /// A device proved who it is.
    case authentication
    /// The platform sent something of its own.
    case down
    /// The platform refused it.
    case refusal
    /// Anything else.
    case other
  }

  var meaning = Meaning.other
  /// `PRODUCTKEY/DEVICENAME`, empty where nobody knows.
  var device = ""
  /// Whether nothing proves that it is that device.
  var isClaimed = false
  /// Whether it is a request with its answer.
  var isRoundTrip = true
  /// The numbers that were reported.
  var readings: [(name: String, value: Double)] = []
  var message = BookMessage()
}

/// A message as the book keeps it.
struct BookMessage: Sendable {
  /// Its number in the book.
  var id: UInt64 = 0
  /// When, in milliseconds since 1970.
  var time: Int64 = 0
  /// How it came: `coap`, `mqtts`, `https` and the like.
  var transport = ""
  /// What it was: `report`, `pull`, `publish` and the like.
  var kind = ""
  /// The request's method and path, or the topic.
  var title = ""
  /// The sequence number.
  var sequence: UInt64?
  /// The platform's number for it.
  var messageID: UInt64?
  /// The CoAP request as it came.
  var request: [UInt8] = []
  /// The CoAP response.
  var response: [UInt8] = []
  /// The payload in plain bytes.
  var payload: [UInt8] = []
  /// What followed: a code or a word.
  var outcome = ""
  /// Whether the platform took it.
  var isGood = true
  /// What came, in bytes; 0 where that is not known.
  var bytesUp = 0
  /// What was sent, in bytes.
  var bytesDown = 0
  /// Why it was refused, or what there is to know.
  var note = ""

  /// About what it takes in memory.
  var cost: Int {
    256 + request.count + response.count + payload.count + title.utf8.count + note.utf8.count
  }
}
