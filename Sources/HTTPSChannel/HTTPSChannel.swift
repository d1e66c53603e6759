// SPDX-License-Identifier: Apache-2.0
internal import CCurl
internal import ConstrainedCore
public import HTTPSLayer
internal import OpenSSLSupport

#if LEDGER
package import StreamTraffic
internal import TrafficLedger
#endif

/// HTTPS requests to one server over libcurl's multi interface, which a `poll` loop sees as one descriptor.
///
/// HTTP/1.1 over TLS 1.2 or later, with certificate and name verified; nothing turns that off. One connection is kept
/// open between requests, and its TLS session is resumed by the next one. No redirect is followed, no other protocol
/// spoken, nothing decoded, and no password of the environment's files sent. Nothing blocks: libcurl looks a name up in
/// a thread of its own. A request whose kept connection turns out to be closed, with no byte of an answer, is sent once
/// more by libcurl, so that the server may have it twice.
///
/// Memory: the settings' limits, the held body, and libcurl's and OpenSSL's own, in the heap.
@safe
public struct HTTPSChannel: ~Copyable {
  let state: StatePointer
  let easy: UnsafeMutableRawPointer
  /// Holds the connection; `nil` while there is none.
  private var multi: UnsafeMutableRawPointer?
  let settings: HTTPSChannelSettings
  private var fields: UnsafeMutablePointer<curl_slist>?
  private var held: UnsafeMutablePointer<UInt8>?
  private var heldCount = 0
  private(set) var isUnderWay = false
  #if LEDGER
  /// What was sent and received.
  package let traffic: StreamTraffic
  /// The request under way, as the ledger will have it; no bytes where it is none of `start`.
  var counted: (purpose: TrafficLedger.Purpose, bytes: Int) = (.report, 0)
  #endif

  /// A channel to a server; nothing is connected yet.
  ///
  /// `authorities` are those trusted, in PEM.
  public init(
    _ settings: HTTPSChannelSettings,
    authorities: Span<UInt8>
  ) throws(HTTPSChannelError) {
    try settings.check()
    guard !authorities.isEmpty else { throw .authorities }
    // SSLKEYLOGFILE is obeyed by no program of this package.
    let start = nbiot_curl_start()
    guard start == CURLE_OK else { throw .library(code: Int32(bitPattern: start.rawValue)) }
    guard let easy = unsafe curl_easy_init() else { throw .system(code: ENOMEM) }
    guard let state = unsafe StatePointer.make(limit: settings.answerLimit) else {
      unsafe curl_easy_cleanup(easy)
      throw .system(code: nbiot_curl_errno())
    }
    var code = unsafe Self.prepare(easy, state, settings, authorities)
    #if LEDGER
    guard let traffic = StreamTraffic() else {
      unsafe curl_easy_cleanup(easy)
      unsafe state.end()
      throw .system(code: ENOMEM)
    }
    unsafe state.pointee.traffic = traffic
    unsafe state.pointee.sockets = unsafe nbiot_curl_sockets(
      context: traffic.context,
      opened: StreamTraffic.opened,
      closed: StreamTraffic.closed
    )
    if code == CURLE_OK {
      // SAFETY: the state stays where it is.
      code = unsafe withUnsafeMutablePointer(to: &state.pointee.sockets) {
        unsafe nbiot_curl_count_sockets(easy, $0)
      }
    }
    #endif
    guard code == CURLE_OK else {
      unsafe curl_easy_cleanup(easy)
      unsafe state.end()
      throw .library(code: Int32(bitPattern: code.rawValue))
    }
    #if LEDGER
    self.traffic = traffic
    #endif
    unsafe self.easy = easy
    unsafe self.state = state
    self.settings = settings
  }

  deinit {
    // SAFETY: all of it belongs to this value; libcurl calls back until its handles are gone.
    if let multi = unsafe multi {
      if isUnderWay { _ = unsafe curl_multi_remove_handle(multi, easy) }
      _ = unsafe curl_multi_cleanup(multi)
    }
    unsafe curl_easy_cleanup(easy)
    unsafe fields.wipeAndFree()
    unsafe free(held)
    unsafe state.end()
  }

