// SPDX-License-Identifier: Apache-2.0
#if !SMALL || GATEWAY
internal import CCurl
public import ConstrainedCore
internal import HTTPSLayer

/// Files that are fetched over HTTPS, such as a configuration.
extension HTTPSChannel {
  /// Begins to fetch the file at an https URL by GET, from whatever server that names, into an open file, from where
  /// that stands; one event follows, as for a request.
  ///
  /// The body of an answer with status 200 is written, up to `limit` bytes; of any other answer there is only the head.
  /// No redirect is followed. A transfer that stalls for a minute ends, and so does one that is not over `within` the
  /// time. `false` while a request is under way, where there is no memory, and for a URL that has other characters than
  /// RFC 3986 allows. The next request goes to the channel's own server again.
  public mutating func fetch(
    _ url: Span<UInt8>,
    into file: Int32,
    limit: Int,
    within time: Milliseconds
  ) -> Bool {
    guard !isUnderWay, url.count < 2_048, file >= 0 else { return false }
    for index in url.indices where url[index] <= 0x20 || url[index] >= 0x7F { return false }
    unsafe state.pointee.forgetAnswer()
    unsafe state.pointee.sends = 0
    unsafe state.pointee.problem[0] = 0
    unsafe state.pointee.file = FileSink(descriptor: file, limit: limit)
    var text = FixedBytes<2_048>()
    text.write { (writer: inout ByteWriter) in
      // Both fit.
      try? writer.append(url)
      try? writer.append(0)
    }
    var isSet =
      unsafe text.bytes.withText { unsafe nbiot_curl_set_text(easy, CURLOPT_URL, $0) }
      == CURLE_OK
    if isSet { isSet = setFileFields() }
    let options = fileOptions(time)
    for index in options.indices where isSet {
      let (option, value) = options[index]
      isSet = unsafe nbiot_curl_set_long(easy, option, value) == CURLE_OK
    }
    if isSet {
      isSet =
        unsafe nbiot_curl_set_data(easy, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
          let total = size * count
          // SAFETY: libcurl passes so many bytes, and the state that was set, which outlives the handle.
          guard let bytes = unsafe bytes, let state = unsafe StatePointer(context) else { return 0 }
          // Another number than `total` ends the transfer.
          return unsafe state.pointee.file.take(bytes, total) ? total : total &+ 1
        } == CURLE_OK
    }
    if isSet { isSet = begin() }
    if !isSet { endFile() }
    return isSet
  }

  /// How many bytes of the file have come.
  public var fetchedBytes: Int { unsafe state.pointee.file.count }

  /// The error number of the disk that refused a piece of the file; 0 where none was.
  public var fileProblem: Int32 { unsafe state.pointee.file.problem }

  /// Puts the handle back to what requests need, after a file, whether it came or not.
  mutating func endFile() {
    guard unsafe state.pointee.file.descriptor >= 0 else { return }
    unsafe state.pointee.file.descriptor = -1
    // What was accepted once is accepted again.
    _ = unsafe nbiot_curl_set_long(easy, CURLOPT_POST, 1)
    _ = unsafe nbiot_curl_set_long(easy, CURLOPT_LOW_SPEED_TIME, 0)
    _ = unsafe Self.setBodyFunction(easy)
  }

  /// GET, with limits of a transfer that may be long.
  private func fileOptions(_ time: Milliseconds) -> [4 of (CURLoption, Int)] {
    [
      (CURLOPT_HTTPGET, 1), (CURLOPT_LOW_SPEED_LIMIT, 1), (CURLOPT_LOW_SPEED_TIME, 60),
      (CURLOPT_TIMEOUT_MS, Int(clamping: max(time.count, 1))),
    ]
  }
}

/// Where the body of an answer goes that is a file.
struct FileSink {
  /// The open file; -1 for none.
  var descriptor: Int32 = -1
  private let limit: Int
  private(set) var count = 0
  /// The number in the answer's first line.
  private(set) var status = 0
  /// Whether more came than the limit.
  private(set) var isTooLong = false
  private(set) var problem: Int32 = 0

  init(descriptor: Int32 = -1, limit: Int = 0) {
    self.descriptor = descriptor
    self.limit = limit
  }

  /// Takes the first line of an answer, `HTTP/1.1 200 …`.
  mutating func take(firstLine line: Span<UInt8>) {
    status = 0
    count = 0
    var index = 0
    while index < line.count, line[index] != 0x20 { index += 1 }
    while index < line.count, line[index] == 0x20 { index += 1 }
    for offset in 0..<3 where index + offset < line.count {
      let digit = line[index + offset]
      guard digit >= 0x30, digit <= 0x39 else { return }
      status = status * 10 + Int(digit - 0x30)
    }
  }

  /// Writes a piece; whether the transfer goes on.
  @unsafe
  mutating func take(_ bytes: UnsafePointer<CChar>, _ total: Int) -> Bool {
    guard status == 200 else { return true }
    guard total <= limit - count else {
      isTooLong = true
      return false
    }
    var done = 0
    while done < total {
      // SAFETY: the rest of the piece.
      let written = unsafe write(descriptor, bytes + done, total - done)
      if written < 0, nbiot_curl_errno() == EINTR { continue }
      guard written > 0 else {
        problem = nbiot_curl_errno()
        return false
      }
      done += written
    }
    count += total
    return true
  }
}
#endif
