// SPDX-License-Identifier: Apache-2.0
internal import CCurl
internal import ConstrainedCore
internal import HTTPSLayer

#if LEDGER
internal import StreamTraffic
#endif

/// What libcurl's callbacks change of a channel; it lies at one address as long as the channel lives.
///
/// libcurl calls back only while it is called itself, so that nothing here needs a lock.
@safe
struct ChannelState: ~Copyable {
  /// The set of all descriptors to wait for, the timer's among them.
  let poll: Int32
  let timer: Int32
  /// The longest head and the longest body.
  let limit: Int
  /// The last answer's body; `limit` bytes, of which the system gives those that are used.
  let body: UnsafeMutablePointer<UInt8>
  var bodyCount = 0
  var head = HTTPSAnswerHead()
  /// The bytes of all heads of an answer, interim ones and trailers among them.
  var headCount = 0
  /// Whether the head is complete, so that what follows are trailers.
  var isHeadOver = false
  /// Whether the answer was longer than the limit.
  var isTooLong = false
  /// How often the request was sent, or begun to be.
  var sends = 0
  #if !SMALL || GATEWAY
  /// Where the body goes if it is a file.
  var file = FileSink()
  #endif
  #if LEDGER
  /// What counts the bytes of its connections, and how libcurl tells it.
  var traffic: StreamTraffic?
  var sockets = unsafe nbiot_curl_sockets()
  #endif
  /// libcurl's words about a failure, which end with a zero.
  var problem = InlineArray<256, UInt8>(repeating: 0)

  init(
    poll: Int32,
    timer: Int32,
    limit: Int,
    body: UnsafeMutablePointer<UInt8>
  ) {
    self.poll = poll
    self.timer = timer
    self.limit = limit
    unsafe self.body = body
  }

  deinit {
    unsafe free(body)
    CCurl.close(timer)
    CCurl.close(poll)
  }

  /// Forgets the last answer.
  mutating func forgetAnswer() {
    bodyCount = 0
    head = HTTPSAnswerHead()
    headCount = 0
    isHeadOver = false
    isTooLong = false
  }

  /// Whether the connection broke amid the TLS handshake: libcurl has one number for that and for a server without TLS.
  var isHandshakeBroken: Bool {
    problem.span.starts(with: Span("OpenSSL SSL_connect:" as StaticString))
  }

  /// Takes a line of the head, with its end; whether the transfer goes on.
  mutating func take(headLine line: Span<UInt8>) -> Bool {
    guard line.count <= limit - headCount else {
      isTooLong = true
      return false
    }
    headCount += line.count
    let text = line.trimmed
    if text.isEmpty {
      isHeadOver = true
    } else if line.count > 5, line.extracting(0..<5).isEqual(to: "HTTP/") {
      // After an interim answer, such as 100 Continue, another head follows.
      head = HTTPSAnswerHead()
      isHeadOver = false
      #if !SMALL || GATEWAY
      file.take(firstLine: text)
      #endif
    } else if !isHeadOver {
      if head.date.isEmpty, let value = text.value(ofField: "date") {
        try? head.date.replace(with: value)
      } else if head.retryAfter.isEmpty, let value = text.value(ofField: "retry-after") {
        try? head.retryAfter.replace(with: value)
      }
    }
    return true
  }

  /// Takes a piece of the body; whether the transfer goes on.
  mutating func take(body piece: Span<UInt8>) -> Bool {
    guard piece.count <= limit - bodyCount else {
      isTooLong = true
      return false
    }
    // SAFETY: `limit` bytes are there, and the piece fits behind those that are used.
    for index in piece.indices { unsafe body[bodyCount + index] = piece[index] }
    bodyCount += piece.count
    return true
  }
}

typealias StatePointer = UnsafeMutablePointer<ChannelState>

extension Span where Element == UInt8 {
  fileprivate func starts(with bytes: Span<UInt8>) -> Bool {
    count >= bytes.count && extracting(0..<bytes.count).isEqual(to: bytes)
  }

  /// The value of a field line, without white space around it; `nil` where it is another field's.
  @_lifetime(copy self)
  fileprivate func value(ofField name: StaticString) -> Span<UInt8>? {
    let name = Span(name)
    guard count > name.count, self[name.count] == UInt8(ascii: ":") else { return nil }
    for index in name.indices where self[index] | 0x20 != name[index] { return nil }
    return extracting((name.count + 1)..<count).trimmed
  }
}