  /// How many connections were made for the last request: 0 where the open one was used.
  package var connectionsOfLastRequest: Int {
    unsafe nbiot_curl_number(easy, CURLINFO_NUM_CONNECTS)
  }

  /// Sets what all requests have in common.
  private static func prepare(
    _ easy: UnsafeMutableRawPointer,
    _ state: StatePointer,
    _ settings: HTTPSChannelSettings,
    _ authorities: Span<UInt8>
  ) -> CURLcode {
    var code = unsafe nbiot_curl_only_https(easy)
    func set(_ option: CURLoption, _ value: Int) {
      if code == CURLE_OK { unsafe code = nbiot_curl_set_long(easy, option, value) }
    }
    set(CURLOPT_SSL_VERIFYPEER, 1)
    set(CURLOPT_SSL_VERIFYHOST, 2)
    set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
    set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
    set(CURLOPT_FOLLOWLOCATION, 0)
    set(CURLOPT_NETRC, 0)
    set(CURLOPT_PATH_AS_IS, 1)
    set(CURLOPT_POST, 1)
    set(CURLOPT_CONNECTTIMEOUT_MS, Int(clamping: settings.connectTimeout.count))
    set(CURLOPT_MAXAGE_CONN, settings.idleLimit)
    // libcurl would change the program's signals.
    set(CURLOPT_NOSIGNAL, 1)
    // A name that is still looked up does not hold the end of a request up.
    if code == CURLE_OK { unsafe code = nbiot_curl_end_quickly(easy) }
    if code == CURLE_OK { unsafe code = nbiot_curl_close_on_exec(easy) }
    if code == CURLE_OK, !settings.usesProxy {
      unsafe code = nbiot_curl_without_proxy(easy)
    }
    if code == CURLE_OK {
      // SAFETY: libcurl copies exactly the span's bytes.
      code = unsafe authorities.withUnsafeBytes {
        unsafe nbiot_curl_set_authorities(easy, $0.baseAddress, $0.count)
      }
    }
    if code == CURLE_OK { unsafe code = demandAlternativeNames(easy) }
    if code == CURLE_OK {
      unsafe code = nbiot_curl_count_sends(
        easy,
        { context, _, _, _, port in
          guard let state = unsafe StatePointer(context) else { return 0 }
          unsafe state.pointee.sends += 1
          #if LEDGER
          unsafe state.pointee.traffic?.shake(port: port)
          #endif
          return 0
        },
        state
      )
    }
    if code == CURLE_OK { unsafe code = nbiot_curl_set_pointer(easy, CURLOPT_HEADERDATA, state) }
    if code == CURLE_OK { unsafe code = nbiot_curl_set_pointer(easy, CURLOPT_WRITEDATA, state) }
    if code == CURLE_OK {
      // SAFETY: the state stays where it is, and libcurl writes at most 256 bytes.
      code = unsafe withUnsafeMutableBytes(of: &state.pointee.problem) {
        unsafe nbiot_curl_set_pointer(easy, CURLOPT_ERRORBUFFER, $0.baseAddress)
      }
    }
    if code == CURLE_OK {
      unsafe code = nbiot_curl_set_data(easy, CURLOPT_HEADERFUNCTION) {
        bytes,
        size,
        count,
        context in
        let total = size * count
        // SAFETY: libcurl passes so many bytes, and the state that was set, which outlives the handle.
        guard let bytes = unsafe bytes, let state = unsafe StatePointer(context) else { return 0 }
        let raw = unsafe UnsafeRawPointer(bytes).assumingMemoryBound(to: UInt8.self)
        let line = unsafe Span(_unsafeStart: raw, count: total)
        // Another number than `total` ends the transfer.
        return unsafe state.pointee.take(headLine: line) ? total : total &+ 1
      }
    }
    if code == CURLE_OK { unsafe code = setBodyFunction(easy) }
    return code
  }

  /// Has answers' bodies kept in the state.
  static func setBodyFunction(_ easy: UnsafeMutableRawPointer) -> CURLcode {
    unsafe nbiot_curl_set_data(easy, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
      let total = size * count
      // SAFETY: as above.
      guard let bytes = unsafe bytes, let state = unsafe StatePointer(context) else { return 0 }
      let raw = unsafe UnsafeRawPointer(bytes).assumingMemoryBound(to: UInt8.self)
      let piece = unsafe Span(_unsafeStart: raw, count: total)
      return unsafe state.pointee.take(body: piece) ? total : total &+ 1
    }
  }

  /// The common name of a certificate is no name of the server (RFC 9525 Section 6.3).
  ///
  /// A libcurl without OpenSSL takes it.
  private static func demandAlternativeNames(_ easy: UnsafeMutableRawPointer) -> CURLcode {
    let code = unsafe nbiot_curl_set_context(easy) { _, context, _ in
      // SAFETY: libcurl passes its SSL_CTX.
      if let context = unsafe context { unsafe ForeignContext.demandAlternativeNames(context) }
      return CURLE_OK
    }
    return code == CURLE_NOT_BUILT_IN || code == CURLE_UNKNOWN_OPTION ? CURLE_OK : code
  }
}

extension HTTPSChannel: HTTPSLayer {
  /// What is readable while `pollEvent` has something to do.
  public var descriptor: Int32 { unsafe state.pointee.poll }

  /// How often the request was sent, or begun to be, that is under way or was the last one.
  public var sends: Int { unsafe state.pointee.sends }

  /// The head of the last answer, until the next request begins.
  public var head: HTTPSAnswerHead { unsafe state.pointee.head }

  /// The body of the last answer, until the next request begins.
  public var body: Span<UInt8> {
    @_lifetime(borrow self)
    get {
      // SAFETY: so many bytes have come, and only a mutating call changes them.
      let bytes = unsafe Span(_unsafeStart: state.pointee.body, count: state.pointee.bodyCount)
      return unsafe _overrideLifetime(bytes, borrowing: self)
    }
  }

  /// Copies the body that `begin` without a body sends, in place of the one held before.
  public mutating func hold(_ body: Span<UInt8>) -> Bool {
    guard !isUnderWay else { return false }
    unsafe free(held)
    unsafe held = nil
    heldCount = 0
    guard !body.isEmpty else { return true }
    guard let memory = unsafe malloc(body.count) else { return false }
    let bytes = unsafe memory.bindMemory(to: UInt8.self, capacity: body.count)
    // SAFETY: the memory has `body.count` bytes.
    for index in body.indices { unsafe bytes[index] = body[index] }
    unsafe held = bytes
    heldCount = body.count
    return true
  }

  /// Begins a request that sends the held body.
  public mutating func begin(_ request: borrowing @_addressable HTTPSRequest) -> Bool {
    guard !isUnderWay else { return false }
    #if LEDGER
    note(request, heldCount)
    #endif
    // SAFETY: the held body stays where it is while a request is under way; no bytes need no place.
    let code =
      if let held = unsafe held {
        unsafe nbiot_curl_lend_body(easy, held, curl_off_t(heldCount))
      } else {
        unsafe nbiot_curl_copy_body(easy, [0], 0)
      }
    return code == CURLE_OK && start(request)
  }

  /// Begins a request with a body of its own, which libcurl copies.
  public mutating func begin(
    _ request: borrowing @_addressable HTTPSRequest,
    body: Span<UInt8>
  ) -> Bool {
    guard !isUnderWay else { return false }
    #if LEDGER
    note(request, body.count)
    #endif
    // SAFETY: libcurl copies exactly the span's bytes.
    let code = unsafe body.withUnsafeBytes {
      unsafe nbiot_curl_copy_body(easy, $0.baseAddress, curl_off_t($0.count))
    }
    return code == CURLE_OK && start(request)
  }

  private mutating func start(_ request: borrowing @_addressable HTTPSRequest) -> Bool {
    unsafe state.pointee.forgetAnswer()
    unsafe state.pointee.sends = 0
    unsafe state.pointee.problem[0] = 0
    guard setAddress(request.path.bytes), setFields(request),
      unsafe nbiot_curl_set_long(
        easy,
        CURLOPT_TIMEOUT_MS,
        Int(clamping: max(request.limit.count, 1))
      ) == CURLE_OK
    else { return false }
    return begin()
  }

  /// Begins the transfer that the handle is set for.
  mutating func begin() -> Bool {
    if unsafe multi == nil {
      guard let fresh = unsafe curl_multi_init() else { return false }
      let code = unsafe nbiot_curl_watch(fresh, watchSocket, setTimer, state)
      guard code == CURLM_OK else {
        _ = unsafe curl_multi_cleanup(fresh)
        return false
      }
      unsafe multi = fresh
    }
    isUnderWay = unsafe curl_multi_add_handle(multi, easy) == CURLM_OK
    if !isUnderWay { wipeFields() }
    return isUnderWay
  }

  /// Ends the request under way without an event, and its connection with it.
  public mutating func cancel() {
    guard isUnderWay else { return }
    isUnderWay = false
    #if LEDGER
    countSends()
    #endif
    _ = unsafe curl_multi_remove_handle(multi, easy)
    wipeFields()
    unsafe state.pointee.forgetAnswer()
    #if !SMALL || GATEWAY
    endFile()
    #endif
  }

  /// Closes the connection; what resumes its TLS session stays.
  public mutating func close() {
    cancel()
    if let multi = unsafe multi { _ = unsafe curl_multi_cleanup(multi) }
    unsafe multi = nil
    _ = unsafe nbiot_timer_set(state.pointee.timer, -1)
  }

  /// What happened since the last call; `nil` when that is all.
  public mutating func pollEvent() -> HTTPSLayerEvent? {
    // So many steps in a row, and the owner has a turn: the descriptor stays readable.
    for _ in 0..<64 {
      var ready: Int32 = 0
      let descriptor = unsafe nbiot_poll_next(state.pointee.poll, &ready)
      guard descriptor >= 0 else { return nil }
      if unsafe descriptor == state.pointee.timer {
        var count: UInt64 = 0
        // SAFETY: a timer gives exactly 8 bytes, and does not block.
        _ = unsafe read(descriptor, &count, 8)
      }
      guard let multi = unsafe multi else { continue }
      var running: Int32 = 0
      if unsafe descriptor == state.pointee.timer {
        _ = unsafe curl_multi_socket_action(multi, nbiot_curl_no_socket(), 0, &running)
      } else {
        _ = unsafe curl_multi_socket_action(multi, descriptor, ready, &running)
      }
      let code = unsafe nbiot_curl_ended(multi)
      if code >= 0 {
        if isUnderWay { return end(CURLcode(rawValue: UInt32(bitPattern: code))) }
      }
    }
    return nil
  }

  /// Ends the request under way with libcurl's result.
  private mutating func end(_ code: CURLcode) -> HTTPSLayerEvent {
    isUnderWay = false
    #if LEDGER
    let purpose = counted.purpose
    countSends()
    #endif
    let status = unsafe nbiot_curl_number(easy, CURLINFO_RESPONSE_CODE)
    let wasSent = unsafe nbiot_curl_number(easy, CURLINFO_REQUEST_SIZE) > 0
    let verified = unsafe nbiot_curl_number(easy, CURLINFO_SSL_VERIFYRESULT)
    _ = unsafe curl_multi_remove_handle(multi, easy)
    wipeFields()
    #if !SMALL || GATEWAY
    let isFileTooLong = unsafe state.pointee.file.descriptor >= 0 && state.pointee.file.isTooLong
    endFile()
    if isFileTooLong {
      unsafe state.pointee.forgetAnswer()
      return .failed(.tooLong, wasSent: true)
    }
    #endif
    if code == CURLE_OK, status > 0 {
      unsafe state.pointee.head.status = UInt16(clamping: status)
      unsafe state.pointee.head.size = state.pointee.headCount + state.pointee.bodyCount
      #if LEDGER
      let size = unsafe state.pointee.head.size
      traffic.count(purpose == .report ? .answer : purpose, .down, bytes: size)
      #endif
      return .answered
    }
    let isTooLong = unsafe state.pointee.isTooLong
    let isBroken = unsafe code == CURLE_SSL_CONNECT_ERROR && state.pointee.isHandshakeBroken
    unsafe state.pointee.forgetAnswer()
    if isTooLong { return .failed(.tooLong, wasSent: true) }
    if isBroken { return .failed(.broken, wasSent: false) }
    return .failed(HTTPSFailure(code, verified: verified, wasSent: wasSent), wasSent: wasSent)
  }

  // MARK: - A request's options

  /// `https://HOST:PORT/PATH`, with the brackets that an IPv6 address needs.
  private func setAddress(_ path: Span<UInt8>) -> Bool {
    guard !path.isEmpty, path[0] == UInt8(ascii: "/") else { return false }
    for index in path.indices where path[index] <= 0x20 || path[index] >= 0x7F { return false }
    var text = FixedBytes<704>()
    text.write { (writer: inout ByteWriter) in
      let host = settings.host.bytes
      var isAddress = false
      for index in host.indices where host[index] == UInt8(ascii: ":") { isAddress = true }
      // 8, 2 brackets, 255, 6, 400 and the end fit.
      try? writer.append("https://")
      if isAddress { try? writer.append("[") }
      try? writer.append(host)
      if isAddress { try? writer.append("]") }
      try? writer.append(":")
      try? writer.append(decimal: UInt64(widening: settings.port))
      try? writer.append(path)
      try? writer.append(0)
    }
    return unsafe text.bytes.withText { unsafe nbiot_curl_set_text(easy, CURLOPT_URL, $0) }
      == CURLE_OK
  }

  #if !SMALL || GATEWAY
  /// The fields by which a file is asked for.
  mutating func setFileFields() -> Bool {
    wipeFields()
    var line = FixedBytes<256>()
    guard add("Accept:", to: &line) else { return false }
    return unsafe nbiot_curl_set_list(easy, CURLOPT_HTTPHEADER, fields) == CURLE_OK
  }
  #endif

  /// The fields of a request; those that libcurl would add and nobody needs are taken out.
  private mutating func setFields(_ request: borrowing @_addressable HTTPSRequest) -> Bool {
    wipeFields()
    for index in request.password.bytes.indices {
      let byte = request.password.bytes[index]
      guard byte >= 0x20, byte < 0x7F else { return false }
    }
    var line = FixedBytes<256>()
    defer { line.withStorage { wipe(&$0) } }
    guard add("Accept:", to: &line), add("Expect:", to: &line) else { return false }
    switch request.content {
    case .json: guard add("Content-Type: application/json", to: &line) else { return false }
    case .octets:
      guard add("Content-Type: application/octet-stream", to: &line) else { return false }
    case .form:
      guard add("Content-Type: application/x-www-form-urlencoded", to: &line) else { return false }
    }
    if !request.password.isEmpty {
      line.write { (writer: inout ByteWriter) in
        // 10 bytes, 192 of the token and the end fit.
        try? writer.append("password: ")
        try? writer.append(request.password.bytes)
        try? writer.append(0)
      }
      guard append(line.bytes) else { return false }
    }
    return unsafe nbiot_curl_set_list(easy, CURLOPT_HTTPHEADER, fields) == CURLE_OK
  }

  private mutating func add(_ text: StaticString, to line: inout FixedBytes<256>) -> Bool {
    line.write { (writer: inout ByteWriter) in
      try? writer.append(text)
      try? writer.append(0)
    }
    return append(line.bytes)
  }

  /// Appends a line that ends with a zero.
  private mutating func append(_ line: Span<UInt8>) -> Bool {
    // SAFETY: libcurl copies the text up to its zero.
    let longer = unsafe line.withText { unsafe curl_slist_append(fields, $0) }
    guard let longer = unsafe longer else { return false }
    unsafe fields = longer
    return true
  }

  /// Removes the fields from the handle, and wipes them, the token among them.
  private mutating func wipeFields() {
    _ = unsafe nbiot_curl_set_list(easy, CURLOPT_HTTPHEADER, nil)
    unsafe fields.wipeAndFree()
    unsafe fields = nil
  }
}
